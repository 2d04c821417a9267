"""Edits every photo of a folder, everyone in it. Photos without a face are named and left out.

python examples/edit_folder.py PHOTOS OUT
"""

import pathlib
import sys

import fvae_jax

photos, out = map(pathlib.Path, sys.argv[1:])
out.mkdir(parents=True, exist_ok=True)
editor = fvae_jax.load()
for path in sorted(photos.iterdir()):
    try:
        photo = editor.open(path)
    except fvae_jax.InputError as error:
        print(f'left out: {error}', file=sys.stderr)
        continue
    photo.edit(smile=0.7, face='all').save(out / f'{path.stem}.png')
    print(out / f'{path.stem}.png')
