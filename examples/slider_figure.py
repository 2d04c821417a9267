"""A figure of expressions by strength, with Matplotlib.

python examples/slider_figure.py PHOTO FIGURE.png
"""

import sys

import matplotlib

matplotlib.use('Agg')  # no window
from matplotlib import pyplot as plt

import fvae_jax

source, out = sys.argv[1:]
photo = fvae_jax.load().open(source)
expressions, strengths = ('smile', 'surprise', 'squint', 'sad'), (-1, -0.5, 0, 0.5, 1, 1.5)
x0, y0, x1, y1 = map(int, photo.faces[0].box)
margin = (y1 - y0) // 3
region = slice(max(y0 - margin, 0), y1 + margin), slice(max(x0 - margin, 0), x1 + margin)

figure, axes = plt.subplots(len(expressions), len(strengths), figsize=(2 * len(strengths), 2.6 * len(expressions)))
for row, expression in zip(axes, expressions):
    for axis, strength in zip(row, strengths):
        axis.imshow(photo.edit({expression: strength}).to_array()[region])
        axis.set_title(f'{expression} {strength:g}', fontsize=9)
        axis.axis('off')
figure.tight_layout()
figure.savefig(out, dpi=100)
