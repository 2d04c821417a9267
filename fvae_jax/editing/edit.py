"""Whole photos, edited at their own resolution (Algorithm 1, 4.3): what is asked of a face, and what comes of it."""

import dataclasses
import functools
import numbers as numbers_lib
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image
from scipy import special

from fvae_jax import bundle as bundle_lib
from fvae_jax.data import align
from fvae_jax.editing import (
    content,
    exemplar,
    latent as latent_lib,
    mouth,
    overlay,
    portrait,
    steps as steps_lib,
    tone as tone_lib,
)
from fvae_jax.editing.model import CLOSING, Change, EncodedFace, Model
from fvae_jax.errors import InputError, printable
from fvae_jax.photo import color, write
from fvae_jax.photo.photo import Photo
from fvae_jax.version import __version__

# Margin of a close-up, as a share of the region of the faces.
_CLOSE_UP = 0.1
# Full saturation in pictures of flow, as a share of the distance between the eyes. Relative to the
# face, and not to the longest vector, so that pictures of two edits or two photos compare.
_FLOW_MAXIMUM = 0.1
_FINE_MOUTH = 512  # px: side of the largest crop that the edge of lips is sought in
_FINEST_TEETH = 1024  # px: side of the largest crop that teeth are taken from
_TOOTHY = 'smile'  # the expression whose upper lip tells where teeth are, if the model does not say


@dataclasses.dataclass(frozen=True, eq=False)
class Example:
    """An expression shown by a photo from outside the training set (the paper's "fear", 6.1).

    Attributes:
      expression: Z of the photo that shows it.
      neutral: Z of the same person's neutral photo; None stands for the photo that is edited, the paper's
        Z_source ≈ Z(S), which also moves whatever else distinguishes the two photos.
      name: For people.
    """

    expression: np.ndarray
    neutral: np.ndarray | None
    name: str

    def direction(self, latent: np.ndarray) -> np.ndarray:
        """The direction for a face with Z(S) = `latent`, (4, 4, C)."""
        return self.expression - (latent if self.neutral is None else self.neutral)


@dataclasses.dataclass(frozen=True, eq=False)
class Edit:
    """What is asked of a face: `strength` times the sum of its directions.

    Attributes:
      strengths: By expression; see `Model.edited_latent`.
      source: The expression to come from.
      like: An example whose direction is added.
      strength: A factor for everything; anchored, 0 is the photo itself.
      pixels_only: Whether the content layer is left out.
      anchor: Whether the edit starts from the photo itself; see `Model`.
      teeth: A photo of the same person whose teeth are shown where the mouth opens; None takes the model's exemplars.
    """

    strengths: Mapping[str, float]
    source: str = latent_lib.NEUTRAL
    like: Example | None = None
    strength: float = 1.0
    pixels_only: bool = False
    anchor: bool = True
    teeth: 'EditablePhoto | None' = None

    def latent(self, model: Model, face: EncodedFace) -> np.ndarray:
        """Z_edit, (4, 4, C).

        Raises:
          InputError: An expression is unknown or a strength is not finite.
        """
        latent_lib.check_strength('strength', self.strength)
        strengths = {name: self.strength * value for name, value in self.strengths.items()}
        edited = model.edited_latent(face, strengths, source=self.source)
        if self.like is None:
            return edited
        return edited + np.float32(self.strength) * self.like.direction(face.latent)

    def __str__(self) -> str:
        start = '' if self.source == latent_lib.NEUTRAL else f'{self.source} to '
        parts = [f'{start}{name} {self.strength * value:.4g}' for name, value in self.strengths.items()]
        if self.like is not None:
            parts.append(f'like {self.like.name} {self.strength:.4g}')
        if self.teeth is not None:
            parts.append('own teeth')
        return (', '.join(parts) or 'nothing') + ('' if self.anchor else ', not anchored')


class EditablePhoto:
    """A photo with its faces, each encoded once, when it is first needed.

    Args:
      model: The model.
      photo: The photo.
      faces: As `align.detect_faces` returns them, at least one.

    Attributes:
      model: The model.
      photo: The photo.
      faces: Its faces, widest first; face N of `edit` is `faces[N - 1]`.
    """

    def __init__(self, model: Model, photo: Photo, faces: Sequence[align.Detection]):
        self.model = model
        self.photo = photo
        self.faces = tuple(faces)
        self._encoded: dict[int, EncodedFace] = {}
        # Of faces whose mouth is open: its opening, and the field that closes it.
        self._openings: dict[int, np.ndarray] = {}
        self._closing: dict[int, np.ndarray] = {}
        self._tones: dict[int, tone_lib.Tone | None] = {}
        self._crops: dict[int, np.ndarray] = {}

    def __getstate__(self) -> dict[str, Any]:
        # Made again where it is needed.
        return {**self.__dict__, '_encoded': {}, '_openings': {}, '_closing': {}, '_crops': {}}

    def numbers(self, face: int | str | None) -> tuple[int, ...]:
        """The numbers, from 1, of the faces that are meant: None the main one, N itself, 'all' all.

        Raises:
          InputError: There is no such face.
        """
        if face is None:
            main = align.main_face(self.faces)
            return (next(n for n, other in enumerate(self.faces, 1) if other is main),)
        known = range(1, len(self.faces) + 1)
        if face == 'all':
            return tuple(known)
        if not isinstance(face, numbers_lib.Integral):
            raise InputError(f"face is {face!r}; give its number, 'all', or the strength of an expression as a mapping")
        if face not in known:
            found = '1 face' if len(known) == 1 else f'{len(known)} faces'
            raise InputError(
                f'{self.photo.name} has {found} and no face {face}; take one that `fvae info PHOTO` lists, or all'
            )
        return (face,)

    def doubts(self, face: int | str | None = None) -> list[str]:
        """Why edits of the faces that are meant will not look as they should, with the remedy, as lines for people."""
        return [
            printable(
                f"face {number} of '{self.photo.source}' is {self.faces[number - 1].width:.0f} px wide, and under "
                f'{align.SMALL} px an edit is coarse; take a larger copy of the photo, or one taken from nearer'
            )
            for number in self.numbers(face)
            if self.faces[number - 1].width < align.SMALL
        ]

    def matrix(self, number: int) -> np.ndarray:
        """The 2×3 similarity from photo px to px of the model's crop of a face (5.2)."""
        return align.crop_transform(self.faces[number - 1].landmarks, self.model.size, self.model.frame)

    def encoded(self, number: int) -> EncodedFace:
        """A face as the model sees it: its aligned crop, Z(S) and features."""
        if number not in self._encoded:
            crop = color.to_srgb(self._crop(number), self.photo.icc_profile)
            face = self.model.with_mouth(self.model.encode(crop, teeth=False))
            if face.mouth is not None:
                fine = self._fine_crop(number, _FINE_MOUTH)
                self._openings[number] = mouth.refine(face.mouth.opening, fine, self.model.frame)
            if (own := self._inside(number, face)) is not None:
                face = face._replace(donor=exemplar.own(own, self.model.frame, self.model.size))
            elif (others := self.model.bundle.exemplars) is not None:
                face = self.model.with_teeth(face, others)
            self._encoded[number] = face
        return self._encoded[number]

    def field(self, number: int, change: Change) -> tuple[portrait.Box, np.ndarray]:
        """A change's displacement in the photo; see `portrait.photo_displacement` and `mouth.seam`."""
        model, matrix = self.model, self.matrix(number)
        box, field = portrait.photo_displacement(change.displacement, matrix, self.photo.pixels.shape)
        if change.openings is None:
            return box, field
        field = self._closed(number, change, box, field)
        if not (share := change.openings.reopened):
            return box, field
        if number not in self._closing:
            face = self.encoded(number)
            closing = model.change(face, model.edited_latent(face, CLOSING))
            _, closing_field = portrait.photo_displacement(closing.displacement, matrix, self.photo.pixels.shape)
            self._closing[number] = self._closed(number, closing, box, closing_field)
        _, opening = portrait.photo_displacement(change.openings.displacement, matrix, self.photo.pixels.shape)
        return box, (1 - np.float32(share)) * field + np.float32(share) * mouth.reopen(self._closing[number], opening)

    def tone(self, number: int) -> tone_lib.Tone | None:
        """The tone of a face in a photo of one color; None in others."""
        if number not in self._tones:
            self._tones[number] = tone_lib.of(self._crop(number))
        return self._tones[number]

    def own_colors(self, number: int, colors: np.ndarray) -> np.ndarray:
        """Brings colors of the network, (h, w, 3) in [-1, 1], into the photo's space and the tone of a face."""
        colors, tone = color.from_srgb(colors, self.photo.icc_profile), self.tone(number)
        return colors if tone is None else tone.follow(colors)

    def _crop(self, number: int) -> np.ndarray:
        if number not in self._crops:
            self._crops[number] = align.align_crop(self.photo.pixels, self.matrix(number), self.model.size)
        return self._crops[number]

    def _closed(self, number: int, change: Change, box: portrait.Box, field: np.ndarray) -> np.ndarray:
        line = mouth.seam(change.openings, self._openings[number], change.displacement, self.model.frame)
        return field if line is None else mouth.close(box, field, line, self.matrix(number))

    def teeth(self) -> bundle_lib.Exemplars:
        """The inside of the main face's mouth, for other photos of the same person.

        Raises:
          InputError: The model has no content layer, or no teeth are seen.
        """
        (number,) = self.numbers(None)
        if not self.model.bundle.config.model.content:
            raise InputError('this model only moves pixels and shows no teeth; leave them out')
        found = self._inside(number, self.encoded(number))
        if found is None:
            raise InputError(f'{self.photo.name} shows no open mouth with teeth; take one that does')
        return found

    def _inside(self, number: int, face: EncodedFace) -> bundle_lib.Exemplars | None:
        """What an open mouth shows, if it is enough for teeth."""
        frame, others = self.model.frame, self.model.bundle.exemplars
        if face.mouth is None or not mouth.may_show_teeth(face.mouth.opening, frame):
            return None
        expression = others.expression if others else _TOOTHY
        return exemplar.cut(self._openings[number], self._fine_crop(number, _FINEST_TEETH), frame, expression, others)

    def _fine_crop(self, number: int, finest: int) -> np.ndarray:
        """The crop of a face as fine as the photo is, or `finest` px a side."""
        size, matrix = self.model.size, self.matrix(number)
        side = int(np.clip(size / portrait.scale_of(matrix), size, finest))
        crop = align.align_crop(self.photo.eight_bit().pixels, portrait.scale_transform(matrix, side / size), side)
        return color.to_srgb(crop, self.photo.icc_profile)

    def latent_of(self, face: int | None = None) -> np.ndarray:
        """Z(S) of a face, (4, 4, C); of the main one by default."""
        return self.encoded(self.numbers(face)[0]).latent

    def edit(
        self,
        /,
        *strengths: Mapping[str, float],
        source: str = latent_lib.NEUTRAL,
        face: int | str | None = None,
        like: Example | None = None,
        strength: float = 1.0,
        pixels_only: bool = False,
        anchor: bool = True,
        teeth: 'EditablePhoto | None' = None,
        **named: float,
    ) -> 'EditedPhoto':
        """Edits faces: Z(S) + strength · (Σ X · (Z_expression − Z_source) + what `like` shows).

        Args:
          *strengths: By expression, any real numbers: `{'smile': 1.0, 'surprise': 0.2}`. `neutral` takes out what the
            face shows.
          source: The expression to come from.
          face: The face's number, 'all', or None for the main one.
          like: See `Editor.example`.
          strength: A factor for everything; anchored, 0 is the photo itself, pixel for pixel.
          pixels_only: Leave out content and shading, so that every pixel is one of the photo's own.
          anchor: Whether the edit starts from the photo itself; False is the printed form, see `Model`.
          teeth: A photo of the same person, opened by `Editor.open`, whose teeth are shown where the mouth opens.
          **named: Strengths of expressions whose names are not among the above: `smile=1.0`.

        Raises:
          InputError: An expression or a face is unknown, a strength is no finite number, or no teeth are seen.
        """
        given = [*strengths, named]
        if len(given) > 2 or not all(isinstance(values, Mapping) for values in given):
            raise InputError(
                f'edit({", ".join(map(repr, strengths))}): give strengths by expression, '
                "as edit({'smile': 1.0}) or edit(smile=1.0)"
            )
        both = set(given[0]) & set(named) if strengths else ()
        if both:
            raise InputError(f'the strength of {", ".join(sorted(both))} is given twice; give it once')
        asked = {name: number(name, value) for name, value in {**given[0], **named}.items()}
        edit = Edit(asked, source, like, number('the edit', strength), pixels_only, anchor, teeth)
        return EditedPhoto(self, edit, self.numbers(face))

    def sequence(
        self, steps: int, /, *strengths: Mapping[str, float], strength: float = 1.0, **options: Any
    ) -> steps_lib.Steps:
        """The K steps of Algorithm 1: strengths i/K for i = 0 … K, of which 0 is the photo itself.

        Args:
          steps: K, at least 1.
          *strengths: As for `edit`.
          strength: That of the last step.
          **options: As for `edit`.

        Raises:
          InputError: There are no steps.
        """
        if steps < 1:
            raise InputError(f'{steps} steps; give at least 1')
        return steps_lib.Steps(lambda i: self.edit(*strengths, strength=strength * i / steps, **options), steps + 1)


class EditedPhoto:
    """An edit of a photo; the pixels are moved when they are first asked for.

    Attributes:
      original: What was edited.
      edit: What was asked.
      box: The region of the faces, (y0, y1, x0, x1), half open; everything outside stays.
      field: (h, w, 2) float32, where the pixels of the box come from, photo px.
    """

    def __init__(self, original: EditablePhoto, edit: Edit, numbers: tuple[int, ...]):
        self.original = original
        self.edit = edit
        self._numbers = numbers
        model, shape = original.model, original.photo.pixels.shape
        self._latents = {n: edit.latent(model, original.encoded(n)) for n in numbers}
        fields, shadings, self._layers = [], [], []
        for n, latent in self._latents.items():
            face = original.encoded(n)
            if edit.teeth is not None:
                face = model.with_teeth(face, edit.teeth.teeth())
            change = model.change(face, latent, edit.anchor)
            fields.append(original.field(n, change))
            if change.shading is not None and not edit.pixels_only:
                shadings.append(portrait.photo_shading(change.shading, original.matrix(n), shape))
            if change.content is not None and not edit.pixels_only:
                layer = content.photo_layer(change.content, original.matrix(n), shape)
                self._layers.append(layer._replace(color=original.own_colors(n, layer.color)))
        self.box, self.field = _join(fields)
        self._shading = _join(shadings)[1] if shadings else np.zeros(self.field.shape[:2], np.float32)

    @functools.cached_property
    def photo(self) -> Photo:
        """The edited photo: the original's pixels, resampled once where they move, shaded, and what is new on top."""
        moved = portrait.warp_photo(self.original.photo, self.box, self.field)
        return functools.reduce(content.lay, self._layers, portrait.shade_photo(moved, self.box, self._shading))

    def close_up(self) -> np.ndarray:
        """The edited faces and a little of what is around them, (h, w, 3) uint8, sRGB."""
        y0, y1, x0, x1 = self.box
        y, x = round(_CLOSE_UP * (y1 - y0)), round(_CLOSE_UP * (x1 - x0))
        part = self.photo.pixels[max(y0 - y, 0) : y1 + y, max(x0 - x, 0) : x1 + x]
        return color.in_srgb(Photo(part, icc_profile=self.photo.icc_profile)).pixels

    def flow_picture(self, max_magnitude: float | None = None) -> np.ndarray:
        """Draws where the pixels of the face come from; see `overlay.flow_overlay`.

        Args:
          max_magnitude: Photo px of a fully saturated color; by default a tenth of the distance
            between the eyes of the first edited face.
        """
        left, right = align.eye_centers(self.original.faces[self._numbers[0] - 1].landmarks)
        maximum = max_magnitude or _FLOW_MAXIMUM * float(np.hypot(*(right - left)))
        return overlay.flow_overlay(self._region(), self.field, maximum)

    def content_picture(self) -> np.ndarray:
        """Draws what is new, if anything; see `overlay.content_overlay`."""
        alpha, colors = np.zeros(self.field.shape[:2], np.float32), np.ones((*self.field.shape[:2], 3), np.float32)
        for layer in self._layers:
            inside = _within(layer.box, self.box)
            alpha[inside] = np.maximum(alpha[inside], layer.alpha)
            colors[inside] = layer.color
        return overlay.content_overlay(self._region(), alpha, colors)

    def mask_picture(self) -> np.ndarray:
        """Draws the confidence M(S, Z_edit) of 3.2; see `overlay.doubt_overlay`.

        Raises:
          InputError: The model has no mask.
        """
        original = self.original
        doubt = np.zeros(self.field.shape[:2], np.float32)
        for n, latent in self._latents.items():
            logits = original.model.mask_logits(original.encoded(n), latent)
            box, part = portrait.photo_map(special.expit(-logits), original.matrix(n), original.photo.pixels.shape)
            inside = _within(box, self.box)
            doubt[inside] = np.maximum(doubt[inside], part)
        return overlay.doubt_overlay(self._region(), doubt)

    @property
    def provenance(self) -> dict[str, str]:
        """What a file notes about its making: the program, the model, the edit, the faces."""
        return provenance(self.original.model, f'{self.edit} (face {", ".join(map(str, self._numbers))})')

    def save(self, path: str | os.PathLike, overwrite: bool = False, metadata: bool = True) -> None:
        """Writes the photo in the format of the suffix; see `write.write_photo`.

        Args:
          path: The file. Where no pixel has changed and the format is the photo's own, it becomes a copy of that.
          overwrite: Whether a file may be replaced, be it the photo itself.
          metadata: Whether the file notes its `provenance`, in its XMP.

        Raises:
          InputError: The file cannot be written.
        """
        if not isinstance(path, (str, os.PathLike)):
            raise InputError(
                f"save writes to a path, not to a {type(path).__name__}; take encode('.png') for the bytes"
            )
        made = self.provenance if metadata else None
        write.write_photo(path, self.photo, overwrite=overwrite, metadata=made, original=self.original.photo)

    def encode(self, suffix: str, metadata: bool = True) -> bytes:
        """Returns the file that `save` would write to a name with this suffix: '.jpg', '.png'.

        Raises:
          InputError: The suffix is unknown, or its format cannot hold the photo.
        """
        made = self.provenance if metadata else None
        return write.encode(self.photo, suffix, metadata=made, original=self.original.photo)

    def to_array(self) -> np.ndarray:
        """Returns the edited photo as an array of its own, as `Editor.open` takes them.

        Returns:
          uint8 or uint16: (H, W) of a gray photo, (H, W, 3) RGB, (H, W, 4) RGBA; (H, W, 2) gray with alpha.
        """
        planes = write.planes(self.photo)
        return planes[..., 0].copy() if planes.shape[2] == 1 else planes.copy()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """What `numpy.asarray` makes of it: `to_array`."""
        if copy is False:
            raise ValueError('the array of an edited photo is always a new one')
        return self.to_array().astype(dtype or self.photo.pixels.dtype, copy=False)

    def to_image(self) -> Image.Image:
        """Returns the edited photo as a PIL image of 8 bits: L, LA, RGB or RGBA, with its profile."""
        planes = write.planes(self.photo.eight_bit())
        image = Image.fromarray(planes[..., 0] if planes.shape[2] == 1 else planes)
        if self.photo.icc_profile:
            image.info['icc_profile'] = self.photo.icc_profile
        return image

    def _region(self) -> np.ndarray:
        y0, y1, x0, x1 = self.box
        photo = self.original.photo
        return color.in_srgb(Photo(photo.pixels[y0:y1, x0:x1], icc_profile=photo.icc_profile)).pixels


def provenance(model: Model, what: str) -> dict[str, str]:
    """What a file notes of a picture that a model had a part in: program, model and what was done."""
    bundle = model.bundle
    name = str(bundle.info.get('experiment', bundle.config.name))
    return {'Software': f'fvae_jax {__version__}', 'Model': name, 'Edit': what}


def number(name: str, value: Any) -> float:
    """A strength; what only looks like one (texts, truths, arrays of several) is refused.

    Raises:
      InputError: It is no number.
    """
    looks = isinstance(value, (bool, np.bool_, str, bytes)) or np.iscomplexobj(value) or np.ndim(value)
    try:
        if not looks:
            return float(value)
    except (TypeError, ValueError):
        pass
    raise InputError(f'strength of {name} is {value!r}; give a number, as 1.0')


def _join(parts: list[tuple[portrait.Box, np.ndarray]]) -> tuple[portrait.Box, np.ndarray]:
    """One field for all faces, so that the photo is resampled once; overlapping ones add."""
    if len(parts) == 1:
        return parts[0]
    y0, y1, x0, x1 = zip(*(box for box, _ in parts))
    whole = min(y0), max(y1), min(x0), max(x1)
    field = np.zeros((whole[1] - whole[0], whole[3] - whole[2], *parts[0][1].shape[2:]), np.float32)
    for box, part in parts:
        field[_within(box, whole)] += part
    return whole, field


def _within(box: portrait.Box, whole: portrait.Box) -> tuple[slice, slice]:
    y0, y1, x0, x1 = box
    top, _, left, _ = whole
    return slice(y0 - top, y1 - top), slice(x0 - left, x1 - left)
