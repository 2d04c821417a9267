"""The networks, Flax modules, and their programs, compiled and kept."""
