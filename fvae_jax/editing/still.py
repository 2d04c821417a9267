"""Photos, edited at their own resolution (Algorithm 1, 4.3): opened with their faces, and what comes of an edit."""

import functools
import numbers as numbers_lib
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from fvae_jax import bundle as bundle_lib
from fvae_jax.data import align
from fvae_jax.editing import content, edit as edit_lib, face as face_lib, latent as latent_lib, overlay, portrait
from fvae_jax.editing.model import Model
from fvae_jax.editing.records import EncodedFace
from fvae_jax.editing.steps import Steps
from fvae_jax.errors import InputError, printable
from fvae_jax.photo import color, write
from fvae_jax.photo.photo import Photo

# Margin of a close-up, as a share of the region of the faces.
_CLOSE_UP = 0.1
# Full saturation in pictures of flow, as a share of the distance between the eyes. Relative to the
# face, and not to the longest vector, so that pictures of two edits or two photos compare.
_FLOW_MAXIMUM = 0.1


class EditablePhoto:
    """A photo with its faces, each encoded once, when it is first needed.

    Attributes:
      model: The model.
      photo: The photo.
      faces: Its faces as `align.detect_faces` returns them, at least one, widest first; face N of `edit` is
        `faces[N - 1]`.
    """

    def __init__(self, model: Model, photo: Photo, faces: Sequence[align.Detection]):
        self.model, self.photo, self.faces = model, photo, tuple(faces)
        self._known: dict[int, face_lib.PhotoFace] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, '_known': {}}  # made again where they are needed

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
        height, width = self.photo.pixels.shape[:2]
        found = []
        for number in self.numbers(face):
            seen, name = self.faces[number - 1], f"face {number} of '{self.photo.source}'"
            if seen.width < align.SMALL:
                found.append(
                    f'{name} is {seen.width:.0f} px wide, and under {align.SMALL} px an edit is coarse; take a larger '
                    'copy of the photo, or one taken from nearer'
                )
            if seen.outside(width, height) > align.CUT:
                found.append(f'{name} is cut off by the edge of the photo; take one with room around the face')
        return list(map(printable, found))

    def face(self, number: int) -> face_lib.PhotoFace:
        """A face at work, made once."""
        if number not in self._known:
            self._known[number] = face_lib.PhotoFace(self.model, self.photo, self.faces[number - 1].landmarks)
        return self._known[number]

    def matrix(self, number: int) -> np.ndarray:
        """The 2×3 similarity from photo px to px of the model's crop of a face (5.2)."""
        return self.face(number).matrix

    def encoded(self, number: int) -> EncodedFace:
        """A face as the model sees it: its aligned crop, Z(S) and features."""
        return self.face(number).encoded

    def teeth(self) -> bundle_lib.Exemplars:
        """The inside of the main face's mouth, for other photos of the same person.

        Raises:
          InputError: The model has no content layer, or no teeth are seen.
        """
        (number,) = self.numbers(None)
        if not self.model.bundle.config.model.content:
            raise InputError('this model only moves pixels and shows no teeth; leave them out')
        found = self.face(number).inside
        if found is None:
            raise InputError(f'{self.photo.name} shows no open mouth with teeth; take one that does')
        return found

    def latent_of(self) -> np.ndarray:
        """Z(S) of the main face, (4, 4, C)."""
        return self.encoded(self.numbers(None)[0]).latent

    def edit(
        self,
        /,
        *strengths: Mapping[str, float],
        source: str = latent_lib.NEUTRAL,
        face: int | str | None = None,
        like: edit_lib.Example | None = None,
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
        asked = {name: edit_lib.number(name, value) for name, value in edit_lib.given(strengths, named).items()}
        inside = None if teeth is None else teeth.teeth()
        edit = edit_lib.Edit(asked, source, like, edit_lib.number('the edit', strength), pixels_only, anchor, inside)
        return EditedPhoto(self, edit, self.numbers(face))

    def sequence(self, steps: int, /, *strengths: Mapping[str, float], strength: float = 1.0, **options: Any) -> Steps:
        """The K steps of Algorithm 1: strengths i/K for i = 0 … K, of which 0 is the photo itself.

        `steps` is K, at least 1, and `strength` that of the last step; all other arguments are those of `edit`.

        Raises:
          InputError: There are no steps.
        """
        if steps < 1:
            raise InputError(f'{steps} steps; give at least 1')
        return Steps(lambda i: self.edit(*strengths, strength=strength * i / steps, **options), steps + 1)


class EditedPhoto:
    """An edit of a photo; the pixels are moved when they are first asked for.

    Attributes:
      original: What was edited.
      edit: What was asked.
      box: The region of the faces, (y0, y1, x0, x1), half open; everything outside stays.
      field: (h, w, 2) float32, where the pixels of the box come from, photo px.
    """

    def __init__(self, original: EditablePhoto, edit: edit_lib.Edit, numbers: tuple[int, ...]):
        self.original, self.edit, self._numbers = original, edit, numbers
        model, shape = original.model, original.photo.pixels.shape
        self._latents = {n: edit.latent(model, original.encoded(n)) for n in numbers}
        fields, self._layers, self._softenings, self._moves = [], [], [], {}
        for n, latent in self._latents.items():
            subject = original.face(n)
            face = subject.encoded if edit.teeth is None else model.with_teeth(subject.encoded, edit.teeth)
            change = model.change(face, latent, edit.anchor)
            moves = self._moves[n] = subject.moves(change)
            shading = moves.crease
            if edit.pixels_only:
                change = change._replace(content=None, shading=None, softening=None)
                shading = np.zeros_like(shading)
            if change.shading is not None:
                shading = shading + portrait.photo_shading(change.shading, subject.matrix, model.size, shape)[1]
            if change.softening is not None:
                softening = portrait.photo_shading(change.softening, subject.matrix, model.size, shape)
                self._softenings.append(softening)
            if change.content is not None:
                layer = content.photo_layer(change.content, subject.matrix, shape)
                self._layers.append(layer._replace(color=subject.own_colors(layer.color)))
            fields.append((moves.box, moves.field, shading, moves.beyond))
        self.box, self.field, self._shading, self._beyond = face_lib.join(fields)

    @functools.cached_property
    def photo(self) -> Photo:
        """The edited photo: the original's pixels, resampled once where they move, shaded, and what is new on top."""
        # Before they are moved: a line that is made lighter a px beside itself is two.
        smooth = self.original.photo
        for box, softening in self._softenings:
            smooth = portrait.shade_photo(smooth, box, softening)
        moved = portrait.warp_photo(smooth, self.box, self.field)
        moved = portrait.mixed(moved, self.box, self._beyond)
        colored = all(self.original.face(n).tone is None for n in self._numbers)
        shaded = portrait.shade_photo(moved, self.box, self._shading, colored)
        for n, moves in self._moves.items() if not self.edit.pixels_only else ():
            if (lips := self.original.face(n).lips(shaded.pixels, moves)) is not None:
                shaded = portrait.shade_photo(shaded, moves.box, lips)
        return functools.reduce(content.lay, self._layers, shaded)

    def close_up(self) -> np.ndarray:
        """The edited faces and a little of what is around them, (h, w, 3) uint8, sRGB."""
        return _part(self.photo, self.box, _CLOSE_UP)

    def flow_picture(self, max_magnitude: float | None = None) -> np.ndarray:
        """Draws where the pixels of the face come from; see `overlay.flow_overlay`.

        The maximum is by default a tenth of the distance between the eyes of the first edited face, photo px.
        """
        left, right = align.eye_centers(self.original.faces[self._numbers[0] - 1].landmarks)
        maximum = max_magnitude or _FLOW_MAXIMUM * float(np.hypot(*(right - left)))
        return overlay.flow_overlay(_part(self.original.photo, self.box), self.field, maximum)

    def content_picture(self) -> np.ndarray:
        """Draws what is new, if anything; see `overlay.content_overlay`."""
        alpha, colors = np.zeros(self.field.shape[:2], np.float32), np.ones((*self.field.shape[:2], 3), np.float32)
        for layer in self._layers:
            inside = portrait.within(layer.box, self.box)
            alpha[inside] = np.maximum(alpha[inside], layer.alpha)
            colors[inside] = layer.color
        return overlay.content_overlay(_part(self.original.photo, self.box), alpha, colors)

    def mask_picture(self) -> np.ndarray:
        """Draws the confidence M(S, Z_edit) of 3.2; see `overlay.doubt_overlay`.

        Raises:
          InputError: The model has no mask.
        """
        original = self.original
        doubt = np.zeros(self.field.shape[:2], np.float32)
        for n, latent in self._latents.items():
            logits = original.model.mask_logits(original.encoded(n), latent)
            doubted, shape = np.exp(-np.logaddexp(0, logits)), original.photo.pixels.shape
            box, part = portrait.photo_map(doubted, original.matrix(n), shape)
            inside = portrait.within(box, self.box)
            doubt[inside] = np.maximum(doubt[inside], part)
        return overlay.doubt_overlay(_part(self.original.photo, self.box), doubt)

    @property
    def provenance(self) -> dict[str, str]:
        """What a file notes about its making: the program, the model, the edit, the faces."""
        return edit_lib.provenance(self.original.model, f'{self.edit} (face {", ".join(map(str, self._numbers))})')

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
        planes, _ = write.planes(self.photo)
        return planes[..., 0].copy() if planes.shape[2] == 1 else planes.copy()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """What `numpy.asarray` makes of it: `to_array`."""
        if copy is False:
            raise ValueError('the array of an edited photo is always a new one')
        return self.to_array().astype(dtype or self.photo.pixels.dtype, copy=False)

    def to_image(self) -> Image.Image:
        """Returns the edited photo as a PIL image of 8 bits: L, LA, RGB or RGBA, with its profile."""
        planes, _ = write.planes(self.photo.eight_bit())
        image = Image.fromarray(planes[..., 0] if planes.shape[2] == 1 else planes)
        if self.photo.icc_profile:
            image.info['icc_profile'] = self.photo.icc_profile
        return image


def _part(photo: Photo, box: portrait.Box, margin: float = 0.0) -> np.ndarray:
    """A box of a photo, and a share of its sides around it, (h, w, 3) uint8, sRGB."""
    y0, y1, x0, x1 = box
    y, x = round(margin * (y1 - y0)), round(margin * (x1 - x0))
    part = photo.pixels[max(y0 - y, 0) : y1 + y, max(x0 - x, 0) : x1 + x]
    return color.in_srgb(Photo(part, icc_profile=photo.icc_profile)).pixels
