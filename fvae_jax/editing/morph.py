"""From one photo of a person to another, at the resolution of the first (Algorithm 2, section 4.3)."""

import os
from collections.abc import Callable, Iterable, Iterator

import cv2
import numpy as np

from fvae_jax.data import align
from fvae_jax.editing import content, latent as latent_lib, portrait, steps, tone
from fvae_jax.editing.edit import provenance
from fvae_jax.editing.model import Model
from fvae_jax.editing.still import EditablePhoto
from fvae_jax.errors import InputError
from fvae_jax.ops import image as image_ops, resample
from fvae_jax.photo import color, film
from fvae_jax.photo.photo import Photo

FPS = 15
LARGEST_CROP = 2048  # px; two such crops and their fields take 300 MB

_FADE_SIDE = 128  # px; the fade is as smooth from any side
_COARSEST = 8  # px of side of the coarsest band
_MARGIN = 16  # px around the crop, for the kernels that read across its edge


class Morph:
    """The frames from one photo's main face to another's, made one at a time; iterate, or `save`.

    Anchored, with the blend 'logit' and crop=True, the first and last frames are the two crops, bit for bit.

    Args:
      first: The photo that gives the start, the resolution and the background.
      second: Another photo of the same person.
      frames: How many, both ends included; at least 2.
      blend: See `latent.blend_weights`.
      crop: Whether frames are aligned crops; else the first photo with the face replaced.
      anchor: Whether both flows start from their own photos; with False and the blend 'paper', Algorithm 2 as printed.

    Attributes:
      crops: The aligned faces, (S, S, 3) float32 in [-1, 1] each.
      doubts: Why frames will not look as they should, with the remedy, as lines for people.
    """

    def __init__(
        self,
        first: EditablePhoto,
        second: EditablePhoto,
        frames: int = 30,
        blend: str = 'logit',
        crop: bool = False,
        anchor: bool = True,
    ):
        self._model, self._count, self._blend, self._crop, self._anchor = first.model, frames, blend, crop, anchor
        pixels, others = (color.to_srgb(photo.pixels, photo.icc_profile) for photo in (first.photo, second.photo))
        self._pixels, self._what = pixels, f'interpolation of two photos, {frames} frames'
        (number,), (other,) = first.numbers(None), second.numbers(None)
        self._faces = first.encoded(number), second.encoded(other)
        self.doubts = [*first.doubts(), *second.doubts()]
        crop_a, self._matrix = native_crop(pixels, first.matrix(number), self._model.size)
        crop_b, _ = native_crop(others, second.matrix(other), self._model.size, len(crop_a))
        self.crops = crop_a, crop_b
        self._tones = tone.of(crop_a), tone.of(crop_b)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self.frame(t) for t in np.linspace(0, 1, self._count))

    def frame(self, t: float) -> np.ndarray:
        """One frame.

        Args:
          t: How far from the first photo to the second, in [0, 1].

        Returns:
          (H, W, 3) uint8 sRGB: the size of the crops, or of the first photo.
        """
        t = float(t)
        between = self._model.between(*self._faces, t, self._blend, self._anchor)
        # Only the printed weights do not sum to one.
        weights = between.weights if self._blend == 'paper' else between.weights[:1]
        blended = mix_warps(*self.crops, *between.displacements, *weights, shadings=between.shadings or (None, None))
        if between.content is not None:
            blended = content.lay_on_crop(blended, between.content, tone=tone.between(*self._tones, t))
        if self._crop:
            return image_ops.to_uint8(blended)
        return Photo(put_back(self._pixels, blended, self._matrix)).eight_bit().pixels

    def save(
        self,
        path: str | os.PathLike,
        fps: float = FPS,
        overwrite: bool = False,
        progress: Callable[[Iterable], Iterable] = iter,
        metadata: bool = True,
    ) -> None:
        """Writes the frames as .mp4, .gif or .webp, or as numbered PNGs into a folder (no suffix).

        Films have at most `steps.LARGEST_FILM` pixels a side; for the arguments see `steps.Steps.save`.

        Raises:
          InputError: The output cannot be written.
        """
        path = film.check_frames_output(path, overwrite=overwrite)
        frames = progress(self)
        if not film.is_folder(path):
            frames = (steps.film_frame(Photo(frame)) for frame in frames)
        notes = provenance(self._model, self._what) if metadata else None
        film.write_animation(path, frames, fps, overwrite=overwrite, metadata=notes)


def check(model: Model, frames: int, blend: str) -> None:
    """Raises `InputError` unless a model can interpolate so, before any photo is read."""
    if frames < 2:
        raise InputError(f'{frames} frames; give at least 2')
    if blend not in latent_lib.BLENDS:
        raise InputError(f'unknown blend {blend!r}; it is one of {", ".join(latent_lib.BLENDS)}')
    if not model.has_mask:
        raise InputError('this model has no confidence mask, which interpolation needs; train it with --mode=mask')


def native_crop(
    pixels: np.ndarray, matrix: np.ndarray, size: int, side: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Aligns a face in a photo, (H, W, 3) uint8 or uint16, with as many pixels as that has of it.

    The matrix is the 2×3 similarity from photo px to px of the model's crop, which has the side `size`; `side` is that
    of the result, by default the photo's own, between `size` and `LARGEST_CROP`. The second photo of a pair takes the
    first one's.

    Returns:
      The crop, (side, side, 3) float32 in [-1, 1], and the 2×3 similarity from photo px to its px.
    """
    if side is None:
        scale = portrait.scale_of(matrix)
        side = int(np.clip(round(size / scale), size, LARGEST_CROP))
    matrix = portrait.scale_transform(matrix, side / size)
    y0, y1, x0, x1 = portrait.face_region(matrix, side, pixels.shape)
    height, width = pixels.shape[:2]
    top, left = max(min(y0, height - 1) - _MARGIN, 0), max(min(x0, width - 1) - _MARGIN, 0)  # one pixel at least
    part = pixels[top : y1 + _MARGIN, left : x1 + _MARGIN].astype(np.float32) / (np.iinfo(pixels.dtype).max / 2) - 1
    return np.clip(align.align_crop(part, portrait.crop_matrix(matrix, (left, top)), side), -1, 1), matrix


def mix_warps(
    crop_a: np.ndarray,
    crop_b: np.ndarray,
    displacement_a: np.ndarray,
    displacement_b: np.ndarray,
    *weights: np.ndarray,
    shadings: tuple[np.ndarray | None, np.ndarray | None] = (None, None),
) -> np.ndarray:
    """Warps two crops and mixes them (Algorithm 2, lines 5 to 8); see `mix`.

    No displacement and weight 1 give the first crop bit for bit, weight 0 the second.

    Crops and the result are (S, S, 3) float32 in [-1, 1]. Displacements, (s, s, 2), px of the model's crop, say where
    to read them; `weights`, (s, s) in [0, 1], are that of the first crop, and that of the second unless it is 1 − that.
    Only the printed formula needs both, whose weights do not sum to one; the sum is clipped to the range of an image.
    `shadings` are r of both warps, (s, s) each, or None.
    """
    first, second = _warp(crop_a, displacement_a, shadings[0]), _warp(crop_b, displacement_b, shadings[1])
    shares = [np.clip(portrait.enlarge(weight[..., None], len(crop_a)), 0, 1) for weight in weights]
    if len(shares) == 1:
        return np.clip(mix(second, first, *shares), -1, 1)
    return np.clip(shares[0] * first + shares[1] * second, -1, 1)


def mix(first: np.ndarray, second: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Mixes two pictures band by band of a Laplacian pyramid (Burt and Adelson, 1983).

    The coarsest band is the weighted mean. In finer ones the weights are multiplied by how much each picture has there:
    the mean of two pictures that do not quite agree is blurred, and detail is better taken from one of them. Pictures
    are (H, W, 3) float32; the weight of the second is (H, W, 1) float32 in [0, 1], and where it is 0 or 1 all over the
    result is one of them bit for bit.
    """
    faded = (1 - weight) * first + weight * second
    if min(first.shape[:2]) < 2 * _COARSEST:
        return faded
    size = first.shape[1::-1]
    coarse = [cv2.pyrDown(picture) for picture in (first, second)]
    below = cv2.pyrDown(weight)[..., None]
    bands = [picture - cv2.pyrUp(low, dstsize=size) for picture, low in zip((first, second), coarse)]
    detail = [cv2.GaussianBlur(np.square(band).mean(axis=-1), (0, 0), 1.0)[..., None] + 1e-6 for band in bands]
    sharper = weight * detail[1] / ((1 - weight) * detail[0] + weight * detail[1])
    low = mix(*coarse, below) - ((1 - below) * coarse[0] + below * coarse[1])
    # As a correction of the faded picture: nothing to correct where the weight leaves no choice.
    return faded + (sharper - weight) * (bands[1] - bands[0]) + cv2.pyrUp(low, dstsize=size)


def put_back(pixels: np.ndarray, crop: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Lays an aligned crop over the photo, faded out at the crop's edge; outside of it every bit stays.

    The photo is (H, W, 3) uint8 or uint16, as the result is, the crop (S, S, 3) float32 in [-1, 1], and the matrix the
    2×3 similarity from photo px to px of this crop.
    """
    half = np.iinfo(pixels.dtype).max / np.float32(2)
    to_fade = portrait.scale_transform(matrix, _FADE_SIDE / len(crop))
    box, opacity = portrait.photo_map(np.ones((_FADE_SIDE, _FADE_SIDE)), to_fade, pixels.shape)
    laid = pixels.copy()
    for tile in portrait.tiles(box):
        part, share = portrait.within(tile), opacity[portrait.within(tile, box)][..., None]
        position = align.transform_points(matrix, portrait.places(tile)).astype(np.float32)
        above = (resample.sample(crop, position[..., 0], position[..., 1]) + 1) * half
        below = pixels[part].astype(np.float32)
        laid[part] = np.rint(below + share * (np.clip(above, 0, 2 * half) - below))
    return laid


def _warp(crop: np.ndarray, displacement: np.ndarray, shading: np.ndarray | None) -> np.ndarray:
    side = len(crop)
    field = portrait.enlarge(displacement, side) * np.float32(side / len(displacement))
    warped = portrait.warp_region(crop, (0, side, 0, side), field)
    larger = None if shading is None else portrait.enlarge(shading[..., None], side)[..., 0]
    return np.clip(image_ops.shade(warped, larger), -1, 1)
