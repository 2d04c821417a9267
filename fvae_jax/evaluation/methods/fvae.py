"""The networks as methods: the FVAE, alone, with its mask, with its content layer and read as Eq. 5 prints; the VAE."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from fvae_jax import bundle as bundle_lib
from fvae_jax.editing import content as content_lib, editor as editor_lib, latent as latent_lib, morph
from fvae_jax.editing.records import Change, Content, EncodedFace
from fvae_jax.evaluation.cases import Pair
from fvae_jax.evaluation.methods.base import Method, warp_crop
from fvae_jax.models import fvae
from fvae_jax.ops import image as image_ops, warp

# Faces and changes that are kept: the images of a pair, and those that the next pairs share with it.
_FACES, _CHANGES = 16, 8


class Network:
    """The trained model. What was last asked of it is kept: several methods ask the same of the same images."""

    def __init__(self, editor: editor_lib.Editor):
        self.editor = editor
        # `FVAE.content` of the forms it has: one that does more than move pixels, shades them or adds content, has two.
        self.contents = [False, True] if any(editor.bundle.config.model[k] for k in ('content', 'shading')) else [False]

        @functools.lru_cache(_FACES)
        def encode(crop: bytes) -> EncodedFace:
            return editor.encode(np.frombuffer(crop, np.float32).reshape(editor.size, editor.size, 3))

        @functools.lru_cache(_CHANGES)
        def change(crop: bytes, latent: bytes, anchor: bool) -> Change:
            face = encode(crop)
            return editor.change(face, np.frombuffer(latent, face.latent.dtype).reshape(face.latent.shape), anchor)

        self._encode, self._change = encode, change

    def encode(self, crop: np.ndarray) -> EncodedFace:
        """Encodes a crop, (size, size, 3) float32 in [-1, 1]."""
        return self._encode(np.asarray(crop, np.float32).tobytes())

    def change(self, crop: np.ndarray, latent: np.ndarray, anchor: bool = True) -> Change:
        """Decodes a latent for a crop; see `editor.Editor.change`."""
        latent = np.asarray(latent, self.encode(crop).latent.dtype)
        return self._change(np.asarray(crop, np.float32).tobytes(), latent.tobytes(), anchor)

    def carry(self, pair: Pair) -> Change:
        """Decodes Z(T) for S: the printed form, without an anchor."""
        return self.change(pair.source, self.encode(pair.target).latent, anchor=False)


class FVAE(Method):
    """g(S, Z), Algorithm 1 and, with a mask, Algorithm 2: by default moved pixels alone, whatever the model predicts.

    Args:
      network: The trained model.
      content: Whether moved pixels are shaded, and the content layer is laid over them (beyond the paper).
      bilinear: Whether pixels are read as the network is trained (Eq. 5), and so less sharp.
      masked: Whether interpolation asks the mask, if there is one, or mixes the two warps by t alone.
    """

    def __init__(self, network: Network, *, content: bool = False, bilinear: bool = False, masked: bool = True):
        self._network, self._content, self._masked = network, content, masked and network.editor.has_mask
        self.ours = masked
        self._warp = (lambda *args: np.asarray(warp.warp_by_displacement(*args))) if bilinear else warp_crop
        how = ('as trained' if content else 'Eq. 5') if bilinear else ''
        self.name = 'FVAE with content' if content else 'FVAE'
        self.name += (f', bilinear ({how})' if how else '') + ('' if masked else ' without mask')

    def flow(self, pair: Pair) -> np.ndarray:
        """F(S, Z(T)) as displacement, (H, W, 2), px: the printed form, without an anchor."""
        return self._network.carry(pair).displacement

    def alpha(self, pair: Pair) -> np.ndarray:
        """Where the content layer lays something over S at Z(T), (H, W) in [0, 1]."""
        return self._network.carry(pair).content.alpha

    def confidence(self, pair: Pair) -> np.ndarray:
        """M(S, Z(T)), (H, W) in [0, 1]."""
        latent = self._network.encode(pair.target).latent
        return np.asarray(jax.nn.sigmoid(self._network.editor.mask_logits(self._network.encode(pair.source), latent)))

    def reconstruct(self, pair: Pair) -> np.ndarray:
        """S moved by F(S, Z(T)); with content O = (1 − a) ⊙ warp ⊙ e^r + a ⊙ C."""
        return self._apply(pair.source, self._network.carry(pair))

    def edit(self, crop: np.ndarray, source: str, target: str, strength: float) -> np.ndarray:
        """Algorithm 1, anchored."""
        face = self._network.encode(crop)
        latent = self._network.editor.edited_latent(face, {target: strength}, source=source)
        return self._apply(crop, self._network.change(crop, latent))

    def interpolate(self, first: np.ndarray, second: np.ndarray, t: float) -> np.ndarray:
        """Algorithm 2; with content also what neither photo has."""
        faces = [self._network.encode(crop) for crop in (first, second)]
        frame = self._network.editor.between(*faces, t, masked=self._masked, pixels_only=not self._content)
        warps = [self._warp(crop, field) for crop, field in zip((first, second), frame.displacements)]
        warps = [image_ops.shade(*pair) for pair in zip(warps, frame.shadings or (None, None))]
        mixed = morph.mix(*warps, np.asarray(frame.weights[1], np.float32)[..., None])
        return np.clip(_lay(mixed, frame.content), -1, 1)

    def _apply(self, crop: np.ndarray, change: Change) -> np.ndarray:
        warped = self._warp(crop, change.displacement)
        if not self._content:
            return warped
        return _lay(image_ops.shade(warped, change.light_of(len(warped))), change.content)


def _lay(moved: np.ndarray, content: Content | None) -> np.ndarray:
    return moved if content is None else content_lib.lay_on_crop(moved, content, texture=False)


class Confident(Method):
    """Table 1's "Ours w/ Confidence": g(S1, Z(T)) and g(S2, Z(T)) mixed by the softmax of their masks.

    Beside S it needs another image of the person, so it has no answer for people with fewer than three.
    """

    name = 'FVAE with confidence'
    ours = True

    def __init__(self, network: Network):
        self._network = network

    def reconstruct(self, pair: Pair) -> np.ndarray | None:
        """The softmax-of-M blend of the warps of both sources."""
        editor = self._network.editor
        if pair.second is None or not editor.has_mask:
            return None
        latent, crops = self._network.encode(pair.target).latent, (pair.source, pair.second)
        warps = [warp_crop(crop, self._network.change(crop, latent, anchor=False).displacement) for crop in crops]
        logits = [editor.mask_logits(self._network.encode(crop), latent) for crop in crops]
        weights = [np.asarray(weight)[..., None] for weight in latent_lib.blend_weights(*logits, 0.5, 'softmax')]
        return weights[0] * warps[0] + weights[1] * warps[1]


class VAE(Method):
    """The pixel decoder of the comparison (6.1): Z in, colors out; Algorithms 1 and 2 walk in its own latent space."""

    def __init__(self, bundle: bundle_lib.Bundle):
        network = fvae.from_config(bundle.config)
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
