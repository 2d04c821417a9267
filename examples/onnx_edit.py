"""An edit with onnxruntime alone, without JAX or this package.

fvae export --to onnx --out MODEL
python examples/onnx_edit.py MODEL PHOTO LEFT_X LEFT_Y RIGHT_X RIGHT_Y EXPRESSION STRENGTH OUT.png

The centers of both eyes, in pixels, are what any face detector finds; the left one has the smaller x. Writes the face
at the model's own size, moved pixels only; the package adds new content, teeth, shading and full resolution.
"""

import json
import pathlib
import sys

import cv2
import numpy as np
import onnxruntime

folder, photo, *eyes, expression, strength, out = sys.argv[1:]
folder = pathlib.Path(folder)
facts = json.loads((folder / 'model.json').read_text())
size, table = facts['size'], facts['latents']
latents = np.fromfile(folder / table['file'], '<f4').reshape(-1, *table['shape'])
sessions = {name: onnxruntime.InferenceSession(folder / f'{name}.onnx') for name in ('encode', 'decode')}


def run(name, **arrays):
    """The outputs of a network by name; it takes what it needs."""
    inputs, outputs = (facts['networks'][name][side] for side in ('inputs', 'outputs'))
    return dict(zip(outputs, sessions[name].run(outputs, {key: arrays[key] for key in inputs})))


to_crop, _ = cv2.estimateAffinePartial2D(np.float32(eyes).reshape(2, 2), np.float32(facts['eyes']))
crop = cv2.warpAffine(cv2.imread(photo), to_crop, (size, size), flags=cv2.INTER_AREA)
face = run('encode', image=np.float32(crop[None, ..., ::-1] / 127.5 - 1))
edited = face['latent'] + np.float32(strength) * latents[table['order'].index(expression)]
before = run('decode', **face)['displacement'][0]
after = run('decode', **{**face, 'latent': edited})['displacement'][0]
y, x = np.mgrid[:size, :size].astype(np.float32)
moved = cv2.remap(crop, x + (after - before)[..., 0], y + (after - before)[..., 1], cv2.INTER_LANCZOS4)
cv2.imwrite(out, moved)
