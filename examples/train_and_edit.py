"""Trains on your own photos and edits one with the result.

PYTHONPATH=. python examples/train_and_edit.py DATA PHOTO OUT.png [STEPS]

DATA holds IDENTITY/EXPRESSION*.jpg or an index.csv (docs/training.md, "Own data"). 1800 steps, 5 minutes on 2 CPU
cores, unless STEPS says otherwise. Run again, it goes on where it was stopped.
"""

import sys

import fvae_jax
from configs import photos
from fvae_jax import runtime
from fvae_jax.training import experiment

data, photo, out, *steps = sys.argv[1:]
runtime.prepare()
config = photos.get_config('small')
config.data.root = data
if steps:
    config.train.steps = config.confidence.steps = int(steps[0])
scores = experiment.train(config, 'runs/own')
print(f'PSNR {scores["psnr"]:.2f} dB on test people; copying gives {scores["psnr_copy"]:.2f}')

editor = fvae_jax.load('runs/own/model.safetensors')
print('expressions:', ', '.join(editor.expressions))
editor.open(photo).edit(smile=1.0).save(out)
