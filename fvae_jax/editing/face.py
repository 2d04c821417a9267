"""A face of a photo: all that its edits have in common, each made once, when it is first needed.

Of an open mouth more is known than the network's crop tells: in the photo's own pixels the edge of the lips is sought,
and the teeth between them are those that its edits show.
"""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from fvae_jax import bundle as bundle_lib
from fvae_jax.data import align
from fvae_jax.editing import contour, exemplar, mouth, portrait, seam as seam_lib, tone as tone_lib, vermilion
from fvae_jax.editing.latent import NEUTRAL
from fvae_jax.editing.model import CLOSING, Model
from fvae_jax.editing.opening import Opening
from fvae_jax.editing.records import Change, EncodedFace
from fvae_jax.photo import color
from fvae_jax.photo.frame import Picture
from fvae_jax.photo.photo import Photo

_FINE_MOUTH = 512  # px: side of the largest crop that the edge of lips is sought in
_FINEST_TEETH = 1024  # px: side of the largest crop that teeth are taken from
_TOOTHY = 'smile'  # the expression whose upper lip tells where teeth are, if the model does not say


class Moves(NamedTuple):
    """What an edit does to the pixels of a face in a photo.

    Attributes:
      box: The region of the face.
      field: Where its pixels come from, (h, w, 2) float32, photo px.
      crease: The shading of lips that it brings together, (h, w).
      beyond: How much of each pixel is on the other side of the line on which they meet; see `portrait.mixed`.
      line: That line; None without.
      met: How much of it is left, from 0 to 1: a mouth may open anew.
    """

    box: portrait.Box
    field: np.ndarray
    crease: np.ndarray
    beyond: np.ndarray
    line: seam_lib.Seam | None = None
    met: float = 1.0


class PhotoFace:
    """A face of a photo, as a model sees it; landmarks are (5, 2), photo px.

    Attributes:
      matrix: The 2×3 similarity from photo px to px of the model's crop (5.2).
    """

    def __init__(self, model: Model, photo: Photo, landmarks: np.ndarray):
        self._model, self._photo = model, photo
        self.matrix = align.crop_transform(landmarks, model.size, model.frame)

    @functools.cached_property
    def encoded(self) -> EncodedFace:
        """Its aligned crop, Z(S) and features, its mouth and whose teeth it gets."""
        if self.inside is not None:
            own = exemplar.own(self.inside, self._model.frame, self._model.size)
            return self._seen._replace(donor=own)
        return self._model.with_teeth(self._seen)

    @functools.cached_property
    def inside(self) -> bundle_lib.Exemplars | None:
        """What an open mouth shows, if it is enough for teeth."""
        frame, others = self._model.frame, self._model.bundle.exemplars
        seen = self._seen.mouth
        if seen is None or not mouth.is_open(seen.opening, frame, mouth.TOOTHY) or self._lips is None:
            return None
        opening, crop = self._lips.mask(len(self._fine_mouth)), self._eight_bit(self._read(_FINEST_TEETH))
        return exemplar.cut(opening, crop, frame, others.expression if others else _TOOTHY, others)

    @functools.cached_property
    def tone(self) -> tone_lib.Tone | None:
        """Its tone in a photo of one color; None in others."""
        return tone_lib.of(self._crop)

    def lips(self, pixels: np.ndarray, moves: Moves) -> np.ndarray | None:
        """What lips that meet in the edited photo lack of those at rest, r of the region; see `vermilion.missing`."""
        if moves.line is None or not moves.met or self._at_rest is None:
            return None
        r = moves.met * vermilion.missing(pixels, moves.box, moves.line, self.matrix, self._at_rest, self._eye_distance)
        return r if self.tone is None else np.repeat(r.mean(axis=2, keepdims=True), 3, axis=2)

    def own_colors(self, colors: np.ndarray) -> np.ndarray:
        """Brings colors of the network, (h, w, 3) in [-1, 1], into the photo's space and the tone of the face."""
        colors = color.from_srgb(colors, self._photo.icc_profile)
        return colors if self.tone is None else self.tone.follow(colors)

    def moves(self, change: Change) -> Moves:
        """What a change does to the pixels of the photo.

        See `portrait.photo_displacement`, `seam.close`, `Seam.crease` and `Seam.beyond`.
        """
        closed, openings = self._closed(change), change.openings
        if openings is None or not openings.reopened:
            return closed
        share = np.float32(openings.reopened)
        _, opening = portrait.photo_displacement(openings.displacement, self.matrix, self._photo.pixels.shape)
        rest = 1 - share
        field = rest * closed.field + share * mouth.reopen(self._closing, opening)
        return Moves(closed.box, field, rest * closed.crease, rest * closed.beyond, closed.line, float(rest))

    @functools.cached_property
    def _crop(self) -> np.ndarray:
        """As the network sees it; of a large face the finer crop is averaged, so that its pixels are read once."""
        size = self._model.size
        if self._is_large:
            return cv2.resize(self._finer, (size, size), interpolation=cv2.INTER_AREA)
        return align.align_crop(self._photo.pixels, self.matrix, size)

    @property
    def _is_large(self) -> bool:
        """Whether the photo has more than twice the pixels, along a side, of the crop for the edge of lips."""
        size = self._model.size
        return size < _FINE_MOUTH and 2 * _FINE_MOUTH * portrait.scale_of(self.matrix) <= size

    @functools.cached_property
    def _finer(self) -> np.ndarray:
        return self._read(_FINE_MOUTH)

    def _read(self, finest: int) -> np.ndarray:
        """The crop as fine as the photo is, or `finest` px a side, as the photo is stored; see `_is_large`."""
        size = self._model.size
        side = int(np.clip(size / portrait.scale_of(self.matrix), size, finest))
        matrix = portrait.scale_transform(self.matrix, side / size)
        if self._is_large:
            return portrait.aligned(Picture(self._photo.pixels), matrix, side)
        return align.align_crop(self._photo.pixels, matrix, side)

    @functools.cached_property
    def _seen(self) -> EncodedFace:
        """Without teeth."""
        crop = color.to_srgb(self._crop, self._photo.icc_profile)
        face = self._model.with_mouth(self._model.encode(crop, teeth=False))
        return self._model.with_folds(face, self._fine_mouth)

    @functools.cached_property
    def _lips(self) -> Opening | None:
        """The edges of the lips of an open mouth, px of `_fine_mouth`."""
        finder, face = self._model.bundle.lips, self._seen
        return contour.of(finder, face.latent, face.mouth.opening, self._fine_mouth, self._model.frame)

    @functools.cached_property
    def _closing(self) -> np.ndarray:
        """The field that closes an open mouth."""
        face = self._seen
        return self._closed(self._model.change(face, self._model.edited_latent(face, CLOSING))).field

    @functools.cached_property
    def _at_rest(self) -> vermilion.Resting | None:
        """What its lips are like at rest: always those of the same person, however far an edit closes its mouth."""
        known, face = self._model.bundle.lips, self._seen
        if known is None or known.resting is None:
            return None
        change = self._model.change(face, self._model.edited_latent(face, {NEUTRAL: 1.0}))
        if (line := self._line(change)) is None:
            return None
        pixels = self._fine_mouth
        matrix = portrait.scale_transform(np.eye(2, 3), self._model.size / len(pixels))
        box, field = portrait.photo_displacement(change.displacement, matrix, pixels.shape)
        closed = portrait.warp_region(pixels, box, seam_lib.close(box, field, line, matrix))
        return vermilion.chosen(known, closed, line, matrix, self._eye_distance)

    @property
    def _eye_distance(self) -> float:
        """In px of the model's crop."""
        return self._model.frame.eye_distance * self._model.size

    def _closed(self, change: Change) -> Moves:
        """As `moves`, of a mouth that does not open anew."""
        box, field = portrait.photo_displacement(change.displacement, self.matrix, self._photo.pixels.shape)
        if (line := self._line(change)) is None:
            nothing = np.zeros(field.shape[:2], np.float32)
            return Moves(box, field, nothing, nothing)
        beyond = functools.partial(line.beyond, pixel=portrait.scale_of(self.matrix))
        shading, share = (seam_lib.drawn(of, box, line, self.matrix) for of in (line.crease, beyond))
        return Moves(box, seam_lib.close(box, field, line, self.matrix), shading, share, line)

    def _line(self, change: Change) -> seam_lib.Seam | None:
        """Where lips meet that a change brings together."""
        if change.openings is None or self._lips is None:
            return None
        side = len(self._fine_mouth)
        return seam_lib.find(change.openings, self._lips, side, change.displacement, self._model.frame)

    @functools.cached_property
    def _fine_mouth(self) -> np.ndarray:
        return self._eight_bit(self._finer)

    def _eight_bit(self, crop: np.ndarray) -> np.ndarray:
        """In sRGB, uint8."""
        return color.to_srgb(Photo(crop).eight_bit().pixels, self._photo.icc_profile)


def join(parts: Sequence[tuple]) -> tuple:
    """One field of each kind for all faces, so that the photo is resampled once; overlapping ones add.

    Parts have for each face its box and its fields, (h, w, …) float32 each; the result has the same for all of them.
    """
    if len(parts) == 1:
        return parts[0]
    y0, y1, x0, x1 = zip(*(box for box, *_ in parts))
    whole = min(y0), max(y1), min(x0), max(x1)
    size = whole[1] - whole[0], whole[3] - whole[2]
    joined = [np.zeros((*size, *field.shape[2:]), np.float32) for field in parts[0][1:]]
    for box, *fields in parts:
        for all_of_them, field in zip(joined, fields):
            all_of_them[portrait.within(box, whole)] += field
    return whole, *joined
