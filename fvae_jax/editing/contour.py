"""The edges of the lips between which a mouth is open, in the pixels of a photo (beyond the paper).

A network of 128 px tells them to a pixel or two, of which a tooth is soon made. Here they are found in two steps. A
cascade of linear regressions, from the latent of the face and then from what is seen around the last guess, knows how
mouths look (supervised descent: Xiong and De la Torre 2013). Then both lines go to where the colors of teeth and of
the dark give way to those of lips and skin.

Everywhere `crop` is the face, (S, S, 3) uint8, `frame` where the eyes lie in it, and `latent` Z(S), (4, 4, C). A
contour is (2n,), in eye distances from the middle between the eyes.
"""

from typing import NamedTuple

import cv2
import numpy as np

from fvae_jax.bundle import Lips
from fvae_jax.data import lips as lips_lib
from fvae_jax.editing import opening as opening_lib
from fvae_jax.editing.opening import Opening
from fvae_jax.errors import InputError
from fvae_jax.ops import lines
from fvae_jax.ops.frame import Frame

# Of each regression, eye distances to both sides of a point in which it looks, across and down; columns and rows.
LOOKS = ((0.10, 0.20), (0.07, 0.12), (0.05, 0.07))
_ACROSS, _DOWN = 5, 9
# Where mouths are, eye distances: to both sides of the middle, and below the eyes.
_ASIDE, _BELOW = 1.1, (0.35, 2.2)
_BLUR = 1 / 133  # eye distances
_CORNER = lips_lib.POINTS // 2  # the right one, among the points of a contour; the left one is the first

# Eye distances: by how much a contour may be off and by how much it usually is; how far from it there is nothing but
# lips and skin, and how far those are alike.
_BAND, _USUAL = 0.06, 0.015
_OUTSIDE = (0.04, 0.11)
_STEP = 1 / 266  # eye distances between the places that are looked at, but no less than half a px
_MIDDLE = 0.88  # of the half width of a mouth: where its colors are looked at
_HIGH = 0.02  # eye distances: where a mouth is less high it does not tell its colors
_BOWS = np.mgrid[-0.06:0.0601:0.004, -0.04:0.0401:0.01].reshape(2, -1).T  # eye distances, of both bows
_COLORS, _ROUNDS = 3, 10  # colors of a part of a picture, and rounds in which they are found
_MARGIN = np.float32([4, 2, 2])  # what is added to their deviations, Lab
_SURE = 3.0  # of the logarithm of a ratio of likelihoods: more is no surer
_WEIGHT = 50.0  # of such ratios, per eye distance
_SHARP = 0.05  # by how much more a bow costs that counts e times less
_FEWEST = 30  # places inside of a mouth that tell its colors


def check(lips: Lips) -> None:
    """Raises `InputError` unless regressions look at what is looked at here."""
    expected = len(LOOKS), 1 + 2 * lips_lib.POINTS * _ACROSS * _DOWN
    if lips.steps.shape[:2] != expected:
        raise InputError(
            f'the lips of this model are found by {lips.steps.shape[1]} numbers and here by {expected[1]}, '
            f'{lips.steps.shape[0]} and {expected[0]} times; take another copy of the model file'
        )


def of(lips: Lips | None, latent: np.ndarray, opening: np.ndarray, crop: np.ndarray, frame: Frame) -> Opening | None:
    """The edges of the lips of an open mouth, px of `crop`; None where nothing is open.

    Without `lips`, of a model that was not taught how they are found, they are sought near what the network sees of the
    opening, (size, size) in [0, 1]; the crop is at least as large.
    """
    if lips is not None:
        return follow(_as_lines(find(lips, latent, crop, frame)), crop, frame)
    seen = opening_lib.outline(opening)
    ratio = len(crop) / len(opening)
    return None if seen is None else follow(Opening(*((line + 0.5) * ratio - 0.5 for line in seen)), crop, frame)


def find(lips: Lips, latent: np.ndarray, crop: np.ndarray, frame: Frame) -> np.ndarray:
    """The inner contour of the lips by regressions alone, (`data.lips.POINTS`, 2), px of `crop`."""
    seen = look(crop, frame)
    contour = start(lips.start, latent)
    for step, reach in zip(lips.steps, LOOKS):
        contour = contour + step[0] + around(seen, contour, reach) @ step[1:]
    return seen.in_px(contour)


def start(regression: np.ndarray, latent: np.ndarray) -> np.ndarray:
    """The first guess of a contour: a row of constants, and one for each number of a latent."""
    return regression[0] + latent.ravel() @ regression[1:]


class Seen(NamedTuple):
    """What a crop shows around the mouth.

    Attributes:
      planes: L and a* of a part of it, (h, w) float32 each.
      origin: The part's first pixel, (x, y), px of the crop.
      middle: Between the eyes, (x, y), px of the crop.
      distance: That of the eyes, px.
    """

    planes: tuple[np.ndarray, np.ndarray]
    origin: np.ndarray
    middle: np.ndarray
    distance: float

    def in_px(self, contour: np.ndarray) -> np.ndarray:
        """A contour as (n, 2) in px of the crop."""
        return contour.reshape(-1, 2) * self.distance + self.middle

    def in_eye_distances(self, contour: np.ndarray) -> np.ndarray:
        """Points (n, 2) in px of the crop as a contour."""
        return ((contour - self.middle) / self.distance).ravel()


def look(crop: np.ndarray, frame: Frame) -> Seen:
    """Takes what regressions look at out of a crop."""
    side = len(crop)
    distance = frame.eye_distance * side
    middle = np.array([side / 2, frame.eye_y * side]) - 0.5
    low = np.floor(middle + [-_ASIDE * distance, _BELOW[0] * distance]).astype(int)
    high = np.ceil(middle + [_ASIDE * distance, _BELOW[1] * distance]).astype(int) + 1
    (x0, y0), (x1, y1) = np.clip(low, 0, side), np.clip(high, 0, side)
    part = cv2.GaussianBlur(crop[y0:y1, x0:x1], (0, 0), max(_BLUR * distance, 0.3))
    light, red, _ = cv2.split(cv2.cvtColor(np.float32(part) / 255, cv2.COLOR_RGB2LAB))
    return Seen((light, red), np.array([x0, y0]), middle, distance)


def around(seen: Seen, contour: np.ndarray, reach: tuple[float, float]) -> np.ndarray:
    """What a regression looks at: light and red around each point, both of mean 0 and deviation 1, (features,) float32.

    `reach` is how far to both sides, and up and down; see `LOOKS`.
    """
    x, y = np.meshgrid(np.linspace(-1, 1, _ACROSS), np.linspace(-1, 1, _DOWN))
    points = seen.in_px(contour) - seen.origin
    columns, rows = (
        np.float32(points[:, axis, None] + grid.ravel() * far * seen.distance)
        for axis, (grid, far) in enumerate(zip((x, y), reach))
    )
    values = [cv2.remap(p, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE) for p in seen.planes]
    return np.concatenate([((v - v.mean()) / (v.std() + 1e-3)).ravel() for v in values])


def _as_lines(contour: np.ndarray) -> Opening:
    """A contour as two lines from its left corner to its right one."""
    top, bottom = contour[: _CORNER + 1], np.concatenate([contour[:1], contour[: _CORNER - 1 : -1]])
    x = np.arange(contour[0, 0], max(contour[_CORNER, 0], contour[0, 0] + 3))
    upper, lower = (np.interp(x, line[:, 0], line[:, 1]) for line in (top, bottom))
    return Opening(x, upper, np.maximum(lower, upper))


def follow(lips: Opening, crop: np.ndarray, frame: Frame) -> Opening:
    """Lets two lines, px of `crop`, go to where what is between lips ends, as its colors tell."""
    distance = frame.eye_distance * len(crop)
    step = max(_STEP * distance, 0.5)
    x = np.arange(lips.x[0], lips.x[-1], 2 * step)
    if len(x) < 2 * _COLORS:
        return lips
    top, bottom = (np.interp(x, lips.x, line) for line in (lips.top, lips.bottom))
    # Between the corners of the mouth, not the last column: it may have one more or less by a rounding.
    place = 2 * (x - x[0]) / (lips.x[-1] - x[0]) - 1
    middle = np.abs(place) < _MIDDLE
    far = np.arange(-_BAND * distance, _OUTSIDE[1] * distance, step)
    y0, y1 = (int(np.clip(y, 0, len(crop))) for y in (top.min() - 0.2 * distance, bottom.max() + 0.2 * distance))
    colors = cv2.cvtColor(np.float32(cv2.GaussianBlur(crop[y0:y1], (0, 0), 1.6 * step)) / 255, cv2.COLOR_RGB2LAB)

    def read(rows: np.ndarray) -> np.ndarray:
        places = np.float32(np.broadcast_to(x, rows.shape)), np.float32(rows - y0)
        return cv2.remap(colors, *places, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)

    wide = middle & (bottom - top > _HIGH * distance)
    inside = read(top + np.linspace(0.1, 0.9, 9)[:, None] * (bottom - top))[:, wide].reshape(-1, 3)
    if len(inside) < _FEWEST:
        return lips
    # Bows between the corners, which stay where they are, more to the one side or to the other.
    shape = (1 - place**2) * np.stack([np.ones_like(place), place])
    between, edges = _Colors.of(inside), []
    for line, outwards in ((top, -1), (bottom, 1)):
        seen = read(line + outwards * far[:, None])
        beyond = _Colors.of(seen[far > _OUTSIDE[0] * distance][:, middle].reshape(-1, 3))
        near = far <= _BAND * distance
        likely = np.clip(between.likelihood(seen[near]) - beyond.likelihood(seen[near]), -_SURE, _SURE) / _SURE
        # A line costs what of the mouth it leaves out, what of the lips it takes in, and how far it is from the guess.
        won = np.cumsum(likely, 0) * step / distance
        costs = _WEIGHT * (won[-1] - 2 * won) + 0.5 * (far[near, None] / (_USUAL * distance)) ** 2
        moves = _BOWS * distance @ shape
        rows = np.clip((moves - far[0]) / step, 0, len(costs) - 1)
        paid = lines.read(costs, rows, np.broadcast_to(np.arange(len(x)), rows.shape)).mean(-1)
        likely = np.exp((paid.min() - paid) / _SHARP)  # not the best bow alone, lest lines jump from one to the next
        edges.append(line + outwards * (likely / likely.sum() @ moves))
    among = (edges[0] + edges[1]) / 2
    return Opening(x, np.minimum(edges[0], among), np.maximum(edges[1], among))


class _Colors(NamedTuple):
    """What a part of a picture looks like: a few colors, each with deviations of its own.

    Attributes:
      centers: (k, 3), Lab.
      deviations: (k, 3).
      shares: The logarithm of how many are of each, (k,).
    """

    centers: np.ndarray
    deviations: np.ndarray
    shares: np.ndarray

    @classmethod
    def of(cls, colors: np.ndarray) -> '_Colors':
        """Of colors (n, 3) float32, by the means of groups that begin as the dark, the middle and the light ones."""
        order = np.argsort(colors[:, 0], kind='stable')
        groups = np.array_split(order, _COLORS)
        centers = np.stack([colors[group].mean(0) for group in groups])
        for _ in range(_ROUNDS):
            nearest = ((colors[:, None] - centers) ** 2).sum(-1).argmin(1)
            found = [colors[nearest == n] for n in range(_COLORS)]
            centers = np.stack([group.mean(0) if len(group) else center for group, center in zip(found, centers)])
        deviations = np.stack([group.std(0) if len(group) else np.zeros(3, np.float32) for group in found])
        return cls(centers, deviations + _MARGIN, np.log([(len(group) + 1) / len(colors) for group in found]))

    def likelihood(self, colors: np.ndarray) -> np.ndarray:
        """The logarithm of how likely colors (…, 3) are, up to a constant."""
        away = (colors[..., None, :] - self.centers) / self.deviations
        return (self.shares - np.log(self.deviations).sum(-1) - 0.5 * (away * away).sum(-1)).max(-1)
