"""The trained networks as methods of the comparison: the FVAE, alone and with its confidence mask, and the VAE."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from fvae_jax import bundle as bundle_lib
from fvae_jax.editing import content, editor as editor_lib, latent as latent_lib, model as model_lib, morph
from fvae_jax.evaluation.baselines.base import Method, Pair, warp_crop
from fvae_jax.models import networks
from fvae_jax.ops import warp


class FVAE(Method):
    """g(S, Z), Algorithm 1 and, with a mask, Algorithm 2: moved pixels alone, whatever else the model predicts.

    Args:
      editor: The trained model.
    """

    name = 'FVAE'

    def __init__(self, editor: editor_lib.Editor):
        self._editor = editor

    def flow(self, pair: Pair) -> np.ndarray:
        """F(S, Z(T)) as displacement, (H, W, 2), px: the printed form, without an anchor."""
        face, latent = self._editor.encode(pair.source), self._editor.encode(pair.target).latent
        return self._editor.displacement(face, latent, anchor=False)

    def confidence(self, pair: Pair) -> np.ndarray | None:
        """M(S, Z(T)), (H, W) in [0, 1]; None without a mask."""
        if not self._editor.has_mask:
            return None
        face, latent = self._editor.encode(pair.source), self._editor.encode(pair.target).latent
        return np.asarray(jax.nn.sigmoid(self._editor.mask_logits(face, latent)))

    def reconstruct(self, pair: Pair) -> np.ndarray:
        """S moved by F(S, Z(T))."""
        return warp_crop(pair.source, self.flow(pair))

    def edit(self, crop: np.ndarray, source: str, target: str, strength: float) -> np.ndarray:
        """Algorithm 1, anchored."""
        face = self._editor.encode(crop)
        latent = self._editor.edited_latent(face, {target: strength}, source=source)
        return warp_crop(crop, self._editor.displacement(face, latent))

    def interpolate(self, first: np.ndarray, second: np.ndarray, t: float) -> np.ndarray:
        """Algorithm 2; without a mask the two warps are mixed by t alone."""
        faces = [self._editor.encode(crop) for crop in (first, second)]
        middle = np.asarray(latent_lib.interpolate(faces[0].latent, faces[1].latent, t))
        warps = [warp_crop(face.crop, self._editor.displacement(face, middle)) for face in faces]
        _, weight = latent_lib.blend_weights(*self._trust(faces, middle), t)
        return np.clip(morph.mix(*warps, np.asarray(weight, np.float32)[..., None]), -1, 1)

    def _trust(self, faces: Sequence[model_lib.EncodedFace], latent: np.ndarray) -> list[np.ndarray]:
        """The logits of the masks of both warps; equal ones without a mask."""
        if not self._editor.has_mask:
            return [np.zeros(face.crop.shape[:2], np.float32) for face in faces]
        return [self._editor.mask_logits(face, latent) for face in faces]


class FVAEWithContent(FVAE):
    """The same with the content layer laid over the moved pixels (beyond the paper)."""

    name = 'FVAE with content'

    def reconstruct(self, pair: Pair) -> np.ndarray:
        """O = (1 − a) ⊙ warp + a ⊙ C at Z(T), without an anchor."""
        return content.lay_on_crop(super().reconstruct(pair), self.content(pair), texture=False)

    def content(self, pair: Pair) -> model_lib.Content:
        """A and C at Z(T)."""
        face, latent = self._editor.encode(pair.source), self._editor.encode(pair.target).latent
        return self._editor.change(face, latent, anchor=False)[1]

    def edit(self, crop: np.ndarray, source: str, target: str, strength: float) -> np.ndarray:
        """Algorithm 1, anchored."""
        face = self._editor.encode(crop)
        latent = self._editor.edited_latent(face, {target: strength}, source=source)
        displacement, new = self._editor.change(face, latent)
        return content.lay_on_crop(warp_crop(crop, displacement), new, texture=False)

    def interpolate(self, first: np.ndarray, second: np.ndarray, t: float) -> np.ndarray:
        """Algorithm 2; content where neither photo has pixels."""
        faces = [self._editor.encode(crop) for crop in (first, second)]
        frame = self._editor.between(*faces, t)
        warps = [warp_crop(crop, field) for crop, field in zip((first, second), frame.displacements)]
        mixed = morph.mix(*warps, np.asarray(frame.weights[1], np.float32)[..., None])
        return content.lay_on_crop(mixed, frame.content, texture=False)


class PrintedFVAE(FVAE):
    """g(S, Z(T)) to the letter: read bilinearly (Eq. 5), as the network is trained, and so less sharp."""

    name = 'FVAE, bilinear (Eq. 5)'

    def reconstruct(self, pair: Pair) -> np.ndarray:
        """The image of the printed forward pass."""
        return np.asarray(warp.warp_by_displacement(pair.source, self.flow(pair)))


class FVAEWithConfidence(FVAE):
    """Table 1's "Ours w/ Confidence": g(S1, Z(T)) and g(S2, Z(T)) mixed by the softmax of their masks.

    Beside S it needs another image of the person, so it has no answer for people with fewer than three.
    """

    name = 'FVAE with confidence'

    def reconstruct(self, pair: Pair) -> np.ndarray | None:
        """The softmax-of-M blend of the warps of both sources."""
        if pair.second is None or not self._editor.has_mask:
            return None
        latent = self._editor.encode(pair.target).latent
        faces = [self._editor.encode(crop) for crop in (pair.source, pair.second)]
        warps = [warp_crop(face.crop, self._editor.displacement(face, latent, anchor=False)) for face in faces]
        weights = [
            np.asarray(w)[..., None] for w in latent_lib.blend_weights(*self._trust(faces, latent), 0.5, 'softmax')
        ]
        return weights[0] * warps[0] + weights[1] * warps[1]

    def edit(self, crop: np.ndarray, source: str, target: str, strength: float) -> None:
        """An edit has one source."""

    def interpolate(self, first: np.ndarray, second: np.ndarray, t: float) -> None:
        """That of `FVAE` is with confidence already."""


class FVAEWithoutMask(FVAE):
    """Interpolation that mixes the two warps by t alone: what the mask is worth."""

    name = 'FVAE without mask'

    def _trust(self, faces: Sequence[model_lib.EncodedFace], latent: np.ndarray) -> list[np.ndarray]:
        return [np.zeros(face.crop.shape[:2], np.float32) for face in faces]


class VAE(Method):
    """The pixel decoder of 6.1: Z in, colors out; Algorithms 1 and 2 are walks in its own latent space.

    Args:
      bundle: The trained model.
    """

    def __init__(self, bundle: bundle_lib.Bundle):
        network = networks.from_config(bundle.config)
        self.name = 'VAE' if bundle.config.model.source_concat == 'none' else 'VAE with source pyramid'
        self._statistics, self._kind = bundle.statistics, bundle.config.latent.direction
        variables = jax.device_put(bundle.fvae)
        encode = jax.jit(lambda v, crop: network.apply(v, crop, method='encode').mean)
        decode = jax.jit(
            lambda v, latent, source: network.apply(
                v, latent, network.apply(v, source, method='features'), method='decode'
            )
        )
        self._encode = lambda crop: np.asarray(encode(variables, crop[None])[0])
        self._decode = lambda latent, source: np.asarray(decode(variables, jnp.asarray(latent)[None], source[None])[0])

    def reconstruct(self, pair: Pair) -> np.ndarray:
        """Z(T), decoded."""
        return self._decode(self._encode(pair.target), pair.source)

    def edit(self, crop: np.ndarray, source: str, target: str, strength: float) -> np.ndarray:
        """Algorithm 1: Z(S) + strength · (Z_target − Z_source), decoded."""
        change = latent_lib.combine(self._statistics, {target: strength}, source, self._kind)
        return self._decode(self._encode(crop) + change, crop)

    def interpolate(self, first: np.ndarray, second: np.ndarray, t: float) -> np.ndarray:
        """Z between Z(S1) and Z(S2), decoded; a decoder that sees a source sees both in turn."""
        middle = np.asarray(latent_lib.interpolate(self._encode(first), self._encode(second), t))
        return (1 - t) * self._decode(middle, first) + t * self._decode(middle, second)
