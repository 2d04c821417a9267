"""Interpolation against true middle frames (Figure 6 as a number), on the drawn people of a run.

    python -m fvae_jax.evaluation.middle_frames RUN

For every test person and expression, S1 is the neutral drawing, S2 the full expression, and the drawing at strength
1/2 is what Algorithm 2 should show at t = 1/2.
"""

import argparse
import json
import pathlib
from typing import Iterator, NamedTuple

import numpy as np
from tqdm import tqdm

from fvae_jax import runtime
from fvae_jax.data import drawing, expressions, pairs
from fvae_jax.editing import editor as editor_lib, latent as latent_lib, output
from fvae_jax.errors import InputError
from fvae_jax.ops import image as image_ops, warp


class Middle(NamedTuple):
    """One case: two ends and the true frame between them, (H, W, 3) uint8."""

    first: np.ndarray
    second: np.ndarray
    truth: np.ndarray


def cases(editor: editor_lib.Editor) -> Iterator[Middle]:
    """Yields the cases of a model's test people.

    Raises:
      InputError: The model was not trained on drawn faces.
    """
    data = editor.bundle.config.data
    if data.set != 'synthetic':
        raise InputError(f"this model was trained on '{data.set}', whose true middle frames are unknown; "
                         'take a run of configs/synthetic.py')
    names = {f'synthetic_{i:04d}': i for i in range(data.identities)}
    test = pairs.split_identities(list(names), data.test_share, data.validation_share).test
    for name in tqdm(test, unit=' people', delay=2, leave=False, disable=None):
        face = drawing.Face(0, names[name], data.image_size)
        neutral = face.image('neutral', 0.0)
        for expression in expressions.EXPRESSIONS:
            if expression != 'neutral':
                yield Middle(neutral, face.image(expression, 1.0), face.image(expression, 0.5))


def frames_at_half(editor: editor_lib.Editor, first: np.ndarray, second: np.ndarray) -> dict[str, np.ndarray]:
    """Interpolates two crops at t = 1/2 in several ways, (H, W, 3) float32 in [-1, 1] each.

    Returns:
      'logit' and 'softmax': Algorithm 2 with the confidence mask. 'warps': the plain mean of the two warps.
      'cross-fade': the mean of the two photos. 'first': S1 as it is.
    """
    faces = [editor.encode(crop) for crop in (first, second)]
    middle = np.asarray(latent_lib.interpolate(faces[0].latent, faces[1].latent, 0.5))
    warps = [np.asarray(warp.warp_by_displacement(face.crop, editor.displacement(face, middle))) for face in faces]
    logits = [editor.mask_logits(face, middle) for face in faces]
    frames = {}
    for blend in ('logit', 'softmax'):
        weights = [np.asarray(w)[..., None] for w in latent_lib.blend_weights(*logits, 0.5, blend)]
        frames[blend] = weights[0] * warps[0] + weights[1] * warps[1]
    return {**frames, 'warps': (warps[0] + warps[1]) / 2, 'cross-fade': (faces[0].crop + faces[1].crop) / 2,
            'first': faces[0].crop}


def score(editor: editor_lib.Editor) -> dict[str, dict[str, float]]:
    """Returns {way: {'psnr': …, 'psnr_mouth': …}}, means over all cases, dB."""
    collected: dict[str, list[tuple[float, float]]] = {}
    for case in cases(editor):
        truth = image_ops.to_float(case.truth)
        for way, frame in frames_at_half(editor, case.first, case.second).items():
            mouths = [image_ops.crop_region(x, *image_ops.MOUTH) for x in (frame, truth)]
            collected.setdefault(way, []).append((float(image_ops.psnr(frame, truth)), float(image_ops.psnr(*mouths))))
    return {way: dict(zip(('psnr', 'psnr_mouth'), np.mean(values, 0).tolist())) for way, values in collected.items()}


def main() -> None:
    """Prints the table and writes RUN/middle_frames.json."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('run', type=pathlib.Path, help='a run directory of configs/synthetic.py')
    run = parser.parse_args().run
    runtime.prepare()
    scores = score(editor_lib.load(run / 'model.safetensors'))
    with output.replacing(run / 'middle_frames.json') as temporary:
        temporary.write_text(json.dumps(scores, indent=2) + '\n')
    print(f'{"t = 1/2":<12}{"PSNR":>8}{"mouth":>8}  dB')
    for way, values in sorted(scores.items(), key=lambda item: -item[1]['psnr']):
        print(f'{way:<12}{values["psnr"]:>8.2f}{values["psnr_mouth"]:>8.2f}')


if __name__ == '__main__':
    runtime.exit_on_error(main)
