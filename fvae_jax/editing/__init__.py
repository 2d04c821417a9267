"""Algorithms 1 and 2: on crops (`model`), in whole photos (`edit`, `morph`), and `editor`, the door to them."""
