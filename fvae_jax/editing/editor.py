"""`Editor`: a model that encodes an aligned face once and decodes as many edits of it as wanted."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import flax.errors
import jax
import jax.numpy as jnp
import numpy as np
from scipy import special

from fvae_jax import bundle as bundle_lib
from fvae_jax.editing import latent as latent_lib
from fvae_jax.errors import InputError
from fvae_jax.models import confidence, fvae
from fvae_jax.ops import image as image_ops, warp
from fvae_jax.photo import opening

if TYPE_CHECKING:
    from fvae_jax.editing import interpolation, studio


class Face(NamedTuple):
    """An aligned crop and all that does not depend on the edit.

    Attributes:
      crop: S, (size, size, 3) float32 in [-1, 1].
      latent: Z(S) = μ(S), (4, 4, C).
      features: The source pyramid of S.
      mask_features: The mask's pyramid of S; empty without a mask.
      own: F(Z(S)) and, with a content layer, alpha and C: what the decoder says of the photo unchanged, the anchor of
        edits.
    """

    crop: np.ndarray
    latent: np.ndarray
    features: list[jax.Array]
    mask_features: list[jax.Array]
    own: fvae.Decoded


class Content(NamedTuple):
    """What an edit adds to the moved pixels (beyond the paper).

    Attributes:
      alpha: How much of a pixel is new, (size, size) float32 in [0, 1].
      color: C, (size, size, 3) float32 in [-1, 1].
    """

    alpha: np.ndarray
    color: np.ndarray


class Between(NamedTuple):
    """A frame between two faces (Algorithm 2).

    Attributes:
      displacements: Of both crops, (size, size, 2) each, px, anchored at their own ends.
      weights: Of both warps, (size, size) each.
      content: What neither face has; None from a model without a content layer.
    """

    displacements: tuple[np.ndarray, np.ndarray]
    weights: tuple[np.ndarray, np.ndarray]
    content: Content | None


class Editor:
    """Flows, masks and pictures of aligned crops; `open` and `interpolate` do the same for whole photos.

    Every function is compiled once, on its first use, for a batch of one.

    Args:
      bundle: The model.

    Attributes:
      bundle: The model.
      size: Side of its crops, px.
      max_pixels: The largest photo that `open`, `example` and `interpolate` read, pixels; may be set.

    Raises:
      InputError: The model is a pixel VAE, or its expressions are not those of its network.
    """

    def __init__(self, bundle: bundle_lib.Bundle):
        if bundle.config.model.decoder != 'flow':
            raise InputError(
                "this model is a VAE that predicts pixels (model.decoder = 'pixels'), made for the report; "
                "photos are edited with a model of model.decoder = 'flow'"
            )
        self.bundle = bundle
        self.size: int = bundle.config.data.image_size
        self.max_pixels = opening.MAX_PIXELS
        network = fvae.from_config(bundle.config)
        shape = (4, 4, network.latent_channels)
        for name, latent in (*bundle.statistics.class_means.items(), *bundle.statistics.within_identity.items()):
            if np.shape(latent) != shape:
                raise InputError(
                    f'the latent of {name} has the shape {np.shape(latent)} and the network of this model '
                    f'{shape}; take another copy of the model file'
                )
        variables = jax.device_put(bundle.fvae)

        @jax.jit
        def encode(variables, crop):
            posterior = network.apply(variables, crop, method='encode')
            return posterior.mean[0], network.apply(variables, crop, method='features')

        @jax.jit
        def decode(latent, features):
            # The weights are part of the program: what is made of them alone is made once. A fifth less time.
            decoded = network.apply(bundle.fvae, latent[None], features, method='decode')
            return jax.tree.map(lambda x: x[0], decoded)

        self._encode = lambda crop: encode(variables, crop)
        self._decode = lambda latent, features: jax.device_get(decode(latent, features))
        self._mask_encode = self._mask_decode = None
        if bundle.mask is not None:
            judge = confidence.from_config(bundle.config)
            mask_variables = jax.device_put(bundle.mask)
            mask_encode = jax.jit(lambda v, crop: judge.apply(v, crop, method='features'))
            mask_decode = jax.jit(
                lambda v, latent, features: judge.apply(v, latent[None], features, method='decode')[0]
            )
            self._mask_encode = lambda crop: mask_encode(mask_variables, crop)
            self._mask_decode = lambda latent, features: mask_decode(mask_variables, latent, features)

    @property
    def expressions(self) -> tuple[str, ...]:
        """The expressions the model has seen, neutral among them."""
        return tuple(sorted(self.bundle.statistics.class_means))

    @property
    def has_mask(self) -> bool:
        """Whether the model has a confidence mask, which interpolation needs."""
        return self._mask_decode is not None

    def encode(self, crop: np.ndarray) -> Face:
        """Encodes an aligned crop.

        Args:
          crop: (size, size, 3), uint8, uint16 or float in [-1, 1].

        Raises:
          InputError: The crop has another size.
        """
        if crop.shape != (self.size, self.size, 3):
            raise InputError(
                f'a crop of shape {crop.shape} does not fit this model; it takes ({self.size}, {self.size}, 3)'
            )
        if crop.dtype == np.uint16:
            crop = crop.astype(np.float32) / 32767.5 - 1
        crop = image_ops.to_float(crop) if crop.dtype == np.uint8 else np.asarray(crop, np.float32)
        try:
            latent, features = self._encode(crop[None])
            mask_features = self._mask_encode(crop[None]) if self.has_mask else []
            own = self._decode(latent, features)
        except (flax.errors.FlaxError, KeyError, TypeError, ValueError) as error:
            # A file may hold other tensors than its config asks for.
            raise InputError(
                'the weights of this model do not fit its config '
                f'({" ".join(str(error).split())[:200]}); take another copy of the model file'
            ) from error
        if not all(np.isfinite(values).all() for values in jax.tree.leaves((latent, own))):
            raise InputError(
                'the weights of this model lead to numbers that are not finite; take another copy of the model '
                'file, or train again'
            )
        return Face(crop, np.asarray(latent), features, mask_features, own)

    def edited_latent(
        self, face: Face, strengths: Mapping[str, float], source: str = latent_lib.NEUTRAL, kind: str | None = None
    ) -> np.ndarray:
        """Z_edit of Algorithm 1: Z(S) + Σ strength · (Z_target − Z_source).

        Args:
          face: The face.
          strengths: By expression. `neutral` with the source `neutral` takes out what the face shows, by
            `latent.neutralize`.
          source: The expression to come from.
          kind: See `latent.direction`; the model's own choice when None.

        Returns:
          (4, 4, C).

        Raises:
          InputError: An expression is unknown or a strength is not finite.
        """
        kind = kind or self.bundle.config.latent.direction
        stats, strengths = self.bundle.statistics, dict(strengths)
        change = np.zeros_like(face.latent)
        if source == latent_lib.NEUTRAL and latent_lib.NEUTRAL in strengths:
            relax = strengths.pop(latent_lib.NEUTRAL)
            if not np.isfinite(relax):
                raise InputError(f'strength of neutral is {relax}; it must be a finite number')
            change += np.float32(relax) * latent_lib.neutralize(face.latent, stats, kind)
        return face.latent + change + latent_lib.combine(stats, strengths, source, kind)

    def displacement(self, face: Face, latent: np.ndarray, anchor: bool = True) -> np.ndarray:
        """The flow of an edit as displacement in pixels of the crop.

        Args:
          face: The face.
          latent: Z_edit.
          anchor: F(Z_edit) − F(Z(S)): exactly zero for the face's own latent. False gives F(Z_edit) − grid, the
            printed form, which reconstructs the face only as well as the model can.

        Returns:
          (size, size, 2) float32.
        """
        return self.change(face, latent, anchor)[0]

    def change(self, face: Face, latent: np.ndarray, anchor: bool = True) -> tuple[np.ndarray, Content | None]:
        """The displacement of an edit, as `displacement` gives it, and what it adds, decoded at once.

        Anchored, alpha is 1 − min(1, (1 − a_edit) / (1 − a_S)) with a_S that of the face's own latent: what the
        layer would lay over the photo unchanged is no part of an edit, and closing a mouth adds nothing.

        Returns:
          (size, size, 2) float32, and the content; None from a model without that layer.
        """
        scale = np.float32((self.size - 1) / 2)
        if anchor and np.array_equal(latent, face.latent):
            decoded = face.own
        else:
            decoded = self._decode(jnp.asarray(latent), face.features)
        start = face.own.flow if anchor else np.asarray(warp.identity_grid(self.size, self.size))
        displacement = (decoded.flow - start) * scale
        if decoded.alpha_logit is None:
            return displacement, None
        # 1 − alpha, as logarithms: both may be too small for their quotient.
        kept = special.log_expit(-decoded.alpha_logit)
        if anchor:
            kept = np.minimum(0, kept - special.log_expit(-face.own.alpha_logit))
        return displacement, Content(1 - np.exp(kept), decoded.color)

    def mask_logits(self, face: Face, latent: np.ndarray) -> np.ndarray:
        """Logits of the confidence M(S, Z), (size, size) float32.

        Raises:
          InputError: The model was trained without a mask.
        """
        if self._mask_decode is None:
            raise InputError('this model has no confidence mask; train it with --mode=mask')
        return np.asarray(self._mask_decode(jnp.asarray(latent), face.mask_features))

    def between(
        self,
        first: Face,
        second: Face,
        t: float,
        blend: str = 'logit',
        *,
        masked: bool = True,
        pixels_only: bool = False,
    ) -> Between:
        """Decodes the frame between two faces (Algorithm 2).

        A photo counts less where the content layer would cover it, and content is left where both would be covered.

        Args:
          first, second: The faces.
          t: How far from the first to the second, in [0, 1].
          blend: See `latent.blend_weights`.
          masked: Whether to ask the mask; without it both warps are trusted alike.
          pixels_only: Whether to leave out the content layer, as the paper does.

        Raises:
          InputError: The model has no mask, or the blend is unknown.
        """
        latent = np.asarray(latent_lib.interpolate(first.latent, second.latent, t))
        alike = np.zeros((self.size, self.size), np.float32)
        logits = [self.mask_logits(face, latent) if masked else alike for face in (first, second)]
        displacements, contents = zip(*(self.change(face, latent) for face in (first, second)))
        if contents[0] is None or pixels_only:
            return Between(displacements, _arrays(latent_lib.blend_weights(*logits, t, blend)), None)
        # alpha 1 is no confidence at all: what a photo does not have, the other one may.
        kept = [np.log(np.maximum(1 - content.alpha, 1e-6)) for content in contents]
        weights = _arrays(latent_lib.blend_weights(*(logit + k for logit, k in zip(logits, kept)), t, blend))
        alpha = np.minimum(*(content.alpha for content in contents))
        color = (1 - t) * contents[0].color + t * contents[1].color
        return Between(displacements, weights, Content(alpha, color))

    def edit(self, face: Face, strengths: Mapping[str, float], **options: Any) -> np.ndarray:
        """The edited crop at the model's own size, (size, size, 3) float32 in [-1, 1]; see `edited_latent`."""
        displacement, content = self.change(face, self.edited_latent(face, strengths, **options))
        warped = np.asarray(warp.warp_by_displacement(face.crop, displacement))
        if content is None:
            return warped
        alpha = content.alpha[..., None]
        return (1 - alpha) * warped + alpha * content.color

    def open(self, path: str | os.PathLike) -> 'studio.EditablePhoto':
        """Opens a photo of any size for editing; see `studio.EditablePhoto`."""
        from fvae_jax.editing import studio

        return studio.open_photo(self, path)

    def example(self, expression: str | os.PathLike, neutral: str | os.PathLike | None = None) -> 'studio.Example':
        """Takes an expression from one photo, or from two of one person; see `studio.example`."""
        from fvae_jax.editing import studio

        return studio.example(self, expression, neutral)

    def interpolate(
        self, first: str | os.PathLike, second: str | os.PathLike, frames: int = 30, **options: Any
    ) -> 'interpolation.Morph':
        """Interpolates two photos of one person (Algorithm 2); see `interpolation.Morph`."""
        from fvae_jax.editing import interpolation

        return interpolation.interpolate(self, first, second, frames, **options)


def _arrays(weights) -> tuple[np.ndarray, np.ndarray]:
    first, second = weights
    return np.asarray(first), np.asarray(second)


def load(path: str | os.PathLike | None = None) -> Editor:
    """Returns the Editor of a model.

    Args:
      path: A model file, RUN/model.safetensors; the model that comes with the package when None.

    Raises:
      InputError: The file is missing or is no model.
    """
    return Editor(bundle_lib.load(path))
