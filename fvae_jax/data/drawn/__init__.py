"""Procedural faces with true flow: `examples` makes the set, `face` a person, the others are the parts of a face."""
