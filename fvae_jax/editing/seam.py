"""The line on which lips meet that a mouth had apart, pixel by pixel (beyond the paper).

A flow that is smooth over an open mouth closes it by narrowing what is between the lips, and their edges with it. Here
both edges are led to one line, with the lips' own height, and the line is what it is in mouths at rest: no ruler's,
dark, and at its ends one with the corners.
"""

from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np

from fvae_jax.data import align
from fvae_jax.editing import opening as opening_lib, portrait
from fvae_jax.editing.mouth import Openings
from fvae_jax.editing.opening import Opening
from fvae_jax.ops import lines, maps
from fvae_jax.ops.frame import Frame

_OPEN = 0.5  # opening from which a pixel of the crop lies between the lips
_CLOSED = 0.6  # by how much less open a place must be than where its pixel comes from, in a mouth that stays as it is
_CLOSING = 1.0  # how much sooner a place counts as closed in a mouth that closes
# Lips at rest do not meet in a straight line: by how much it is higher than between the corners, eye distances, from
# the middle to a corner (35 neutral faces of the London set).
_ARCH = (0.018, 0.022, 0.024, 0.010, 0.0)
_MEET = 0.2  # of the way from the upper lip to the lower one, where they meet
_SOFT = 0.05  # eye distances over which the line of the lips is smoothed along
_TIPS, _BEYOND = 0.05, 0.02  # by which an opening is longer and higher than it is seen: teeth are lighter than lips
# In a smile the outer thirds of the lips are drawn thin. Where lips meet they take what is nearer to the middle, by
# this share of half the mouth, the upper and the lower one, between these shares of it; and the mouth is by this share
# narrower than the flow has it.
_ASIDE, _THIN, _NARROWER = (0.13, 0.04), (0.25, 1.05), 0.03
_STRAIGHT = 0.15  # of the width of a mouth, which tells where it goes on at its ends
_SEEN = 0.85  # of half of it: where the line on which lips meet is seen
_NARROWED = (0.9, 1.7)  # shares of half the mouth: up to the first it is, beyond the second nothing
_FULLER = 0.65  # of a px of the photo to a px of lips that come nearer, at most: they are stretched, and soon end to be
_THREAD = 0.1  # the same where nothing else is left of them
# Lips are darkest where they touch: r there; in eye distances, how wide it is, and the opening at which they no longer
# touch, which is also the pull that makes them; over this share of the line's length it ends.
_CREASE, _CREASE_WIDE, _TOUCH, _CREASE_END = -0.5, 0.012, 0.02, 0.06
# Places at which lips are asked whether they meet; where fewer than this share of them do it is no mouth at rest.
_LOOKS, _APART = 60, 0.7
_REACH = 0.35  # eye distances over which what is around follows lips, at most


class Seam(NamedTuple):
    """Where lips meet: lines across a part of the crop. Rows and shifts are px of the crop.

    Attributes:
      upper, lower: Rows at which the upper lip ends and the lower one begins, (w,).
      upper_from, lower_from: Rows where the edges of the lips come from, (w,).
      down, up: By how much farther the one comes down and the other one up than the flow has it, (w,); less than 0
        where the flow has brought it too far, and its edge would be lost.
      upper_aside, lower_aside: By how much farther to the right they come from, (w,).
      columns: First and last but one column of the part, of a crop that is `unit` times as fine.
      unit: See columns.
      reach: Over how many px of the crop what is around follows, at most.
      corners: Columns at which the line ends.
    """

    upper: np.ndarray
    lower: np.ndarray
    upper_from: np.ndarray
    lower_from: np.ndarray
    down: np.ndarray
    up: np.ndarray
    upper_aside: np.ndarray
    lower_aside: np.ndarray
    columns: tuple[int, int]
    unit: float
    reach: float
    corners: tuple[float, float]

    def pull(self, x: np.ndarray, y: np.ndarray, from_y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """How much farther to the right and down in the crop pixels come from, px, each of the shape of the places.

        These are columns `x` and rows `y` of the crop, px; `from_y` are rows where the flow says that they come from.
        """
        upper, lower, upper_from, lower_from, down, up, *asides = self._lines(x)
        near = maps.smooth_step(1 - np.maximum(upper - y, y - lower) / self.reach)
        above, below = from_y - upper_from, lower_from - from_y  # by how much it is inside of the mouth
        high, low = upper - y, y - lower
        above, below = (_brought(*lip, near) for lip in ((above, high, down), (below, low, up)))
        pull = np.where(low < high, -above * (high >= 0), below * (low >= 0))
        return near * np.where(low < high, asides[0] * (high >= 0), asides[1] * (low >= 0)), pull

    def crease(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """The shading r of lips where they touch, which are dark there, at places as of `pull`."""
        upper, lower = self._lines(x)[:2]
        met = np.flatnonzero((self.down != 0) | (self.up != 0))
        if not met.size:
            return np.zeros_like(x)
        distance = self.reach / _REACH
        along = ((x + 0.5) * self.unit - 0.5 - self.columns[0] - met[0]) / max(met[-1] - met[0], 1)
        ends = np.clip(np.minimum(along, 1 - along) / _CREASE_END, 0, 1)
        pulled = np.clip(np.maximum(self.down, self.up).max() / (_TOUCH * distance), 0, 1)
        touching = np.clip(1 - (lower - upper) / (_TOUCH * distance), 0, 1)
        across = (y - (upper + lower) / 2) / (_CREASE_WIDE * distance)
        return _CREASE * pulled * ends * touching * np.exp(-0.5 * across * across)

    def beyond(self, x: np.ndarray, y: np.ndarray, pixel: float) -> np.ndarray:
        """How much of a pixel is on the other side of the line on which lips meet, at places as of `pull`.

        Up to a half where its middle is below the line, down to minus a half where it is above; `pixel` is its side, px
        of the crop.
        """
        upper, lower, _, _, down, up = self._lines(x)[:6]
        away = (y - (upper + lower) / 2) / pixel
        met = (lower - upper < pixel) & ((down != 0) | (up != 0))
        return np.float32(np.where(away > 0, 1, -1) * np.clip(0.5 - np.abs(away), 0, 0.5) * met)

    def middle(self, x: np.ndarray) -> np.ndarray:
        """The row between both lips at columns x."""
        upper, lower = self._lines(x)[:2]
        return (upper + lower) / 2

    def met(self) -> float:
        """How far lips meet along their line, from 0 to 1."""
        left, right = self.corners
        upper, lower, _, _, down, up = self._lines(np.linspace(left, right, _LOOKS)[_LOOKS // 10 : -_LOOKS // 10])[:6]
        distance = self.reach / _REACH
        touching = np.clip(1 - (lower - upper) / (_TOUCH * distance), 0, 1)
        pulled = np.clip(np.maximum(down, up).max() / (_TOUCH * distance), 0, 1)
        return float(pulled * np.clip((touching.mean() - _APART) / (1 - _APART), 0, 1))

    def _lines(self, x: np.ndarray) -> list[np.ndarray]:
        """The first eight at the columns x."""
        column = (x.ravel() + 0.5) * self.unit - 0.5 - self.columns[0]
        numbers = np.arange(len(self.upper))
        return [np.interp(column, numbers, line).reshape(x.shape) for line in self[:8]]


def _brought(inside: np.ndarray, away: np.ndarray, shift: np.ndarray, near: np.ndarray) -> np.ndarray:
    """By how much a lip is moved towards the other one; backward, less than 0, where a flow has brought it too far.

    Args:
      inside: How far within the mouth a pixel comes from.
      away: How far it is from the line on which lips meet.
      shift: By how much the edge of the lip is to be moved there.
      near: How much of that is done at such a distance.
    """
    forward = np.maximum(shift, 0)
    moved = near * np.clip(inside + _FULLER * away, np.minimum(shift, 0), forward)
    # However far away lips come from, what was between them is never seen.
    kept = np.clip(inside + _THREAD * away, 0, forward)
    return np.where(kept > 0, np.maximum(moved, kept), moved)


def find(openings: Openings, lips: Opening, side: int, displacement: np.ndarray, frame: Frame) -> Seam | None:
    """Finds how lips must come nearer, so that no place outside of the wanted opening shows the inside of the mouth.

    None where nothing has to be done.

    Args:
      openings: Of the edit.
      lips: The edges of the lips in a finer crop, px of it; see `contour.of`.
      side: Of that crop, px.
      displacement: Of the edit, (size, size, 2), px of the crop.
      frame: Where the eyes lie.
    """
    unit, distance = side / len(displacement), frame.eye_distance * side
    edges = _edges(lips, distance)
    opening = lips.mask(side)
    rows, columns = (maps.extent(opening.max(axis) > _OPEN, round(distance / 2)) for axis in (1, 0))
    part = np.s_[rows, columns]
    fine = portrait.enlarge(np.dstack([displacement * unit, openings.wanted]), side)[part]
    y, x = np.indices(fine.shape[:2], np.float32)
    from_x, from_y = x + columns.start + fine[..., 0], y + rows.start + fine[..., 1]
    took = lambda values: cv2.remap(np.float32(values), from_x, from_y, cv2.INTER_LINEAR)
    own, wanted = took(portrait.enlarge(openings.own[..., None], side)[..., 0]), fine[..., 2]
    closing = float(1 - np.clip(openings.wanted.sum() / max(float(openings.own.sum()), 1e-6), 0, 1))
    shut = (wanted < _OPEN) & (own - wanted > _CLOSED - _CLOSING * closing)
    shown = took(opening)
    behind = shut & (shown > _OPEN)
    if not behind.any():
        return None
    corners = edges.x[[0, -1]]
    tips = [_where(from_x + closing * _aside(from_x, corners, 0.0), from_y, edges.x[n], edges.top[n]) for n in (0, -1)]
    upper, lower = _meeting(behind * shown, wanted, tips, distance, closing)
    everywhere = np.arange(len(upper))
    came = lines.read(from_x, (upper + lower) / 2, everywhere)
    upper_aside, lower_aside = (closing * _aside(came, corners, thin) for thin in _ASIDE)
    upper_from = np.interp(came + upper_aside, edges.x, edges.top)
    lower_from = np.interp(came + lower_aside, edges.x, edges.bottom)
    within = (everywhere > tips[0][0]) & (everywhere < tips[1][0])
    down = within * (lines.read(from_y, upper, everywhere) - upper_from)
    up = within * (lower_from - lines.read(from_y, lower, everywhere))
    # Only where lips meet is it known how far they should be brought.
    ends = np.minimum(everywhere - tips[0][0], tips[1][0] - everywhere) / (_CREASE_END * (tips[1][0] - tips[0][0]))
    back = closing * np.clip(ends, 0, 1) * np.clip(1 - (lower - upper) / (_TOUCH * distance), 0, 1)
    down, up = (np.where(shift < 0, back * shift, shift) for shift in (down, up))
    rows_of = [(row + 0.5) / unit - 0.5 for row in (rows.start + upper, rows.start + lower, upper_from, lower_from)]
    shifts = [shift / unit for shift in (down, up, upper_aside, lower_aside)]
    reach, found = _REACH * distance / unit, (float((columns.start + column + 0.5) / unit - 0.5) for column, _ in tips)
    return Seam(*rows_of, *shifts, (columns.start, columns.stop), unit, reach, tuple(found))


def _edges(lips: Opening, distance: float) -> Opening:
    """An opening a little longer and higher than it is seen, px of the fine crop."""
    middle, inner = (lips.top + lips.bottom) / 2, max(1, round(_STRAIGHT * len(lips.x)))
    far = np.array([-_TIPS, _TIPS]) * distance
    steep = [
        (middle[end] - middle[other]) / (lips.x[end] - lips.x[other]) for end, other in ((0, inner), (-1, -1 - inner))
    ]
    x = np.concatenate([lips.x[:1] + far[0], lips.x, lips.x[-1:] + far[1]])
    tips = middle[[0, -1]] + far * steep
    edges = lips.top - _BEYOND * distance, lips.bottom + _BEYOND * distance
    return Opening(x, *(np.concatenate([tips[:1], edge, tips[1:]]) for edge in edges))


def _where(from_x: np.ndarray, from_y: np.ndarray, x: float, y: float) -> tuple[float, float]:
    """The place, column and row, of what comes from (x, y), px of the fine crop; the nearest whole one would jump."""
    row, column = np.unravel_index(np.argmin((from_x - x) ** 2 + (from_y - y) ** 2), from_x.shape)
    row, column = (int(np.clip(n, 1, side - 2)) for n, side in zip((row, column), from_x.shape))
    near = np.s_[row - 1 : row + 2, column - 1 : column + 2]
    slopes = np.array([[slope[1, 1] for slope in np.gradient(come[near])[::-1]] for come in (from_x, from_y)])
    missing = np.array([x - from_x[row, column], y - from_y[row, column]])
    # Where a flow nearly stands still a small step of what comes is a large one of the place.
    step = np.linalg.lstsq(slopes, missing, rcond=0.1)[0]
    return column + float(np.clip(step[0], -1, 1)), row + float(np.clip(step[1], -1, 1))


def _meeting(
    behind: np.ndarray, inside: np.ndarray, tips: list[tuple[float, float]], distance: float, closing: float
) -> tuple[np.ndarray, np.ndarray]:
    """The rows at which the upper lip ends and the lower one begins, (w,) each, in a part of the fine crop.

    Args:
      behind: How much places would show of the inside of the mouth and may not, (h, w) in [0, 1].
      inside: How much of it they may, likewise.
      tips: The ends of the mouth, column and row.
      distance: That of the eyes, fine px.
      closing: How far the mouth closes, from 0 to 1.
    """
    (left, left_row), (right, right_row) = tips
    everywhere = np.arange(behind.shape[1])
    place = np.clip(2 * (everywhere - left) / max(right - left, 1) - 1, -1, 1)
    some, stays = ((values > _OPEN).any(0) for values in (behind, inside))
    columns = np.flatnonzero((some | stays) & (np.abs(place) < _SEEN))
    if not columns.size:
        columns = np.flatnonzero(some)
    some, stays = some[columns], stays[columns]
    first, last = opening_lib.edges(behind, behind > _OPEN, columns)
    top, bottom = opening_lib.edges(inside, inside > _OPEN, columns)
    first, last = np.where(some, first, top), np.where(some, last, bottom)
    # From lips that touch to lips that do not a line goes over, and does not jump.
    opens = stays * np.clip((bottom - top) / (_TOUCH * distance), 0, 1)
    middle = first + _MEET * (last + 1 - first)
    arch = closing * distance * np.interp(np.abs(place), np.linspace(0, 1, len(_ARCH)), _ARCH)
    met = []
    for edge in (top, bottom):
        row = opens * edge + (1 - opens) * (middle - arch[columns])
        known = np.concatenate([[left], columns, [right]]), np.concatenate([[left_row], row, [right_row]])
        met.append(lines.smooth(np.interp(everywhere, *known), _SOFT * distance))
    return met[0], met[1]


def _aside(x: np.ndarray, corners: np.ndarray, thin: float) -> np.ndarray:
    """How much farther to the right lips that meet come from, at columns of the face, of any shape.

    `corners` are those of both ends of the mouth; `thin` is how far outer thirds take what is nearer to the middle, of
    half the mouth.
    """
    half = (corners[1] - corners[0]) / 2
    away = (x - corners.mean()) / half
    share = maps.ramp(np.abs(away), *_THIN)
    narrower = _NARROWER * np.abs(away) * (1 - maps.smooth_step(np.abs(away), *_NARROWED))
    return half * np.sign(away) * (narrower - thin * np.sin(np.pi * share) ** 2)


def close(box: portrait.Box, field: np.ndarray, line: Seam, matrix: np.ndarray) -> np.ndarray:
    """Brings lips together in a photo, pixel by pixel: resized over their line it is the mean of both sides.

    The box is that of the field, with the whole mouth, the matrix the 2×3 similarity from photo px to px of the crop.
    """
    part, places, in_crop = around(box, line, matrix)
    come_from = align.transform_points(matrix, places + field[part])
    pull = np.stack(line.pull(in_crop[..., 0], in_crop[..., 1], come_from[..., 1]), -1)
    closed = field.copy()
    closed[part] += (pull @ align.invert(matrix)[:, :2].T).astype(np.float32)
    return closed


def drawn(of: Callable[..., np.ndarray], box: portrait.Box, line: Seam, matrix: np.ndarray) -> np.ndarray:
    """What `Seam.crease` or `Seam.beyond` says of the pixels of a box, (h, w) float32; for the others see `close`."""
    part, _, in_crop = around(box, line, matrix)
    values = np.zeros((box[1] - box[0], box[3] - box[2]), np.float32)
    values[part] = of(in_crop[..., 0], in_crop[..., 1])
    return values


def around(box: portrait.Box, line: Seam, matrix: np.ndarray) -> tuple[tuple[slice, slice], np.ndarray, np.ndarray]:
    """The part of a box near a seam, and the places of its pixels in the photo and in the crop, (h, w, 2) each."""
    y0, y1, x0, x1 = box
    sides = [(side + 0.5) / line.unit - 0.5 for side in line.columns]
    edges = line.upper.min() - line.reach, line.lower.max() + line.reach
    corners = align.transform_points(align.invert(matrix), [(x, y) for x in sides for y in edges])
    (left, top), (right, bottom) = np.floor(corners.min(0)).astype(int), np.ceil(corners.max(0)).astype(int) + 1
    near = *np.clip((top, bottom), y0, y1), *np.clip((left, right), x0, x1)
    places = portrait.places(near)
    return portrait.within(near, box), places, align.transform_points(matrix, places)
