"""Lips that part: the edges of an opening are the edges of the lips (beyond the paper, after 3.2).

A flow that is smooth over closed lips stretches them over the whole mouth that opens, and what is laid over them hides
their inner halves: a hole in a face without lips. Here the line on which they meet is sought in the face, and the flow
is led to it on both sides of the opening, so that all of the lips stays to be seen.
"""

import cv2
import numpy as np

from fvae_jax.editing import opening
from fvae_jax.ops import lines, maps
from fvae_jax.ops.frame import Frame

_MOUTH = 0.45  # eye distances below the eyes: what opens above is none
_REACH = 0.35  # eye distances over which what is around follows the edges of the lips
_ENDS = 0.1  # the same beyond the corners of the mouth
_LINE = 0.012  # eye distances from the middle of the line to where lips are as light as elsewhere
_AROUND = 0.09  # eye distances above and below the line within which lips are lighter than it
_DOUBT = 0.06  # eye distances by which a flow may miss the line
_SOFT = 0.05  # eye distances over which lines are smoothed along the mouth
_OPENS = (0.02, 0.08)  # eye distances: how high an opening is that parts lips not at all, and altogether
_SURE = (0.5, 0.75)  # of alpha: where the network is no surer than the first, nothing opens
_SLIT = (0.1, 0.3)  # of a face's own opening: what is nothing, and what lies between its lips
_APART = (0.02, 0.04)  # squared eye distances of it: lips that meet, and those that are apart already
_WITHIN = 2.0  # px by which the edges of lips go on within an opening
_SMOOTHER = 0.7  # px over which a pull is smoothed
_STEP = 0.25  # px of the crop, of the rows in which the line is sought
# What counts against a place for the line, where a valley of light counts for it by its depth in logarithms: the step
# up or down to the next column, the distance from the middle of the band (at its edge), and to lie outside of it.
_BENDS, _ASIDE, _OUTSIDE = 0.03, 0.05, 10.0
_STEEPEST = 2  # steps from one column to the next


def part(displacement: np.ndarray, alpha: np.ndarray, crop: np.ndarray, slit: np.ndarray, frame: Frame) -> np.ndarray:
    """Leads the flow around an opening to the line on which the lips meet.

    Args:
      displacement: Of an edit, (size, size, 2) float32, px of the crop, (x, y); returned as it is where nothing opens.
      alpha: The opening of that edit, (size, size) in [0, 1].
      crop: The face, (size, size, 3) float32 in [-1, 1].
      slit: Its own opening, (size, size) in [0, 1]: lips that meet may still show some of a tooth.
      frame: Where the eyes lie.
    """
    size = len(alpha)
    distance = frame.eye_distance * size
    lips = opening.outline(alpha)
    if lips is None or lips.top.mean() < (frame.eye_y + _MOUTH * frame.eye_distance) * size:
        return displacement
    columns, top, bottom = lips
    surest = float(alpha[opening.largest(alpha)[0]].max())
    share = np.interp((bottom - top).max() / distance, _OPENS, (0, 1)) * np.interp(surest, _SURE, (0, 1))
    share *= np.interp(np.count_nonzero(slit > _SLIT[1]) / distance**2, _APART, (1, 0))
    if not share:
        return displacement
    took = lambda rows: [
        at + lines.read(displacement[..., axis], rows, columns) for axis, at in enumerate((columns, rows))
    ]
    (_, upper), (x, _), (_, lower) = map(took, (top, (top + bottom) / 2, bottom))
    some = np.arange(0, len(x), round(1 / (columns[1] - columns[0])))  # a line is sought column by column
    line = np.interp(columns, columns[some], _line(crop, x[some], upper[some], lower[some], distance))
    gap = _LINE * distance + np.interp(x, np.arange(size), np.interp(slit, _SLIT, (0, 1)).sum(0)) / 2
    soft = _SOFT * distance / (columns[1] - columns[0])
    down, up = (lines.smooth(shift, soft) for shift in (line - gap - upper, line + gap - lower))
    everywhere = np.arange(size)
    down, up, top, bottom = (np.interp(everywhere, columns, values) for values in (down, up, top, bottom))
    ends = maps.smooth_step(1 - np.maximum(columns[0] - everywhere, everywhere - columns[-1]) / (_ENDS * distance))
    y = everywhere[:, None]
    above, below = (maps.smooth_step(1 - far / (_REACH * distance)) for far in (top - y, y - bottom))
    # Between the edges all is hidden but what lies beside the corners of the mouth, which shall stay in one piece.
    within = np.minimum(_WITHIN, (bottom - top) / 3)
    between = np.clip((y - top - within) / np.maximum(bottom - top - 2 * within, 1e-3), 0, 1)
    pull = share * ends * ((1 - between) * down * above + between * up * below)
    parted = displacement.copy()
    parted[..., 1] += cv2.GaussianBlur(np.float32(pull), (0, 0), _SMOOTHER)
    return parted


def _line(crop: np.ndarray, x: np.ndarray, upper: np.ndarray, lower: np.ndarray, distance: float) -> np.ndarray:
    """The rows on which lips meet, (w,): the smoothest deep valley of light, by dynamic programming.

    At columns `x` it lies about between the rows `upper` and `lower`, (w,) each; the eyes are `distance` px apart.
    """
    light = np.log(cv2.cvtColor(np.float32(crop + 1), cv2.COLOR_RGB2GRAY) / 2 + 0.02)
    around = _AROUND * distance
    rows = np.arange(upper.min() - around, lower.max() + around, _STEP)
    places = (np.float32(place) for place in np.meshgrid(x, rows))
    values = cv2.remap(light, *places, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    reach = round(around / _STEP)
    above, below = lines.highest(values, reach, 0), lines.highest(values, 0, reach)
    aside = np.abs(rows - ((upper + lower) / 2)[:, None]) / (_DOUBT * distance + (lower - upper) / 2)[:, None]
    costs = (values - np.minimum(above, below)).T + _ASIDE * aside + _OUTSIDE * (aside > 1)
    steps = np.arange(-_STEEPEST, _STEEPEST + 1)
    best, came = costs[0], []
    for cost in costs[1:]:
        padded = np.pad(best, _STEEPEST, constant_values=np.inf)
        tried = np.lib.stride_tricks.sliding_window_view(padded, len(steps)) + _BENDS * np.abs(steps)
        came.append(steps[tried.argmin(1)])
        best = tried.min(1) + cost
    found = [int(best.argmin())]
    for step in reversed(came):
        found.append(found[-1] + int(step[found[-1]]))
    return rows[found[::-1]]
