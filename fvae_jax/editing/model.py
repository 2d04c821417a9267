"""A model at work on aligned crops: a face is encoded once, and as many edits of it are decoded as wanted."""

import functools
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from fvae_jax import bundle as bundle_lib
from fvae_jax.editing import contour, exemplar, eyes, folds, latent as latent_lib, mouth, parting, portrait, vermilion
from fvae_jax.editing.records import Between, Change, Content, EncodedFace, OpenMouth
from fvae_jax.errors import InputError
from fvae_jax.models import compiled, interface
from fvae_jax.ops import frame, image as image_ops, warp

# An edit that leaves no mouth open, as seen by the network.
CLOSING = {latent_lib.NEUTRAL: 2.0}


class Model:
    """Latents, flows, masks and pictures of aligned crops.

    Every function is compiled once, on its first use, for a batch of one. `anchor` and `blend` mean the same in all of
    them. Anchored, a flow is F(Z) − F(Z(S)) + grid, exactly the identity for the face's own latent; not anchored it is
    F(Z), the printed form, which shows the face itself only as well as the model can. For `blend` see
    `latent.blend_weights`.

    Attributes:
      bundle: The trained model.
      size: Side of its crops, px.
      frame: Where the eyes lie in them.

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
        self.frame = frame.of(bundle.config)
        shape = (4, 4, interface.latent_channels(bundle.config))
        for name, latent in (*bundle.statistics.class_means.items(), *bundle.statistics.within_identity.items()):
            if np.shape(latent) != shape:
                raise InputError(
                    f'the latent of {name} has the shape {np.shape(latent)} and the network of this model '
                    f'{shape}; take another copy of the model file'
                )
        if bundle.lips is not None:
            contour.check(bundle.lips)
            vermilion.check(bundle.lips)

    @functools.cached_property
    def _programs(self) -> compiled.Programs:
        return compiled.programs(self.bundle.config, self.bundle.fvae, self.bundle.mask)

    @property
    def _run(self) -> compiled.Programs:
        """The programs, where they can run: made at their first use, since a process may be forked before that."""
        compiled.enter_process()
        return self._programs

    def make_ready(self) -> None:
        """Compiles what edits of photos need, or reads it from the cache, at once; else each when it is first used."""
        compiled.make_ready([self._run.encode, self._run.decode, self._run.move])

    @property
    def expressions(self) -> tuple[str, ...]:
        """The expressions the model has seen, neutral among them."""
        return tuple(sorted(self.bundle.statistics.class_means))

    @property
    def has_mask(self) -> bool:
        """Whether the model has a confidence mask, which interpolation needs."""
        return self.bundle.mask is not None

    def encode(self, crop: np.ndarray, *, teeth: bool = True) -> EncodedFace:
        """Encodes an aligned crop.

        Args:
          crop: (size, size, 3), uint8, uint16 or float in [-1, 1].
          teeth: Whether to choose whose teeth it gets; see `with_teeth`.

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
        latent, features = self._run.encode(crop[None])
        own = jax.device_get(self._run.decode(latent, features))
        if not all(np.isfinite(values).all() for values in jax.tree.leaves((latent, own))):
            raise InputError(
                'the weights of this model lead to numbers that are not finite; take another copy of the model '
                'file, or train again'
            )
        face = EncodedFace(crop, np.asarray(latent), features, own)
        return self.with_teeth(face) if teeth else face

    def with_teeth(self, face: EncodedFace, exemplars: bundle_lib.Exemplars | None = None) -> EncodedFace:
        """Chooses whose teeth a face gets: once, so that they do not change with the strength of an edit.

        They are the model's own when None.
        """
        exemplars = exemplars or self.bundle.exemplars
        if exemplars is None or not self.bundle.config.model.content:
            return face
        latent = face.latent
        if exemplars.expression in self.expressions:
            latent = self.edited_latent(face, {exemplars.expression: 1.0})
        start = face if face.mouth is None else face.mouth.closed
        opening = self._content(start, self.decode(start, latent), anchor=True).alpha
        return face._replace(donor=exemplar.choose(exemplars, face.crop, opening, self.frame))

    def with_folds(self, face: EncodedFace, fine: np.ndarray | None = None) -> EncodedFace:
        """Finds out how the skin of a face folds; the face as it is where the model does not know.

        With `fine`, a finer crop, (S, S, 3) uint8, its own folds go with an expression that is taken away.
        """
        if self.bundle.folds is None or (corners := self.mouth_corners(face)) is None:
            return face
        placed = folds.place(self.bundle.folds, face.crop, corners, self.frame, self.shown(face))
        if fine is not None:
            own = functools.partial(folds.softening, self.bundle.folds, fine, corners, self.frame)
            placed = placed._replace(own=functools.cache(own))
        return face._replace(folds=placed)

    def shown(self, face: EncodedFace) -> dict[str, float]:
        """How much of each expression a face shows; see `latent.shown`."""
        direction = self.bundle.config.latent.direction
        return latent_lib.shown(face.latent, self.bundle.statistics, direction, self._readings)

    def mouth_corners(self, face: EncodedFace) -> np.ndarray | None:
        """The corners of a mouth; a closed one has them where the exemplars' expression opens it; see `folds.corners`.

        None where nothing opens, and of a closed mouth by a model without exemplars.
        """
        if face.mouth is not None:
            return folds.corners(face.mouth.opening)
        if self.bundle.exemplars is None or self.bundle.exemplars.expression not in self.expressions:
            return None
        # Led to the line between the lips, what is beside their ends would come from elsewhere.
        whole = face._replace(slit=None)
        change = self.change(whole, self.edited_latent(face, {self.bundle.exemplars.expression: 1.0}))
        return None if change.content is None else folds.corners(change.content.alpha, change.displacement)

    def with_mouth(self, face: EncodedFace) -> EncodedFace:
        """Finds out whether the mouth of a face is open, and what the face is like with closed lips; see `mouth`."""
        if not self.bundle.config.model.content or latent_lib.NEUTRAL not in self.expressions:
            return face
        closed = self.encode(self.edit(face, CLOSING), teeth=False)
        opening = self._content(closed, self.decode(closed, face.latent), anchor=True).alpha
        if mouth.is_open(opening, self.frame):
            return face._replace(mouth=OpenMouth(closed._replace(slit=np.zeros_like(opening)), opening))
        return face._replace(slit=opening)

    def decode(self, face: EncodedFace, latent: np.ndarray) -> interface.Decoded:
        """F(S, Z) of a latent (4, 4, C), (size, size, 2) normalized, and with these layers alpha, C and r."""
        if np.array_equal(latent, face.latent):
            return face.own
        return jax.device_get(self._run.decode(np.asarray(latent, np.float32), face.features))

    def edited_latent(
        self,
        face: EncodedFace,
        strengths: Mapping[str, float],
        source: str = latent_lib.NEUTRAL,
        kind: str | None = None,
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
            latent_lib.check_strength('strength of neutral', relax)
            read = self._readings if kind == self.bundle.config.latent.direction else None
            change += np.float32(relax) * latent_lib.neutralize(face.latent, stats, kind, read)
        return face.latent + change + latent_lib.combine(stats, strengths, source, kind)

    def displacement(self, face: EncodedFace, latent: np.ndarray, anchor: bool = True) -> np.ndarray:
        """The flow of an edit as displacement in pixels of the crop, (size, size, 2) float32; see `change`."""
        return self.change(face, latent, anchor).displacement

    def change(self, face: EncodedFace, latent: np.ndarray, anchor: bool = True) -> Change:
        """The displacement of an edit, what it adds, and how it shades, decoded at once.

        Anchored, r is r(Z) − r(Z(S)), and alpha is 1 − min(1, (1 − a_edit) / (1 − a_S)) with a_S that of the face's
        own latent: what the layer would lay over the photo unchanged is no part of an edit, and closing a mouth adds
        nothing. Where the mouth is known to be open, only another opening than its own is new; see `mouth`. `latent` is
        Z_edit.
        """
        decoded = self.decode(face, latent)
        start = face.own.flow if anchor else np.asarray(warp.identity_grid(self.size, self.size))
        displacement = (decoded.flow - start) * np.float32((self.size - 1) / 2)
        shading = content = openings = softening = None
        if decoded.alpha_logit is not None:
            content = self._content(face, decoded, anchor)
            if anchor and face.slit is not None:
                displacement = parting.part(displacement, content.alpha, face.crop, face.slit, self.frame)
        if decoded.shading is not None:
            shading = decoded.shading - face.own.shading if anchor else np.asarray(decoded.shading)
        if shading is not None and face.folds is not None:
            added = {name: float((row * (latent - face.latent)).sum()) for name, row in self._gauge.items()}
            taken = folds.taken(face.folds, added)
            displacement = eyes.calmed(displacement, taken, self.frame)
            moved = folds.moved(face.folds, added, displacement)
            shading = moved + portrait.enlarge(shading[..., None], len(moved))[..., 0]
            if taken and face.folds.own is not None:
                softening = np.float32(taken) * face.folds.own()
        if face.mouth is not None and anchor:
            of_closed, own = self.change(face.mouth.closed, latent), face.mouth.opening
            wanted = mouth.closed(own, of_closed.content.alpha)
            another = mouth.another(own, wanted, displacement, self.frame)
            openings = mouth.Openings(own, wanted, of_closed.displacement, another)
            placed = exemplar.place(face.donor, face.crop, wanted, self.frame)
            content = Content(another * wanted, content.color, placed)
        return Change(displacement, content, shading, openings, softening)

    @functools.cached_property
    def _readings(self) -> latent_lib.Readings:
        return latent_lib.readings(self.bundle.statistics, self.bundle.config.latent.direction)

    @functools.cached_property
    def _gauge(self) -> dict[str, np.ndarray]:
        return latent_lib.gauge(self.bundle.statistics, self.bundle.config.latent.direction)

    def _content(self, face: EncodedFace, decoded: interface.Decoded, anchor: bool) -> Content:
        # 1 − alpha, as logarithms: both may be too small for their quotient.
        kept = -np.logaddexp(0, decoded.alpha_logit)
        if anchor:
            kept = np.minimum(0, kept + np.logaddexp(0, face.own.alpha_logit))
        alpha = 1 - np.exp(kept)
        if not anchor or face.donor is None:
            return Content(alpha, decoded.color)
        placed = exemplar.place(face.donor, face.crop, alpha, self.frame)
        if placed is not None:
            alpha, placed = exemplar.fitted(alpha, placed, self.frame)
        return Content(alpha, exemplar.beyond(decoded.color, self.frame), placed)

    def mask_logits(self, face: EncodedFace, latent: np.ndarray) -> np.ndarray:
        """Logits of the confidence M(S, Z), (size, size) float32.

        Raises:
          InputError: The model was trained without a mask.
        """
        if self.bundle.mask is None:
            raise InputError('this model has no confidence mask; train it with --mode=mask')
        features = self._run.mask_encode(face.crop[None])
        return np.asarray(self._run.mask_decode(np.asarray(latent, np.float32), features))

    def between(
        self,
        first: EncodedFace,
        second: EncodedFace,
        t: float,
        blend: str = 'logit',
        anchor: bool = True,
        *,
        masked: bool = True,
        pixels_only: bool = False,
    ) -> Between:
        """Decodes the frame between two faces (Algorithm 2).

        A photo counts less where the content layer would cover it, and content is left where both would be covered.
        The blend 'paper' is without content and shading, as printed.

        Args:
          first: The face at t = 0.
          second: The face at t = 1.
          t: How far from the first to the second, in [0, 1].
          blend: See `latent.blend_weights`.
          anchor: Whether both flows start from their own faces; see the class.
          masked: Whether to ask the mask; without it both warps are trusted alike.
          pixels_only: Whether to leave out content and shading, as the paper does.

        Raises:
          InputError: The model has no mask, or the blend is unknown.
        """
        latent = np.asarray(latent_lib.interpolate(first.latent, second.latent, t))
        first, second = (face._replace(mouth=None, folds=None, donor=None, slit=None) for face in (first, second))
        alike = np.zeros((self.size, self.size), np.float32)
        logits = [self.mask_logits(face, latent) if masked else alike for face in (first, second)]
        displacements, contents, shadings, *_ = zip(*(self.change(face, latent, anchor) for face in (first, second)))
        content, beyond = None, not pixels_only and blend != 'paper'
        if contents[0] is not None and beyond:
            # alpha 1 is no confidence at all: what a photo does not have, the other one may.
            logits = [logit + np.log(np.maximum(1 - new.alpha, 1e-6)) for logit, new in zip(logits, contents)]
            alpha = np.minimum(*(new.alpha for new in contents))
            content = Content(alpha, (1 - t) * contents[0].color + t * contents[1].color)
        first_weight, second_weight = map(np.asarray, latent_lib.blend_weights(*logits, t, blend))
        shadings = shadings if shadings[0] is not None and beyond else None
        return Between(displacements, (first_weight, second_weight), content, shadings)

    def edit(
        self, face: EncodedFace, strengths: Mapping[str, float], *, anchor: bool = True, **options: Any
    ) -> np.ndarray:
        """The edited crop at the model's own size, (size, size, 3) float32 in [-1, 1]; see `edited_latent`."""
        change = self.change(face, self.edited_latent(face, strengths, **options), anchor)
        warped = np.asarray(self._run.move(face.crop, change.displacement))
        warped, content = image_ops.shade(warped, change.light_of(self.size)), change.content
        if content is None:
            return warped
        alpha, color = content.alpha[..., None], content.color
        if content.exemplar is not None:
            color = content.exemplar.over(color, np.eye(2, 3), content.exemplar.shading)
        return (1 - alpha) * warped + alpha * color
