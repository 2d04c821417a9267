"""What stays the same of a face in a shot: its teeth, folds and tone, and what it is like with its lips closed."""

import dataclasses

import numpy as np

from fvae_jax.editing import (
    contour,
    crop as crop_lib,
    edit as edit_lib,
    exemplar,
    folds as folds_lib,
    lips,
    mouth,
    portrait,
    speech,
    tone as tone_lib,
)
from fvae_jax.editing.model import Change, EncodedFace, Model
from fvae_jax.editing.opening import Opening
from fvae_jax.photo.frame import Picture, Planes

_LOOK = 4  # frames from one look for closed lips to the next
_FINE_MOUTH = 512  # px: side of the crop in which the edge of lips is sought, also where faces are smaller: coarser,
# it is found elsewhere from frame to frame


@dataclasses.dataclass(eq=False)
class Known:
    """What is known of a face for a whole shot.

    Attributes:
      donor: Whose teeth are shown where it opens its mouth, if anybody's.
      folds: Of skin; see `EncodedFace`.
      tone: Of a film of one color; None of others.
      lips_closed: The face with its lips closed; None where nothing is laid over it.
    """

    donor: exemplar.Donor | None
    folds: folds_lib.Placed | None
    tone: tone_lib.Tone | None
    lips_closed: EncodedFace | None
    _seen: int = 0

    @classmethod
    def of(cls, model: Model, face: EncodedFace, edit: edit_lib.Edit) -> 'Known':
        """Of a face in the first frame of a shot in which it is edited."""
        tone = tone_lib.of(face.crop)
        if not model.bundle.config.model.content:
            return cls(None, None, tone, None)
        exemplars = model.bundle.exemplars if edit.teeth is None else edit.teeth
        donor = None if exemplars is None or edit.pixels_only else model.with_teeth(face, exemplars).donor
        if not edit.anchor:
            return cls(donor, None, tone, None)
        closed = speech.closed(model, face)
        return cls(donor, model.with_folds(closed).folds, tone, closed)

    def given_to(self, model: Model, face: EncodedFace) -> EncodedFace:
        """A face of the shot with its teeth and folds, which are less deep where the frame shows them already."""
        folds = self.folds and self.folds._replace(shown=model.shown(face))
        return face._replace(donor=self.donor, folds=folds)

    def see(self, model: Model, face: EncodedFace) -> None:
        """Looks now and then whether a frame shows the lips more closed."""
        self._seen += 1
        if self._seen % _LOOK == 0 and speech.is_more_closed(model, face, self.lips_closed):
            self.lips_closed = speech.closed(model, face)

    def lips(
        self,
        model: Model,
        frame: Planes | Picture,
        matrix: np.ndarray,
        latent: np.ndarray,
        edited: EncodedFace,
        own: np.ndarray,
        change: Change,
    ) -> lips.Lips | None:
        """The lips of a frame, and how its edit closes them.

        Args:
          model: The model.
          frame: The frame.
          matrix: 2×3 similarity, px of the frame to px of the crop.
          latent: Z of the frame.
          edited: The face with the latent of its edit.
          own: Where its mouth is open; see `speech.inside`.
          change: What the edit does to the crop.
        """
        if not mouth.is_open(own, model.frame):
            return None
        wanted = speech.inside(model, edited, self.lips_closed)
        finer = portrait.scale_transform(matrix, _FINE_MOUTH / model.size)

        def edges() -> Opening | None:
            crop = crop_lib.aligned(frame, finer, _FINE_MOUTH)
            return contour.of(model.bundle.lips, latent, own, crop, model.frame)

        return lips.of(own, wanted, change.displacement, edges, _FINE_MOUTH, model.frame)
