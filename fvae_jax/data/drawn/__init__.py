"""Procedural faces with true flow: `face` makes a person, the others are the parts of a face.

What paints a part takes the person's traits, the random generator of the texture, and x and y, (R, R) float32, the
places of the canvas in face units (`traits`); it returns linear light, (R, R, 3).
"""
