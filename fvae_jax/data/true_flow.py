"""The true flow between two pictures of a person, from how each moved one reference picture, as a rule the neutral one.

A picture with displacement d shows at p what the reference shows at the material point
m(p) = p + d(p). Pixel p of picture T is therefore found in picture S at the q with m_S(q) = m_T(p).
"""

import numpy as np
from scipy import ndimage

# A displacement that changes faster than _TEAR between neighbors, or whose change differs by _KINK
# from the changes on both sides, px per px, belongs to two layers: lid and eyeball, two lips.
_TEAR = 1.3
_KINK = 0.3
_REACH = 0.75  # px from the center of a pixel to the last point that it speaks for
_EDGE_REACH = 0.1  # px, the same towards another layer
_FRAME_REACH = 0.5  # px, the same towards the frame
_NEIGHBORHOOD = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]


def _continuation(displacement, hidden, axis):
    """How the displacement goes on along an axis, never asked across a tear.

    Returns:
      slope (H, W, 2), its change per pixel; behind and ahead (H, W), px, how far pixels speak for
      their surroundings on the side of lower and of higher coordinates.
    """
    displacement, hidden = displacement.swapaxes(0, axis), hidden.swapaxes(0, axis)
    change = np.diff(displacement, axis=0)
    bend = np.pad(np.abs(np.diff(change, axis=0)).max(-1), ((1, 1), (0, 0)), constant_values=np.inf)
    bend = np.minimum(bend[:-1], bend[1:])
    whole = (np.abs(change).max(-1) < _TEAR) & (bend < _KINK) & ~hidden[:-1] & ~hidden[1:]

    total, count = np.zeros_like(displacement), np.zeros(hidden.shape, np.float32)
    behind, ahead = np.full((2, *hidden.shape), _EDGE_REACH, np.float32)
    for side, reach in ((slice(1, None), behind), (slice(None, -1), ahead)):
        total[side] += change * whole[..., None]
        count[side] += whole
        reach[side] += (_REACH - _EDGE_REACH) * whole
    behind[0] = ahead[-1] = _FRAME_REACH
    return [array.swapaxes(0, axis) for array in (total / np.maximum(count, 1)[..., None], behind, ahead)]


def _nearest_pixel(shown, hidden, wanted):
    """The visible pixel that shows the point nearest to each wanted one, as flat index."""
    height, width = hidden.shape
    limits = np.array([width - 1, height - 1])
    visible = np.flatnonzero(~hidden)
    # Note who shows which cell of the reference, the first and the last who does: where two
    # layers meet they differ. Cells that nobody shows ask the next cell. (Of repeated indices the
    # last one counts, in the order of memory: hence the copy.)
    owners = np.full((2, height, width), -1)
    for owner, order in zip(owners, (visible[::-1].copy(), visible)):
        column, row = np.clip(np.rint(shown[order]).astype(int), 0, limits).T
        owner[row, column] = order
    rows, columns = ndimage.distance_transform_edt(owners[0] < 0, return_distances=False, return_indices=True)
    column, row = np.clip(np.rint(wanted).astype(int), 0, limits).T
    owners = owners[:, rows[row, column], columns[row, column]]
    # The owner of a cell is not the best of its neighborhood yet.
    x, y = np.where(hidden.ravel(), np.float32(np.inf), shown.T)
    pixel, distance = owners[0], np.full(len(wanted), np.inf, np.float32)
    for owner, asked in ((owners[0], slice(None)), (owners[1], owners[0] != owners[1])):
        row, column = np.divmod(owner[asked], width)
        best, least, (wanted_x, wanted_y) = pixel[asked], distance[asked], wanted[asked].T
        for dy, dx in _NEIGHBORHOOD:
            other = np.clip(row + dy, 0, height - 1) * width + np.clip(column + dx, 0, width - 1)
            far = (x[other] - wanted_x) ** 2 + (y[other] - wanted_y) ** 2
            best, least = np.where(far < least, other, best), np.minimum(far, least)
        pixel[asked], distance[asked] = best, least
    return pixel


def compose(
    source_displacement: np.ndarray,
    source_exposed: np.ndarray,
    target_displacement: np.ndarray,
    target_exposed: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Backward flow from picture T to picture S of one person: T(p) = S(p + displacement(p)).

    A pixel q of S shows m_S(q) and, by the slope of its displacement, tells what S shows around it. A pixel of T asks
    the pixel of S whose material point is nearest; it is exposed when its own point is farther away than that one can
    tell, because lids or lips of S hide it. In doubt, next to the edge of a layer of S, it is exposed as well. What
    lies past the frame of S is not, since the photo that S is a crop of has it. What T shows and the reference does not
    (teeth, eyeball under the lids) is always exposed, even if S has it too: the displacements lead to the reference and
    cannot tell.

    Displacements are (H, W, 2), px (x, y): S(q) = reference(q + displacement(q)), and likewise of T. What S and T
    expose are pixels, (H, W) bool, that the reference does not have.

    Returns:
      displacement (H, W, 2) float32, px; where exposed or outside, to the nearest point that S has.
      exposed (H, W) bool, pixels of T without a source in S.
      outside (H, W) bool, pixels of T whose source lies past the frame of S.
    """
    source = np.asarray(source_displacement, np.float32)
    hidden = np.asarray(source_exposed, bool)
    height, width = hidden.shape
    limits = np.array([width - 1, height - 1])
    if hidden.all():
        return np.zeros((height, width, 2), np.float32), np.ones((height, width), bool), np.zeros((height, width), bool)
    centers = np.stack(np.meshgrid(np.arange(width), np.arange(height)), -1).astype(np.float32)
    wanted = (centers + np.asarray(target_displacement, np.float32)).reshape(-1, 2)
    shown = (centers + source).reshape(-1, 2)
    pixel = _nearest_pixel(shown, hidden, wanted)

    # One Newton step from there: m_S(q + δ) = m_S(q) + (I + ∇d) δ.
    slopes, behind, ahead = zip(*(_continuation(source, hidden, axis) for axis in (1, 0)))
    (a, c), (b, d) = (slope.reshape(-1, 2)[pixel].T for slope in slopes)
    behind, ahead = (np.stack(reach, -1).reshape(-1, 2)[pixel] for reach in (behind, ahead))
    a, d = 1 + a, 1 + d
    rest = wanted - shown[pixel]
    delta = np.stack([d * rest[:, 0] - b * rest[:, 1], a * rest[:, 1] - c * rest[:, 0]], -1)
    delta = delta / np.maximum(a * d - b * c, 0.05)[:, None]
    beyond = ((delta < -behind) | (delta > ahead)).any(-1)
    start = centers.reshape(-1, 2)[pixel]
    new = np.asarray(target_exposed, bool).ravel()
    outside = ((start + delta < -_FRAME_REACH) | (start + delta > limits + _FRAME_REACH)).any(-1) & ~new
    found = (start + np.clip(delta, -_REACH, _REACH)).reshape(height, width, 2)
    exposed = new | (beyond & ~outside)
    return found - centers, exposed.reshape(height, width), outside.reshape(height, width)
