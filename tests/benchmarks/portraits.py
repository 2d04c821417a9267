"""Editing a photo of 1920×1080 px: the warp beside OpenCV, a whole change of strength beside the time of a frame."""

import os
import pathlib
import tempfile

import cv2
import numpy as np
import skimage.data
from benchmarks import harness

from fvae_jax.editing import editor as editor_lib, portrait, still
from fvae_jax.photo import write
from fvae_jax.photo.photo import Photo

_HEIGHT, _WIDTH = 1080, 1920
_FRAME = 1000 / 30  # ms
_FINE = 256  # px, what both sides enlarge a flow to before it is read bilinearly


def photo_1080p() -> np.ndarray:
    """NASA's portrait of Eileen Collins at full height, its border repeated, (1080, 1920, 3) uint8."""
    portrait_pixels = cv2.resize(skimage.data.astronaut(), (_HEIGHT, _HEIGHT), interpolation=cv2.INTER_CUBIC)
    side = (_WIDTH - _HEIGHT) // 2
    return cv2.copyMakeBorder(portrait_pixels, 0, 0, side, side, cv2.BORDER_REPLICATE)


def open_1080p(model: pathlib.Path) -> still.EditablePhoto:
    """That photo, opened with a model file."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'astronaut.png')
        write.write_png(path, photo_1080p())
        return editor_lib.load(model).open(path)


def warp_1080p(model: pathlib.Path) -> harness.Result:
    """From the flow of a crop to the photo: similarity, upsampling, fade, resampling of the face region.

    Args:
      model: The model file that says where the pixels go.
    """
    opened = open_1080p(model)
    editor, photo, matrix = opened.model, opened.photo, opened.matrix(opened.numbers(None)[0])
    face = opened.encoded(opened.numbers(None)[0])
    expression = next(
        name for name in ('smile', *editor.expressions) if name in editor.expressions and name != 'neutral'
    )
    displacement = editor.displacement(face, editor.edited_latent(face, {expression: 1.0}))

    def ours():
        box, field = portrait.photo_displacement(displacement, matrix, photo.pixels.shape)
        return field, portrait.warp_photo(photo, box, field).pixels

    theirs = lambda: _by_opencv(photo, displacement, matrix)
    (field, pixels), (their_field, their_pixels) = ours(), theirs()
    apart = np.hypot(*np.moveaxis(field - their_field, -1, 0)).max()
    changed = (pixels != photo.pixels).any(-1)
    error = np.sqrt(np.mean(np.square(pixels[changed].astype(float) - their_pixels[changed])))
    agreement = (
        f'flows apart by {apart:.2f} px at most (allowed 0.25), what moves by {error:.2f} of 255 in the '
        'mean square (allowed 3): another spline, another Lanczos kernel'
    )
    if apart > 0.25 or error > 3:
        raise harness.Disagreement(f'warp: {agreement}')
    height, width = field.shape[:2]
    return harness.compare(
        'warp_1080p',
        part=f'from a decoded flow to the 1920×1080 photo, face region {width}×{height} px',
        peer='`resize`, `warpAffine`, `remap` (Lanczos) of OpenCV',
        bar=0.7,
        ours=ours,
        theirs=theirs,
        agreement=agreement,
    )


def _by_opencv(photo: Photo, displacement: np.ndarray, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same with OpenCV alone, each step one call where there is one."""
    size = len(displacement)
    y0, y1, x0, x1 = portrait.face_region(matrix, size, photo.pixels.shape)
    linear = np.linalg.inv(matrix[:, :2])
    fine = cv2.resize(displacement @ linear.T.astype(np.float32), (_FINE, _FINE), interpolation=cv2.INTER_CUBIC)
    edge = np.clip(np.minimum(np.arange(_FINE), np.arange(_FINE)[::-1]) / np.float32(portrait.FADE * _FINE), 0, 1)
    fade = edge * edge * (3 - 2 * edge)
    fine *= (fade[:, None] * fade)[..., None]
    to_fine = portrait.scale_transform(matrix, _FINE / size)
    to_fine[:, 2] += to_fine[:, :2] @ (x0, y0)
    field = cv2.warpAffine(fine, to_fine, (x1 - x0, y1 - y0), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    x = field[..., 0] + np.arange(x0, x1, dtype=np.float32)
    y = field[..., 1] + np.arange(y0, y1, dtype=np.float32)[:, None]
    pixels = photo.pixels.copy()
    pixels[y0:y1, x0:x1] = cv2.remap(photo.pixels, x, y, cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REPLICATE)
    return field, pixels


def slider_1080p(model: pathlib.Path) -> harness.Result:
    """A change of strength, decode to finished pixels, of a photo that is open; new content included.

    Args:
      model: The model file.
    """
    opened = open_1080p(model)
    expressions = opened.model.expressions
    expression = 'smile' if 'smile' in expressions else next(name for name in expressions if name != 'neutral')
    strengths = np.linspace(0.1, 1.5, 15)
    count = 0

    def ours():
        nonlocal count
        count += 1
        return opened.edit(**{expression: float(strengths[count % len(strengths)])}).photo.pixels

    original = opened.photo.pixels
    if not np.array_equal(opened.edit(**{expression: 0.0}).photo.pixels, original) or np.array_equal(ours(), original):
        raise harness.Disagreement('slider: strength 0 is not the photo, or another strength is')
    seconds = [harness.turn(ours, 1) for _ in range(60)]
    return harness.summarize(
        'slider_1080p',
        f'a change of strength of the 1920×1080 photo ({expression}), decode to pixels',
        'a frame at 30 frames per second',
        1.0,
        seconds,
        [_FRAME / 1000] * len(seconds),
        'strength 0 is the photo bit for bit',
        {'frames_per_second': 1 / float(np.median(seconds))},
    )
