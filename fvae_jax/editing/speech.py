"""Mouths that speak in a film: what is there is moved, and nothing is laid over it.

An edit is decoded from what distinguishes it from its own source, so a network cannot say where a mouth is open that
stays open. It can if it is asked what the same face shows that it would not with its lips closed.
"""

import dataclasses

import cv2
import numpy as np

from fvae_jax.editing import edit
from fvae_jax.editing.latent import NEUTRAL
from fvae_jax.editing.model import CLOSING, Change, EncodedFace, Model

# Share of the new content that lies inside the own mouth, from which some is left out, and from which all is.
_SOME, _ALL = 0.08, 0.22
_SPARED = 0.64  # of what a face shows: so much is taken away in a film
_OPEN, _NOTHING = 0.5, 0.001  # where a mouth is open; share of the crop that no opening is


def spared(asked: edit.Edit) -> edit.Edit:
    """An edit that takes away less of what a face shows: a vowel looks like surprise, and shall be spoken."""
    amounts = {name: value * (_SPARED if name == NEUTRAL else 1) for name, value in asked.strengths.items()}
    return dataclasses.replace(asked, strengths=amounts)


def closed(model: Model, face: EncodedFace) -> EncodedFace:
    """The face as the model sees it with its lips closed; one frame of a shot will do for all."""
    return model.encode(model.edit(face, CLOSING), teeth=False)


def is_more_closed(model: Model, face: EncodedFace, lips_closed: EncodedFace) -> bool:
    """Whether a face has its lips closed where those of the frame that stands for closed ones are not."""
    return bool((inside(model, lips_closed, face) > _OPEN).sum() > _NOTHING * model.size**2)


def inside(model: Model, face: EncodedFace, lips_closed: EncodedFace) -> np.ndarray:
    """Where the mouth of a face is open, (size, size) float32 in [0, 1].

    Args:
      model: A model with a content layer.
      face: The face.
      lips_closed: Of another frame of the same shot; see `closed`.
    """
    logits = np.asarray(model.decode(lips_closed, face.latent).alpha_logit, np.float32)
    return np.exp(-np.logaddexp(0, -logits))


def uncovered(change: Change, own: np.ndarray) -> Change:
    """A change that lays nothing over what is inside of a mouth, and all the less the wider that is open.

    Args:
      change: With content.
      own: Where the mouth is open before it; see `inside`.
    """
    size = len(own)
    y, x = np.mgrid[:size, :size].astype(np.float32)
    moved = cv2.remap(own, x + change.displacement[..., 0], y + change.displacement[..., 1], cv2.INTER_LINEAR)
    alpha = change.content.alpha
    share = (alpha * moved).sum() / max(alpha.sum(), 1e-6)
    share = np.clip((share - _SOME) / (_ALL - _SOME), 0, 1)
    kept = (1 - moved) * np.float32(1 - share * share * (3 - 2 * share))
    return change._replace(content=change.content._replace(alpha=alpha * kept))
