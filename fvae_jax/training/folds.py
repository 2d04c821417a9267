"""How the skin of training people folds in an expression, from their photos with and without it, for the model file."""

import logging
from collections.abc import Callable

import cv2
import ml_collections
import numpy as np

from fvae_jax.bundle import Folds
from fvae_jax.data.people import Faces
from fvae_jax.editing import exemplar, latent
from fvae_jax.editing.folds import STEP
from fvae_jax.errors import InputError, printable
from fvae_jax.ops import frame as frame_lib, image as image_ops
from fvae_jax.training import exemplars

_LOG = logging.getLogger('fvae_jax')

_SIDE = 256  # px of the stored maps
# Px of the photo's crop: what is finer is texture, or the flow is not exact enough for it.
_FINE, _FINE_AT_EYES = 2.0, 1.2
_SMOOTH = 1.5  # px, of the flow
_BLACK = 4  # of 255, added to both lights so that noise in black hair is no fold
_STRONGEST = 0.5  # of r
_DEEP = 0.05  # standard deviation of r over the face; deeper folds of one person would not suit many
# How much of what the owner has: dark folds, since the new face has some of its own; shine, which depends on skin; fine
# folds around the eyes, which a network shows least.
_DEPTH, _SHINE, _CREASE = 1.2, 0.7, 1.4
# What is left out, as ellipses: middle (x, y), half axes. In eye distances, from the midline and the line of the eyes,
# and of the mouth in widths of it, from its middle; a fifth and more inside and outside of each edge is soft.
_FACE, _EYE, _NOSE, _MOUTH = (
    (0.0, 0.55, 0.89, 1.28),
    (0.5, 0.0, 0.315, 0.15),
    (0.0, 0.62, 0.345, 0.225),
    (0, 0.02, 0.6, 0.3),
)

_CHIN = (0.1, 0.5)  # widths of the mouth below it: from the first on less is kept, from the second on nothing
_AROUND_EYE = 0.55  # eye distances
_BROAD = 0.2  # eye distances

Corners = Callable[[np.ndarray], np.ndarray | None]


def people(config: ml_collections.ConfigDict, faces: Faces) -> list[tuple[str, str, str, str]]:
    """The photos that `data.folds` names: (person, file of the neutral one, file of the other, its expression).

    Raises:
      InputError: Someone is not among the training people, or has no real photos of both kinds.
    """
    found = []
    for name in config.data.folds:
        if name not in faces.split.train:
            raise InputError(f"data.folds: '{name}' is not among the training people; name others")
        real = {
            record.expression: record.file
            for record in faces.data.records
            if record.identity == name
            and record.origin == 'real'
            and (record.expression == latent.NEUTRAL or record.strength >= latent.FULL_STRENGTH)
        }
        shown = sorted(real.keys() - {latent.NEUTRAL})
        if latent.NEUTRAL not in real or not shown:
            raise InputError(f"data.folds: '{name}' has no photos with and without an expression; name others")
        found += [(name, real[latent.NEUTRAL], real[expression], expression) for expression in shown]
    return found


def collect(config: ml_collections.ConfigDict, faces: Faces, corners: Corners) -> Folds | None:
    """Measures the folds of `data.folds`; None without such people.

    `corners` finds those of the mouth in a neutral crop of the model, (size, size, 3) uint8; see `Model.mouth_corners`.

    Raises:
      InputError: See `people`; or a file is gone.
    """
    frame, size, found, left_out = frame_lib.of(config), config.data.image_size, [], {}
    for name, neutral, shown, expression in people(config, faces):
        before, after = (exemplars.crop(config, file) for file in (neutral, shown))
        mouth = corners(cv2.resize(before, (size, size), interpolation=cv2.INTER_AREA))
        if mouth is None:
            left_out[name] = neutral
            continue
        r = _ratio(before, after, mouth, frame)
        stored = np.rint(cv2.resize(r, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA) / STEP)
        light = exemplar.skin_light(image_ops.to_float(before), frame).mean()
        found.append((stored.astype(np.int8), mouth, light, expression))
    if left_out:
        _LOG.warning(
            'warning: data.folds: the network finds no mouth in the neutral photo of %s, left out; name others',
            printable(', '.join(f"'{name}' ({file})" for name, file in left_out.items())),
        )
    if not found:
        return None
    maps, mouths, lights, expressions = zip(*found)
    return Folds(np.stack(maps), np.stack(mouths), np.float32(lights), expressions)


def _ratio(before: np.ndarray, after: np.ndarray, mouth: np.ndarray, frame: frame_lib.Frame) -> np.ndarray:
    """Returns r of an expression at the places of the neutral face, (S, S) float32, of two crops (S, S, 3) uint8."""
    side = len(before)
    flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flow.setFinestScale(1)
    flow.setVariationalRefinementIterations(10)
    gray = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in (before, after)]
    field = cv2.GaussianBlur(flow.calc(*gray, None), (0, 0), _SMOOTH)
    y, x = np.indices((side, side), np.float32)
    back = cv2.remap(after, x + field[..., 0], y + field[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    kept, creased = _kept(side, mouth, frame), _at_eyes(side, frame)
    r = (1 - creased) * _log_ratio(before, back, _FINE) + _CREASE * creased * _log_ratio(before, back, _FINE_AT_EYES)
    # Lamps and heads may have moved: what is so broad is light, and no fold.
    broad = [cv2.GaussianBlur(values, (0, 0), _BROAD * frame.eye_distance * side) for values in (r * kept, kept)]
    r = np.clip(r - broad[0] / np.maximum(broad[1], 1e-3), -_STRONGEST, _STRONGEST) * kept
    r *= min(1, _DEEP / max(float(r[kept > 0.5].std()), 1e-6))
    return r * np.where(r > 0, _SHINE, _DEPTH)


def _log_ratio(before: np.ndarray, after: np.ndarray, fine: float) -> np.ndarray:
    lights = [cv2.GaussianBlur(np.float32(image), (0, 0), fine).mean(-1) + _BLACK for image in (before, after)]
    return np.log(lights[1] / lights[0])


def _at_eyes(side: int, frame: frame_lib.Frame) -> np.ndarray:
    """The surroundings of the eyes, in which crops agree best, (side, side) float32 in [0, 1]."""
    y, x = (np.indices((side, side), np.float32) + 0.5) / side
    across, down = np.abs(x - 0.5) / frame.eye_distance - 0.5, (y - frame.eye_y) / frame.eye_distance
    return np.clip(2 * (1 - np.hypot(across / _AROUND_EYE, down / _AROUND_EYE)), 0, 1)


def _kept(side: int, mouth: np.ndarray, frame: frame_lib.Frame) -> np.ndarray:
    """Where skin may fold: in the face, away from eyes, nostrils and lips; (side, side) float32 in [0, 1]."""
    y, x = (np.indices((side, side), np.float32) + 0.5) / side
    across, down = (x - 0.5) / frame.eye_distance, (y - frame.eye_y) / frame.eye_distance
    width, below = mouth[1, 0] - mouth[0, 0], (mouth[:, 1].mean() - frame.eye_y) / frame.eye_distance

    def outside(x: np.ndarray, y: np.ndarray, middle_x: float, middle_y: float, a: float, b: float) -> np.ndarray:
        return np.clip((np.hypot((x - middle_x) / a, (y - middle_y) / b) - 0.85) / 0.3, 0, 1)

    around = (x - mouth[:, 0].mean()) / width, (y - mouth[:, 1].mean()) / width
    nose = _NOSE[0], _NOSE[1] * below, *_NOSE[2:]
    kept = np.minimum.reduce(
        [
            1 - outside(across, down, *_FACE),
            outside(np.abs(across), down, *_EYE),
            outside(across, down, *nose),
            outside(*around, *_MOUTH),
            np.clip((_CHIN[1] - around[1]) / (_CHIN[1] - _CHIN[0]), 0, 1),
        ]
    )
    return cv2.GaussianBlur(kept.astype(np.float32), (0, 0), 0.0225 * frame.eye_distance * side)
