"""Edits: Algorithms 1 and 2 on crops (`editor`) and whole photos (`studio`), and files for the results."""
