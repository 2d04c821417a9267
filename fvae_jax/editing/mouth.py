"""Mouths that are open already: lips that meet again, and openings of another shape (beyond the paper).

A network that is shown an open mouth cannot tell which part of another opening is new, and a flow that is smooth over
the line between the lips leaves a thread of teeth when they close. So the network is also shown the face with its lips
closed, and decodes for that one both openings: the one that the photo has, and the one that the edit shall have. Lips
that come nearer are brought together pixel by pixel; a mouth that shall open elsewhere is closed first, then opened.
"""

from typing import NamedTuple

import cv2
import numpy as np

from fvae_jax.data import align
from fvae_jax.editing import portrait
from fvae_jax.ops import lines
from fvae_jax.ops.frame import Frame

_OPEN = 0.5  # opening from which a pixel of the crop lies between the lips
_LEAST = 0.012  # squared eye distances: what is smaller is a closed mouth
_TOOTHY = 0.03  # squared eye distances: what is smaller shows a line of teeth at most
_DOUBT = 0.07  # eye distances by which an opening may be wrong
_ROUNDS = 3  # of GrabCut
# From the first on a mouth is closed before it opens, from the second on altogether: the share of an opening that the
# photo's own does not reach, and by how much it is larger.
_ELSEWHERE, _LARGER = (0.35, 0.45), (1.5, 1.8)
_CLOSED = 0.6  # by how much less open a place must be than where its pixel comes from, in a mouth that stays as it is
_CLOSING = 1.0  # how much sooner a place counts as closed in a mouth that closes
_MEET = 0.2  # of the way from the upper lip to the lower one, where they meet
_SOFT = 0.05  # eye distances over which the line of the lips is smoothed along
_TIPS = 0.02  # by which an opening is longer than it is seen: its ends are thinner than a px
_EDGE = 0.03  # the same of their edges
_FULLER = 0.65  # of a px of the photo to a px of lips that come nearer, at most: they are stretched, and soon end to be
_GROW = 0.004  # eye distances by which each of them becomes higher than the flow has it
# Lips are darkest where they touch: r there; in eye distances, how wide it is, and the opening at which they no longer
# touch, which is also the pull that makes them; over this share of the line's length it ends.
_CREASE, _CREASE_WIDE, _TOUCH, _CREASE_END = -0.5, 0.014, 0.02, 0.2
_NEARLY = (0.3, 0.5)  # of the photo's opening: one smaller than the first is none, one larger than the second stays
_REACH = 0.35  # eye distances over which what is around follows lips, at most
_DARK = 0.5  # of the light around a mouth: what is darker lies between the lips
_RED, _SHADED = 9, 0.3  # a lip has more of a* by the first, and more than this of the light around
_PALE = 4  # by which a* of teeth is less than that of lips and skin around them, where they are lighter


class Openings(NamedTuple):
    """The openings of a mouth that an edit finds open, (size, size) float32 in [0, 1] each.

    Attributes:
      own: That of the photo.
      wanted: That of the edit.
      displacement: Where pixels of the wanted one come from in the face with closed lips, (size, size, 2), px.
      reopened: How far the mouth is to be closed first, from 0 to 1.
    """

    own: np.ndarray
    wanted: np.ndarray
    displacement: np.ndarray
    reopened: float


def is_open(opening: np.ndarray, frame: Frame) -> bool:
    """Whether lips are apart.

    Args:
      opening: (size, size) in [0, 1].
      frame: Where the eyes lie.
    """
    return _area(opening, frame) > _LEAST


def may_show_teeth(opening: np.ndarray, frame: Frame) -> bool:
    """Whether lips are far enough apart for teeth; for the arguments see `is_open`."""
    return _area(opening, frame) > _TOOTHY


def _area(opening: np.ndarray, frame: Frame) -> float:
    return np.count_nonzero(opening > _OPEN) / (frame.eye_distance * len(opening)) ** 2


def closed(own: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Lets a mouth close that nearly does: teeth on one side are what a network leaves of a smile.

    Args:
      own: The opening of the photo, (size, size) in [0, 1].
      wanted: That of an edit.

    Returns:
      (size, size), none of it where it is small beside the photo's own.
    """
    return wanted * np.float32(_between(float(wanted.sum()) / max(float(own.sum()), 1e-6), *_NEARLY))


def refine(opening: np.ndarray, crop: np.ndarray, frame: Frame) -> np.ndarray:
    """Lets the edge of an opening follow the edge of the lips in a finer crop (GrabCut: Rother et al. 2004).

    Args:
      opening: Of an open mouth, (size, size) in [0, 1].
      crop: The face, (S, S, 3) uint8.
      frame: Where the eyes lie in both.

    Returns:
      (S, S) float32 in [0, 1].
    """
    side = len(crop)
    within = (portrait.enlarge(opening[..., None], side)[..., 0] > _OPEN).astype(np.uint8)
    doubt = max(1, round(_DOUBT * frame.eye_distance * side))
    disk = _disk(doubt)
    widest = cv2.dilate(within, disk)
    rows, columns = (_extent(widest.any(axis), 2 * doubt) for axis in (1, 0))
    part = np.s_[rows, columns]
    light, red, _ = np.moveaxis(cv2.cvtColor(crop, cv2.COLOR_RGB2LAB).astype(np.float32), -1, 0)
    usual_light, usual_red = (np.median(values[(widest > 0) & (within == 0)]) for values in (light, red))
    dark = light < _DARK * usual_light
    pale = (light > usual_light) & (red < usual_red - _PALE)
    lip = (cv2.medianBlur(red.astype(np.uint8), 5) > usual_red + _RED) & (light > _SHADED * usual_light)
    states = np.where(dark | pale | (within > 0), cv2.GC_PR_FGD, cv2.GC_PR_BGD)
    states[(widest == 0) | lip], states[cv2.erode(within, disk) > 0] = cv2.GC_BGD, cv2.GC_FGD
    states = np.ascontiguousarray(states[part], np.uint8)
    cv2.setRNGSeed(0)  # of this thread alone; the same photo gives the same bytes
    pixels = np.ascontiguousarray(crop[part])
    cv2.grabCut(pixels, states, None, np.zeros((1, 65)), np.zeros((1, 65)), _ROUNDS, cv2.GC_INIT_WITH_MASK)
    found = np.isin(states, (cv2.GC_FGD, cv2.GC_PR_FGD)) | (dark & ~lip & (widest > 0))[part]
    if np.count_nonzero(found) < np.count_nonzero(within) / 2:  # teeth of the color of lips
        found |= within[part] > 0
    # Along the lips alone: highlights on them look like teeth.
    found = cv2.morphologyEx(found.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 2 * doubt + 1), np.uint8))
    count, patches, about, _ = cv2.connectedComponentsWithStats(found)
    fine = np.zeros((side, side), np.float32)
    if count > 1:
        fine[part] = patches == 1 + np.argmax(about[1:, cv2.CC_STAT_AREA])
    fine = cv2.GaussianBlur(fine, (0, 0), 1.0)
    return fine if (fine > _OPEN).any() else within.astype(np.float32)  # a thread vanishes


def another(own: np.ndarray, wanted: np.ndarray, displacement: np.ndarray, frame: Frame) -> float:
    """How far an opening is another one than the photo's own, which the edit moves: from 0, the same, to 1.

    Args:
      own: The opening of the photo, (size, size) in [0, 1].
      wanted: That of the edit.
      displacement: Of the edit, (size, size, 2), px of the crop.
      frame: Where the eyes lie.
    """
    places = (displacement + np.moveaxis(np.indices(own.shape)[::-1], 0, -1)).astype(np.float32)
    moved = cv2.remap(own, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    moved = cv2.dilate(moved, _disk(_DOUBT * frame.eye_distance * len(own)))  # both may be that far off
    area = max(float(wanted.sum()), 1e-6)
    elsewhere = _between(np.maximum(wanted - moved, 0).sum() / area, *_ELSEWHERE)
    larger = _between(area / max(float(own.sum()), 1e-6), *_LARGER)
    opens = _between(_area(wanted, frame), _LEAST, 2 * _LEAST)
    return opens * max(elsewhere, larger)


def _disk(radius: float) -> np.ndarray:
    side = 2 * max(1, round(radius)) + 1
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))


def _between(value: float, low: float, high: float) -> float:
    """A smooth step from 0 at `low` to 1 at `high`."""
    share = min(max((value - low) / (high - low), 0.0), 1.0)
    return share * share * (3 - 2 * share)


class Seam(NamedTuple):
    """Where lips meet: lines across a part of the crop. Rows and shifts are px of the crop.

    Attributes:
      upper, lower: Rows at which the upper lip ends and the lower one begins, (w,).
      upper_from, lower_from: Rows where the edges of the lips come from, (w,).
      down, up: By how much farther the one comes down and the other one up than the flow has it, (w,).
      columns: First and last but one column of the part, of a crop that is `unit` times as fine.
      unit: See columns.
      reach: Over how many px of the crop what is around follows, at most.
    """

    upper: np.ndarray
    lower: np.ndarray
    upper_from: np.ndarray
    lower_from: np.ndarray
    down: np.ndarray
    up: np.ndarray
    columns: tuple[int, int]
    unit: float
    reach: float

    def pull(self, x: np.ndarray, y: np.ndarray, from_y: np.ndarray) -> np.ndarray:
        """How much farther down in the crop pixels come from.

        Args:
          x: Columns of places in the crop, px.
          y: Their rows, of the same shape.
          from_y: Rows where the flow says that they come from, likewise.

        Returns:
          px, of the same shape.
        """
        upper, lower, upper_from, lower_from, down, up = self._lines(x)
        # A flow closes a mouth by narrowing what is between the lips, and their edges too. These get their width back.
        upward, downward = (np.minimum(shift, _GROW * self.reach / _REACH) for shift in (down, up))
        above = np.clip(from_y - upper_from + _FULLER * (upper - y), -upward, down)
        below = np.clip(lower_from - from_y + _FULLER * (y - lower), -downward, up)
        pull = np.where(y < (upper + lower) / 2, -above * (y <= upper), below * (y >= lower))
        near = 1 - np.clip(np.maximum(upper - y, y - lower) / self.reach, 0, 1)
        return pull * near * near * (3 - 2 * near)

    def crease(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """The shading r of lips where they touch, which are dark there, at places as of `pull`."""
        upper, lower, _, _, down, up = self._lines(x)
        met = np.flatnonzero(np.minimum(self.down, self.up) > 0)
        if not met.size:
            return np.zeros_like(x)
        distance = self.reach / _REACH
        along = ((x + 0.5) * self.unit - 0.5 - self.columns[0] - met[0]) / max(met[-1] - met[0], 1)
        ends = np.clip(np.minimum(along, 1 - along) / _CREASE_END, 0, 1)
        pulled = np.clip(np.minimum(down, up) / (_TOUCH * distance), 0, 1)
        touching = np.clip(1 - (lower - upper) / (_TOUCH * distance), 0, 1)
        across = (y - (upper + lower) / 2) / (_CREASE_WIDE * distance)
        return _CREASE * ends * pulled * touching * np.exp(-0.5 * across * across)

    def _lines(self, x: np.ndarray) -> list[np.ndarray]:
        """The first six at the columns x."""
        column = (x.ravel() + 0.5) * self.unit - 0.5 - self.columns[0]
        numbers = np.arange(len(self.upper))
        return [np.interp(column, numbers, line).reshape(x.shape) for line in self[:6]]


def seam(openings: Openings, opening: np.ndarray, displacement: np.ndarray, frame: Frame) -> Seam | None:
    """Finds how lips must come nearer, so that no place outside of the wanted opening shows the inside of the mouth.

    Args:
      openings: Of the edit.
      opening: That of the photo as `refine` returns it, (S, S).
      displacement: Of the edit, (size, size, 2), px of the crop.
      frame: Where the eyes lie.

    Returns:
      None where nothing has to be done.
    """
    side, size = len(opening), len(displacement)
    unit = side / size
    distance = frame.eye_distance * side
    opening = cv2.dilate(opening, np.ones((1, 2 * round(_TIPS * distance) + 1), np.uint8))
    rows, columns = (_extent(opening.max(axis) > _OPEN, round(distance / 2)) for axis in (1, 0))
    part = np.s_[rows, columns]
    fine = portrait.enlarge(np.dstack([displacement * unit, openings.wanted]), side)[part]
    y, x = np.indices(fine.shape[:2], np.float32)
    from_x, from_y = x + columns.start + fine[..., 0], y + rows.start + fine[..., 1]
    took = lambda values: cv2.remap(np.float32(values), from_x, from_y, cv2.INTER_LINEAR)
    own, wanted = took(portrait.enlarge(openings.own[..., None], side)[..., 0]), fine[..., 2]
    closing = 1 - np.clip(openings.wanted.sum() / max(float(openings.own.sum()), 1e-6), 0, 1)
    shut = (wanted < _OPEN) & (own - wanted > _CLOSED - _CLOSING * closing)
    behind = shut & (took(opening) > _OPEN)
    if not behind.any():
        return None
    return _seam(behind, wanted > _OPEN, from_y, part, unit, distance)


def _seam(
    behind: np.ndarray, inside: np.ndarray, from_y: np.ndarray, part: tuple[slice, slice], unit: float, distance: float
) -> Seam:
    """Makes lines of what is found in a part of the fine crop.

    Args:
      behind: (h, w) bool, places that would show the inside of the mouth and may not.
      inside: (h, w) bool, places that may.
      from_y: (h, w), rows where they come from, fine px.
      part: Rows and columns of the part in the fine crop.
      unit: Fine px of a px of the crop.
      distance: That of the eyes, fine px.
    """
    columns = np.flatnonzero(behind.any(0))
    first, last = _ends(behind[:, columns])
    at = lambda row: from_y[np.clip(row, 0, len(from_y) - 1), columns]
    opens = inside[:, columns].any(0)
    top, bottom = _ends(inside[:, columns])
    middle = np.rint(first + _MEET * (last + 1 - first)).astype(int)
    upper, lower = np.where(opens, np.maximum(top, first), middle), np.where(opens, np.minimum(bottom, last), middle)
    soft, everywhere = _SOFT * distance, np.arange(from_y.shape[1])
    rows = [lines.smooth(np.interp(everywhere, columns, line), soft) for line in (upper, lower)]
    shifts = np.maximum(at(upper) - at(first - 1), 0), np.maximum(at(last + 1) - at(lower), 0)
    # Smoothed, they shall nowhere be less, nor much more: an upper lip is thin in a smile.
    shifts = [np.interp(everywhere, columns, shift, 0, 0) for shift in shifts]
    near = _EDGE * distance
    reach = round(1.5 * near)
    down, up = (lines.smooth(lines.highest(shift, reach, reach), near) for shift in shifts)
    edges = [lines.read(from_y, row, everywhere) + shift for row, shift in zip(rows, (-down, up))]
    start = (part[0].start + 0.5) / unit - 0.5
    return Seam(
        *(start + row / unit for row in rows),
        *((edge + 0.5) / unit - 0.5 for edge in edges),
        down / unit,
        up / unit,
        (part[1].start, part[1].stop),
        unit,
        _REACH * distance / unit,
    )


def _ends(shows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First and last row of what every column shows."""
    return shows.argmax(0), len(shows) - 1 - shows[::-1].argmax(0)


def close(box: portrait.Box, field: np.ndarray, line: Seam, matrix: np.ndarray) -> np.ndarray:
    """Brings lips together in a photo, pixel by pixel: resized over their line it is the mean of both sides.

    Args:
      box: Of the field, with the whole mouth.
      field: (h, w, 2) float32, photo px.
      line: Where they meet.
      matrix: 2×3 similarity, photo px to px of the crop.

    Returns:
      (h, w, 2) float32.
    """
    part, places = _around(box, line, matrix)
    in_crop, come_from = (align.transform_points(matrix, at) for at in (places, places + field[part]))
    pull = line.pull(in_crop[..., 0], in_crop[..., 1], come_from[..., 1])
    closed = field.copy()
    closed[part] += (pull[..., None] * align.invert(matrix)[:, 1]).astype(np.float32)
    return closed


def crease(box: portrait.Box, line: Seam, matrix: np.ndarray) -> np.ndarray:
    """The shading r of lips that meet, (h, w) float32 for the pixels of a box; for the arguments see `close`."""
    part, places = _around(box, line, matrix)
    in_crop = align.transform_points(matrix, places)
    r = np.zeros((box[1] - box[0], box[3] - box[2]), np.float32)
    r[part] = line.crease(in_crop[..., 0], in_crop[..., 1])
    return r


def _around(box: portrait.Box, line: Seam, matrix: np.ndarray) -> tuple[tuple[slice, slice], np.ndarray]:
    """The part of a box near a seam, and the places of its pixels in the photo, (h, w, 2)."""
    y0, y1, x0, x1 = box
    sides = [(side + 0.5) / line.unit - 0.5 for side in line.columns]
    edges = line.upper.min() - line.reach, line.lower.max() + line.reach
    corners = align.transform_points(align.invert(matrix), [(x, y) for x in sides for y in edges])
    (left, top), (right, bottom) = np.floor(corners.min(0)).astype(int), np.ceil(corners.max(0)).astype(int) + 1
    rows = slice(*(np.clip((top, bottom), y0, y1) - y0))
    columns = slice(*(np.clip((left, right), x0, x1) - x0))
    size = rows.stop - rows.start, columns.stop - columns.start
    places = np.moveaxis(np.indices(size, np.float32)[::-1], 0, -1) + (x0 + columns.start, y0 + rows.start)
    return (rows, columns), places


def reopen(closing: np.ndarray, opening: np.ndarray) -> np.ndarray:
    """Closes a mouth and then opens it: the field of two edits after one another.

    Args:
      closing: That of the face with closed lips, (h, w, 2) float32, photo px.
      opening: That which opens it, likewise.
    """
    y, x = np.indices(closing.shape[:2], np.float32)
    return opening + cv2.remap(closing, x + opening[..., 0], y + opening[..., 1], cv2.INTER_LINEAR)


def _extent(shows: np.ndarray, room: int) -> slice:
    found = np.flatnonzero(shows)
    if not found.size:
        return slice(0, 0)
    return slice(max(int(found[0]) - room, 0), min(int(found[-1]) + room + 1, len(shows)))
