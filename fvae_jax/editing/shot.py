"""What stays the same of a face in a shot: its teeth, folds and tone, and what it is like with its lips closed."""

import numpy as np

from fvae_jax.editing import contour, edit as edit_lib, lips, mouth, portrait, tone as tone_lib
from fvae_jax.editing.model import Change, EncodedFace, Model
from fvae_jax.editing.opening import Opening
from fvae_jax.editing.steady import Changed
from fvae_jax.photo.frame import Picture, Planes

_SHOWS = 0.02  # of alpha: less than that is not laid over anything
_LOOK = 4  # frames from one look for closed lips to the next
_FINE_MOUTH = 512  # px: side of the crop in which the edge of lips is sought, also where faces are smaller: coarser,
# it is found elsewhere from frame to frame


class Known:
    """What is known of a face for a whole shot, from the first frame on in which it is edited.

    Whose teeth are shown where it opens its mouth, if anybody's; its folds; its tone in a film of one color; and the
    face with its lips closed, unless nothing is laid over it.
    """

    def __init__(self, model: Model, face: EncodedFace, edit: edit_lib.Edit):
        self._model, self._seen = model, 0
        self._donor = self._folds = self._closed = None
        self._tone = tone_lib.of(face.crop)
        if not model.bundle.config.model.content:
            return
        if not edit.pixels_only:
            self._donor = model.with_teeth(face, edit.teeth).donor
        if edit.anchor:
            self._closed = lips.closed(model, face)
            self._folds = model.with_folds(self._closed).folds

    def changed(self, frame: Planes | Picture, matrix: np.ndarray, face: EncodedFace, asked: edit_lib.Edit) -> Changed:
        """What an edit does to the face in a frame, known there without teeth and folds.

        The matrix is the 2×3 similarity from px of the frame to px of the crop.
        """
        model = self._model
        # Folds are less deep where the frame shows them already.
        folds = self._folds and self._folds._replace(shown=model.shown(face))
        face = face._replace(donor=self._donor, folds=folds)
        latent = lips.spared(asked).latent(model, face)
        if self._closed is None:
            return Changed(matrix, face, model.change(face, latent, asked.anchor), self._tone)
        self._seen += 1
        if self._seen % _LOOK == 0 and lips.is_more_closed(model, face, self._closed):
            self._closed = lips.closed(model, face)
        own = lips.inside(model, face, self._closed)
        face = face._replace(slit=own)  # lips that are apart already are not parted
        change, seen = model.change(face, latent), None
        if mouth.is_open(own, model.frame):
            seen = self._lips(frame, matrix, face, latent, change)
        if change.content.alpha.max() > _SHOWS:
            change = lips.uncovered(change, own)
        return Changed(matrix, face, change, self._tone, seen)

    def _lips(
        self, frame: Planes | Picture, matrix: np.ndarray, face: EncodedFace, latent: np.ndarray, change: Change
    ) -> lips.Lips:
        """The lips of an open mouth, and how an edit to `latent` closes them."""
        model = self._model
        wanted = lips.inside(model, face._replace(latent=latent), self._closed)
        finer = portrait.scale_transform(matrix, _FINE_MOUTH / model.size)

        def edges() -> Opening | None:
            crop = portrait.aligned(frame, finer, _FINE_MOUTH)
            return contour.of(model.bundle.lips, face.latent, face.slit, crop, model.frame)

        return lips.of(face.slit, wanted, change.displacement, edges, _FINE_MOUTH, model.frame)
