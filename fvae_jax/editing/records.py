"""What is known of a face, and what an edit does to it: the records that `model` makes and others read."""

from typing import Any, NamedTuple

import cv2
import jax
import numpy as np

from fvae_jax.editing import exemplar as exemplar_lib, folds as folds_lib, mouth as mouth_lib
from fvae_jax.models.interface import Decoded


class OpenMouth(NamedTuple):
    """What is known of a face whose mouth is open.

    Attributes:
      closed: The same face with closed lips, an `EncodedFace`.
      opening: How much of a pixel lies between its lips, (size, size) float32 in [0, 1].
    """

    closed: Any  # two classes cannot both name each other where they begin
    opening: np.ndarray


class EncodedFace(NamedTuple):
    """An aligned crop and all that does not depend on the edit.

    Attributes:
      crop: S, (size, size, 3) float32 in [-1, 1].
      latent: Z(S) = μ(S), (4, 4, C).
      features: The source pyramid of S.
      own: F(Z(S)) and, with these layers, alpha, C and r: what the decoder says of the photo unchanged, the anchor of
        edits.
      donor: Whose teeth it gets; None from a model without exemplars.
      folds: Of skin; see `folds.place`. None where nobody has looked (`Model.with_folds`).
      mouth: Of a face whose mouth is open; None where it is closed, or where nobody has looked (`Model.with_mouth`).
      slit: What a mouth that is closed has between its lips, (size, size) in [0, 1]; None where it is open, or where
        nobody has looked.
    """

    crop: np.ndarray
    latent: np.ndarray
    features: list[jax.Array]
    own: Decoded
    donor: exemplar_lib.Donor | None = None
    folds: folds_lib.Placed | None = None
    mouth: OpenMouth | None = None
    slit: np.ndarray | None = None


class Content(NamedTuple):
    """What an edit adds to the moved pixels (beyond the paper).

    Attributes:
      alpha: How much of a pixel is new, (size, size) float32 in [0, 1].
      color: C, (size, size, 3) float32 in [-1, 1].
      exemplar: Teeth that are laid over C; None without them.
    """

    alpha: np.ndarray
    color: np.ndarray
    exemplar: exemplar_lib.Placed | None = None


class Change(NamedTuple):
    """What an edit does to a crop.

    Attributes:
      displacement: Where pixels come from, (size, size, 2) float32, px of the crop.
      content: What is new; None from a model without that layer.
      shading: r, log of the ratio by which the moved pixels become lighter or darker, (size, size) float32, or finer
        where there are folds; None from a model without it.
      openings: Of an open mouth, for `seam.find`; None where it was closed.
      softening: r of the face before it is moved, by which its own folds go, (S, S, 3) float32, of red, green and blue;
        None where none go, and in crops, which are too coarse for them.
    """

    displacement: np.ndarray
    content: Content | None
    shading: np.ndarray | None
    openings: mouth_lib.Openings | None = None
    softening: np.ndarray | None = None

    def light_of(self, side: int) -> np.ndarray | None:
        """The shading of a crop, (side, side)."""
        if self.shading is None or len(self.shading) == side:
            return self.shading
        return cv2.resize(self.shading, (side, side), interpolation=cv2.INTER_AREA)


class Between(NamedTuple):
    """A frame between two faces (Algorithm 2).

    Attributes:
      displacements: Of both crops, (size, size, 2) each, px.
      weights: Of both warps, (size, size) each.
      content: What neither face has; None from a model without a content layer, and from the printed formula.
      shadings: Of both warps, (size, size) each; None likewise.
    """

    displacements: tuple[np.ndarray, np.ndarray]
    weights: tuple[np.ndarray, np.ndarray]
    content: Content | None
    shadings: tuple[np.ndarray, np.ndarray] | None
