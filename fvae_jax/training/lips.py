"""How lips are found in photos, and what they are like at rest: learned from the training people, for the model file.

They are found by supervised descent (Xiong and De la Torre 2013): a linear regression from the latent, then a few from
what is seen around the last guess, each taught on the errors that those before it make with people whom they have not
seen.
"""

import zlib
from collections.abc import Callable, Sequence

import cv2
import ml_collections
import numpy as np
from tqdm import tqdm

from fvae_jax.bundle import Lips
from fvae_jax.data import lips as lips_lib
from fvae_jax.data.people import Faces
from fvae_jax.editing import contour, latent, vermilion
from fvae_jax.errors import InputError
from fvae_jax.ops import frame as frame_lib
from fvae_jax.training import exemplars

_FEWEST = 200  # images; of fewer a regression learns too little
_TIMES = {'real': 3, 'synthetic': 1}  # how often an image is shown, each time a little elsewhere
_TURN, _SCALE, _SHIFT = 1.5, 0.02, 0.012  # standard deviations of that: degrees, logarithm, shares of the crop's side
_HALF = 0.5  # of a real one, what an image that was made counts
_GROUPS = 5  # of people, each of whom is guessed by what the others taught
_STARTS, _OFF = 4, 0.02  # guesses for each image, all but one of them moved about by this, eye distances
# Of the mean square of what a regression looks at: what keeps it from learning people by heart.
_RIDGE, _RIDGE_LATENT = 1.0, 0.03

# Lips at rest.
_MADE = 'synthetic'  # the origin of images whose lips were drawn
# Maps are softer than photos: how much of what is finer than a px of the crop is added, and that px in places of a map.
_SHARP, _PIXEL = 0.4, 1.9
# Lips have another color than the skin around them, by this share of what most of them have; or they are dark and near
# the line on which they meet; and nowhere are they farther from it, across, up and down. With their rim they are larger
# by so many places, and soft.
_COLORED, _MOST, _DARK, _LINE = 0.4, 0.9, -0.3, 0.03
_REACH, _MIDDLE = (1.12, 0.17, 0.2), (0.6, 0.12)
_SMOOTH, _GAPS, _RIM, _SOFT = 2.7, 7, 13, 4.0


def collect(config: ml_collections.ConfigDict, faces: Faces, encode: Callable[[np.ndarray], np.ndarray]) -> Lips | None:
    """Learns how the lips of the training people are found, and `resting`; None without contours of enough images.

    `encode` gives Z of a crop of the model, (size, size, 3) uint8.
    """
    frame, size, train = frame_lib.of(config), config.data.image_size, set(faces.split.train)
    numbers = [
        i
        for i, record in enumerate(faces.data.records)
        if record.identity in train and np.isfinite(faces.data[i].get('lips', np.nan)).all()
    ]
    if len(numbers) < _FEWEST:
        return None
    rng, seen, latents, contours, weights, groups = np.random.default_rng(config.seed), [], [], [], [], []
    for i in _progress(numbers, 'lips'):
        record, (crop, points) = faces.data.records[i], exemplars.crop_with_lips(config, faces, i)
        for shown, moved in _elsewhere(crop, points, _TIMES.get(record.origin, 1), rng):
            seen.append(contour.look(shown, frame))
            latents.append(encode(cv2.resize(shown, (size, size), interpolation=cv2.INTER_AREA)).ravel())
            contours.append(seen[-1].in_eye_distances(moved))
            weights.append(1.0 if record.origin == 'real' else _HALF)
            groups.append(zlib.crc32(record.identity.encode()) % _GROUPS)
    tables = (np.array(values) for values in (latents, contours, weights, groups))
    return _descent(seen, *tables, rng)._replace(resting=resting(config, faces))


def _progress(what: Sequence, name: str) -> tqdm:
    return tqdm(what, desc=name, delay=2, leave=False, disable=None)


def _elsewhere(
    crop: np.ndarray, points: np.ndarray, times: int, rng: np.random.Generator
) -> list[tuple[np.ndarray, np.ndarray]]:
    """A crop and its contour as they would be with the eyes found a little elsewhere; every other one mirrored."""
    side, found = len(crop), []
    for n in range(times):
        middle = (side - 1) / 2
        matrix = cv2.getRotationMatrix2D((middle, middle), rng.normal(0, _TURN), np.exp(rng.normal(0, _SCALE)))
        matrix[:, 2] += rng.normal(0, _SHIFT * side, 2)
        shown = cv2.warpAffine(crop, matrix, (side, side), borderMode=cv2.BORDER_REPLICATE)
        moved = points @ matrix[:, :2].T + matrix[:, 2]
        if rng.random() < 0.5 if times == 1 else n % 2:
            shown = np.ascontiguousarray(shown[:, ::-1])
            moved = np.stack([side - 1 - moved[:, 0], moved[:, 1]], -1)[list(lips_lib.MIRRORED)]
        found.append((shown, moved))
    return found


def _descent(
    seen: Sequence[contour.Seen],
    latents: np.ndarray,
    contours: np.ndarray,
    weights: np.ndarray,
    groups: np.ndarray,
    rng: np.random.Generator,
) -> Lips:
    """Fits one regression after another to N crops.

    Latents are (N, 4 · 4 · C); contours, the truth, (N, 2n), eye distances; weights (N,); groups (N,), numbers below
    `_GROUPS`. Where guesses start is random.
    """
    start, guesses = _taught(latents, contours, weights, groups, _RIDGE_LATENT)
    images = np.tile(np.arange(len(seen)), _STARTS)
    guesses = np.concatenate([guesses, *(_about(guesses, rng) for _ in range(_STARTS - 1))])
    steps = []
    for reach in _progress(contour.LOOKS, 'regressions'):
        features = np.stack([contour.around(seen[i], guess, reach) for i, guess in zip(images, guesses)])
        missing = contours[images] - guesses
        step, corrections = _taught(features, missing, weights[images], groups[images], _RIDGE)
        steps.append(step)
        guesses = guesses + corrections
    return Lips(np.float32(start), np.float32(steps))


def _about(guesses: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Guesses (N, 2n) moved about and made larger or smaller."""
    points = guesses.reshape(len(guesses), -1, 2)
    middle = points.mean(1, keepdims=True)
    shape = len(guesses), 1, 2
    moved = (points - middle) * np.exp(rng.normal(0, 2 * _OFF, shape)) + middle + rng.normal(0, _OFF, shape)
    return moved.reshape(guesses.shape)


def _taught(
    values: np.ndarray, truth: np.ndarray, weights: np.ndarray, groups: np.ndarray, ridge: float
) -> tuple[np.ndarray, np.ndarray]:
    """A regression from values (N, F), (1 + F, 2n), and what those of the other groups say of each, (N, 2n)."""
    everyone = _regression(values, truth, weights, ridge)
    said = np.zeros_like(truth)
    for group in np.unique(groups):
        others, own = groups != group, groups == group
        theirs = _regression(values[others], truth[others], weights[others], ridge) if others.any() else everyone
        said[own] = theirs[0] + values[own] @ theirs[1:]
    return everyone, said


def _regression(values: np.ndarray, truth: np.ndarray, weights: np.ndarray, ridge: float) -> np.ndarray:
    """Least squares with a ridge of so much of the mean square: constants, and what each value adds, (1 + F, 2n)."""
    middle, target = (np.average(table, 0, weights=weights) for table in (values, truth))
    rows = (values - middle) * np.sqrt(weights)[:, None]
    squares = rows.T @ rows
    squares[np.diag_indices(len(squares))] += ridge * np.trace(squares) / len(squares)
    slopes = np.linalg.solve(squares, rows.T @ ((truth - target) * np.sqrt(weights)[:, None]))
    return np.concatenate([target[None] - middle @ slopes, slopes])


def resting(config: ml_collections.ConfigDict, faces: Faces) -> np.ndarray | None:
    """Measures the lips of `data.lips`, as `bundle.Lips.resting` holds them; None without such people.

    Raises:
      InputError: One of them is not among the training people, or has no neutral photo with a lip contour.
    """
    return np.stack([_stored(_at_rest(config, faces, name)) for name in config.data.lips]) if config.data.lips else None


def people(config: ml_collections.ConfigDict, faces: Faces) -> None:
    """Raises `InputError` unless the lips of `data.lips` can be measured."""
    for name in config.data.lips:
        _photo(faces, name)


def _photo(faces: Faces, name: str) -> int:
    """The number of a person's neutral photo in which the lips are known."""
    if name not in faces.split.train:
        raise InputError(f"data.lips: '{name}' is not among the training people; name others")
    for i, record in enumerate(faces.data.records):
        if record.identity != name or record.expression != latent.NEUTRAL or record.origin == _MADE:
            continue
        if np.isfinite(faces.data[i].get('lips', np.nan)).all():
            return i
    raise InputError(f"data.lips: '{name}' has no neutral photo whose lips are in {lips_lib.FILE}; name others")


def _at_rest(config: ml_collections.ConfigDict, faces: Faces, name: str) -> np.ndarray:
    """A map of a person's mouth at rest; see `vermilion.seen`."""
    crop, points = exemplars.crop_with_lips(config, faces, _photo(faces, name))
    half, distance = lips_lib.POINTS // 2, frame_lib.of(config).eye_distance * len(crop)
    (left, right), lower = points[[0, half], 0], points[[0, *range(lips_lib.POINTS - 1, half - 1, -1)]]
    rows = np.interp(vermilion.columns(left, right), *((points[: half + 1] + lower) / 2).T)
    return vermilion.seen(crop, vermilion.places(left, right, rows, distance), distance, vermilion.FINE)


def _stored(light: np.ndarray) -> np.ndarray:
    """A map as model files hold it, and where its lips are, (h, w, 4) int8."""
    share = _lips(light)
    sharp = light + _SHARP * (light - cv2.GaussianBlur(light, (0, 0), _PIXEL))
    steps = np.concatenate([sharp / vermilion.STEP, share[..., None] * vermilion.WHOLE], axis=-1)
    return np.int8(np.clip(np.rint(steps), -127, 127))


def _lips(light: np.ndarray) -> np.ndarray:
    """Where a map shows lips, with their rim, (h, w) in [0, 1]."""
    smooth = cv2.GaussianBlur(light, (0, 0), _SMOOTH)
    colored = np.hypot(smooth[..., 0] - smooth[..., 1], smooth[..., 2] - smooth[..., 1])
    dark = smooth.mean(-1) < _DARK
    across, down = (np.abs(grid) for grid in np.meshgrid(vermilion.ACROSS, vermilion.DOWN))
    most = np.quantile(colored[(across < _MIDDLE[0]) & (down < _MIDDLE[1])], _MOST)
    inside = (across < _REACH[0]) & (down < np.where(vermilion.DOWN < 0, _REACH[1], _REACH[2])[:, None])
    found = np.uint8(((colored > _COLORED * most) | (dark & (down < _LINE))) & inside)
    whole = cv2.morphologyEx(found, cv2.MORPH_CLOSE, np.ones((_GAPS, _GAPS), np.uint8))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(whole)
    largest = np.uint8(labels == 1 + np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    rim = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_RIM, _RIM))
    return cv2.GaussianBlur(np.float32(cv2.dilate(largest, rim)), (0, 0), _SOFT)
