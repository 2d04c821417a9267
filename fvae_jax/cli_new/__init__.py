"""Subcommands of `fvae` about training runs and Figure 7, a module for each."""
