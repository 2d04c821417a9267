"""Figures, tables and scores of the paper, each made by a command."""
