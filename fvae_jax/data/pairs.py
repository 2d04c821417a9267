"""(S, T) pairs of one person (5.2): a pure function of seed, epoch and index."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import cv2
import ml_collections
import numpy as np

from fvae_jax.data import lips, true_flow
from fvae_jax.data.builder import FaceData, Record
from fvae_jax.errors import InputError
from fvae_jax.ops import color, image as image_ops

_KEPT_BYTES = 1 << 30  # of true flows in memory
_EMPHASIS = 4
_OPEN = 8e-4  # of the area of the crop: lips that enclose less are closed, as far as their contour can be read


class Augmentation(NamedTuple):
    """What happens to S and T alike: a similarity about the center of the crop, a flip, other light."""

    degrees: float = 0.0
    scale: float = 1.0
    shift_x: float = 0.0
    shift_y: float = 0.0
    flip: bool = False
    gains: tuple[float, float, float] = (1.0, 1.0, 1.0)


def ordered_pairs(records: Sequence[Record], identities: Sequence[str]) -> np.ndarray:
    """All ordered pairs of images of one of the identities with different labels (5.2).

    Two strengths of one expression are different labels; two images of the same label are not a pair. Returned are
    (n, 2) indices (source, target) into `records`.

    Raises:
      InputError: There is no such pair.
    """
    by_identity: dict[str, list[int]] = {name: [] for name in sorted(identities)}
    for i, record in enumerate(records):
        if record.identity in by_identity:
            by_identity[record.identity].append(i)
    label = [(record.expression, round(float(record.strength), 3)) for record in records]
    pairs = [(s, t) for members in by_identity.values() for s in members for t in members if label[s] != label[t]]
    if not pairs:
        raise InputError(
            f'none of {len(by_identity)} identities has two images with different expressions; '
            'check the identity and expression columns'
        )
    return np.asarray(pairs)


def emphasize(pairs: np.ndarray, records: Sequence[Record], expressions: Sequence[str]) -> np.ndarray:
    """Repeats pairs, (n, 2) of `ordered_pairs`: four times for each image that shows one of the expressions.

    With several expressions to learn, those that photos mostly show or shall show make up few of all ordered pairs.

    Raises:
      InputError: No image shows one of the expressions.
    """
    shown = {record.expression for record in records}
    for name in sorted(set(expressions) - shown):
        raise InputError(
            f'data.emphasized names {name!r}, which no image shows; the set has {", ".join(sorted(shown))}'
        )
    favored = np.asarray([record.expression in expressions for record in records])
    return np.repeat(pairs, _EMPHASIS ** favored[pairs].sum(1), axis=0)


@functools.lru_cache(maxsize=2)  # loader threads may be in two epochs at a time
def _order(seed: int, epoch: int, count: int) -> np.ndarray:
    return np.random.default_rng((seed, 0, epoch)).permutation(count)


class PairPlan(NamedTuple):
    """Which pair, and with which augmentation, stands at a position of the endless training stream.

    The pairs are (n, 2) of `ordered_pairs`, the settings `config.data`; the seed is that of order and augmentation.
    """

    pairs: np.ndarray
    seed: int
    settings: ml_collections.ConfigDict

    def at(self, position: int) -> tuple[int, int, Augmentation]:
        """Returns source index, target index and augmentation; every epoch visits every target once per pair."""
        epoch, offset = divmod(position, len(self.pairs))
        source, target = self.pairs[_order(self.seed, epoch, len(self.pairs))[offset]]
        generator = np.random.default_rng((self.seed, 1, epoch, offset))
        settings = self.settings
        if generator.random() < settings.identity_pairs:
            source = target
        degrees, scale, shift_x, shift_y = generator.uniform(-1, 1, 4)
        augmentation = Augmentation(
            degrees=settings.jitter_degrees * degrees,
            scale=1 + settings.jitter_scale * scale,
            shift_x=settings.jitter_shift * shift_x,
            shift_y=settings.jitter_shift * shift_y,
            flip=bool(settings.flip and generator.random() < 0.5),
            gains=tuple(1 + settings.jitter_color * generator.uniform(-1, 1, 3)),
        )
        return int(source), int(target), augmentation


def augmentation_matrix(augmentation: Augmentation, size: int) -> np.ndarray:
    """The 2×3 matrix from pixels of the crop to pixels of the augmented crop."""
    center = (size - 1) / 2
    matrix = cv2.getRotationMatrix2D((center, center), augmentation.degrees, augmentation.scale)
    matrix[:, 2] += size * np.asarray([augmentation.shift_x, augmentation.shift_y])
    if augmentation.flip:
        matrix = np.asarray([[-1, 0], [0, 1]]) @ matrix + np.asarray([[0, 0, size - 1], [0, 0, 0]])
    return matrix


def augment(image: np.ndarray, augmentation: Augmentation) -> np.ndarray:
    """Applies the similarity and the flip to an (H, H, C) image; the border is replicated. Gains are left out.

    A bare flip moves whole pixels, so it is done without resampling.
    """
    if augmentation._replace(flip=False, gains=Augmentation().gains) == Augmentation():
        return image[:, ::-1] if augmentation.flip else image
    return _move(image, augmentation, cv2.INTER_CUBIC)


def _move(array: np.ndarray, augmentation: Augmentation, interpolation: int) -> np.ndarray:
    size = len(array)
    matrix, border = augmentation_matrix(augmentation, size), cv2.BORDER_REPLICATE
    return cv2.warpAffine(array, matrix, (size, size), flags=interpolation, borderMode=border)


def relight(image: np.ndarray, augmentation: Augmentation) -> np.ndarray:
    """Multiplies the channels of an (H, W, 3) image in [-1, 1], counted from black, by the gains; clips at white."""
    if augmentation.gains == Augmentation().gains:
        return image
    return np.minimum((image + 1) * np.asarray(augmentation.gains, image.dtype) - 1, 1)


class TrueFlow(NamedTuple):
    """What is known of where a picture T comes from in a picture S.

    The shade is the log of the ratio by which what S has is lighter or darker in T, counted from black.
    """

    displacement: np.ndarray  # (H, W, 2) float32, px
    exposed: np.ndarray  # (H, W) bool, pixels of T that S does not have
    known: np.ndarray  # (H, W) bool, where all of this is known; past the frame of S it is not
    shade: np.ndarray  # (H, W) float32

    def augment(self, augmentation: Augmentation) -> 'TrueFlow':
        """Carries everything along with the images."""
        displacement, exposed, known, shade = (
            _move(array.astype(np.float32), augmentation, cv2.INTER_LINEAR) for array in self
        )
        turn = augmentation_matrix(augmentation, len(shade))[:, :2].astype(np.float32)
        return TrueFlow(displacement @ turn.T, exposed > 0.5, known > 0.5, shade)


class PairFlows:
    """The true flow of the pairs of a set, each composed once: that takes longer than all else about a pair."""

    def __init__(self, faces: FaceData):
        self._faces = faces
        # Kept at half precision: 24 KB a pair at 64 px. Pairs beyond the bound are composed each time.
        self._kept: dict[tuple[int, int], TrueFlow] = {}

    def of(self, source: int, target: int) -> TrueFlow:
        """Returns the true flow of a pair of indices."""
        flow = self._kept.get((source, target)) or self._compose(source, target)
        if (len(self._kept) + 1) * sum(array.nbytes for array in flow) < _KEPT_BYTES:
            self._kept[source, target] = flow
        return flow._replace(displacement=flow.displacement.astype(np.float32), shade=flow.shade.astype(np.float32))

    def _compose(self, source: int, target: int) -> TrueFlow:
        read_s, read_t = self._faces[source], self._faces[target]
        nothing, everywhere = np.zeros_like(read_t['exposed']), np.ones_like(read_t['exposed'])
        still, unlit = np.zeros_like(read_t['displacement']), np.zeros_like(read_t['shade'])
        if source == target:
            # A picture has all of itself, also what the neutral picture does not have.
            return TrueFlow(still, nothing, everywhere, unlit)
        references = [self._faces.records[i].reference for i in (source, target)]
        if not references[0] or references[0] != references[1]:
            return TrueFlow(still, nothing, nothing, unlit)
        displacement, exposed, outside = true_flow.compose(
            read_s['displacement'], read_s['exposed'], read_t['displacement'], read_t['exposed']
        )
        # Displacements lead to the reference. What it lacks and both pictures show, teeth say, has a
        # source in S, but nobody knows where.
        known = ~read_t['exposed'] if read_s['exposed'].any() else everywhere
        places = displacement + np.moveaxis(np.indices(exposed.shape, np.float32)[::-1], 0, -1)
        shade = read_t['shade'] - cv2.remap(
            read_s['shade'].astype(np.float32), places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        return TrueFlow(displacement.astype(np.float16), exposed, known & ~outside, shade.astype(np.float16))


def true_opening(
    read_s: Mapping[str, Any], read_t: Mapping[str, Any], augmentation: Augmentation
) -> tuple[np.ndarray, np.ndarray] | None:
    """How much of each pixel of T is the inside of a mouth that S, another image, does not show.

    Both are as `FaceData` reads them; the augmentation is applied to both.

    Returns:
      (H, W) float32 in [0, 1], and (H, W) bool, where that is known: not within the lips of T if those of S are open
      as well. None where the lips of T are unknown.
    """
    contours, size = (read_s['lips'], read_t['lips']), read_t['image'].shape[0]
    if np.isnan(contours[1]).any():
        return None
    matrix = augmentation_matrix(augmentation, size)
    if lips.area(contours[1]) < _OPEN * size**2:
        return np.zeros((size, size), np.float32), np.ones((size, size), bool)
    opening = lips.inside(contours[1] @ matrix[:, :2].T + matrix[:, 2], size)
    closed = not np.isnan(contours[0]).any() and lips.area(contours[0]) < _OPEN * size**2
    return opening, (opening == 0) | closed


def load_pair(
    faces: FaceData,
    source: int,
    target: int,
    augmentation: Augmentation,
    settings: ml_collections.ConfigDict,
    flows: PairFlows | None = None,
) -> dict[str, np.ndarray]:
    """Reads, augments and color-matches one pair, S and T by their indices in the set.

    The settings are `config.data`; `flows` are those of the set, if they shall be kept from one call to the next.

    Returns:
      source and target, (H, W, 3) float32 in [-1, 1]; with `true_flow` also the fields of `TrueFlow`, and opening and
      opening_known as of `true_opening`, or by exposed and known where lips are not.
    """
    read_s, read_t = faces[source], faces[target]
    image_s, image_t = (image_ops.to_float(augment(read['image'], augmentation)) for read in (read_s, read_t))
    if settings.color_transfer and source != target:
        image_s = color.transfer_color(image_s, image_t).astype(np.float32)
    example = {'source': relight(image_s, augmentation), 'target': relight(image_t, augmentation)}
    if settings.true_flow:
        flow = (flows or PairFlows(faces)).of(source, target).augment(augmentation)
        opening = None if source == target else true_opening(read_s, read_t, augmentation)
        opening = opening or (flow.exposed.astype(np.float32), flow.known)
        example.update(flow._asdict(), opening=opening[0], opening_known=opening[1])
    return example
