"""Laying new content over moved pixels at the resolution of the photo (beyond the paper, after 3.2).

The content layer of a model is as coarse as its crops. Here its alpha and colors are carried into the photo, the edge
of alpha is made narrower, and the photo's own grain is put over the new colors, which would look airbrushed without
it. The colors are those that the network predicts from the photo's crop, as they are.
"""

import dataclasses
from typing import NamedTuple

import cv2
import numpy as np

from fvae_jax.data import align
from fvae_jax.editing import opening, portrait, tone as tone_lib
from fvae_jax.editing.model import Content
from fvae_jax.ops import maps
from fvae_jax.photo.photo import Photo

# Enlarged, a step of alpha from one crop pixel to the next is a ramp of several photo pixels; lips end sooner.
_STEEPER = 3.0
_BACKGROUND = 0.5 - 0.5 / _STEEPER  # what `steepen` makes nothing of: the network's doubt, and no content
# A patch of content whose surest pixel is below the first shows nothing, above the second all that it has.
_DOUBTFUL, _SURE = 0.45, 0.75
_ROUNDER = 0.6  # px of the crop over which the edges of content are smoothed, lest its pixels show as waves
_AROUND = 41  # px: side of the square around content in which the photo's grain is measured
_LOUDEST = 0.03  # of [-1, 1]: what is stronger is no grain
_SMOOTHER = 3  # power of the light of new content relative to that of what is around, by which it has less grain
_GRAIN = 1.5  # px: what is finer than this in a photo is grain


class Layer(NamedTuple):
    """New content for a box of a photo.

    Attributes:
      box: (y0, y1, x0, x1), photo px, half open.
      alpha: (h, w) float32 in [0, 1].
      color: (h, w, 3) float32 in [-1, 1].
    """

    box: portrait.Box
    alpha: np.ndarray
    color: np.ndarray


def photo_layer(content: Content, matrix: np.ndarray, photo_shape: tuple[int, ...]) -> Layer:
    """Carries the content of a crop into the photo: a layer no larger than the content and its surroundings.

    The matrix is a 2×3 similarity, photo px to crop px; the photo's shape (H, W, ...).
    """
    sure = where_sure(content.alpha)
    mouth = None if content.exemplar is None else opening.outline(sure)
    (y0, _, x0, _), alpha = portrait.photo_map(sure, matrix, photo_shape)
    if mouth is not None:
        _draw(alpha, mouth, portrait.crop_matrix(matrix, (x0, y0)))
    shows = alpha > _BACKGROUND
    rows, columns = (maps.extent(shows.any(axis), _AROUND // 2) for axis in (1, 0))
    box = y0 + rows.start, y0 + rows.stop, x0 + columns.start, x0 + columns.stop
    color = portrait.photo_colors(content.color, matrix, box)
    if content.exemplar is not None and color.size:
        shading = portrait.photo_colors(content.exemplar.shading[..., None], matrix, box)[..., 0]
        color = content.exemplar.over(color, portrait.crop_matrix(matrix, (box[2], box[0])), shading)
    return Layer(box, steepen(alpha[rows, columns]), color)


def _draw(alpha: np.ndarray, mouth: opening.Opening, to_crop: np.ndarray) -> None:
    """Draws an opening into the alpha, (h, w), of a part of a photo, which is still to be made steeper.

    `to_crop` is the 2×3 similarity from px of the part to px of the crop.
    """
    corners = [(x, y) for x in mouth.x[[0, -1]] for y in (mouth.top.min(), mouth.bottom.max())]
    around = align.transform_points(align.invert(to_crop), corners)
    low, high = np.floor(around.min(0)).astype(int) - 1, np.ceil(around.max(0)).astype(int) + 2
    (x0, y0), (x1, y1) = (np.clip(corner, 0, alpha.shape[::-1]) for corner in (low, high))
    box = y0, y1, x0, x1
    part, places = alpha[portrait.within(box)], align.transform_points(to_crop, portrait.places(box))
    drawn = mouth.alpha(places[..., 0], places[..., 1], portrait.scale_of(to_crop))
    part[:] = np.maximum(part, np.where(drawn > 0, 0.5 + (drawn - 0.5) / _STEEPER, 0))


def lay_on_crop(
    crop: np.ndarray, content: Content, texture: bool = True, tone: tone_lib.Tone | None = None
) -> np.ndarray:
    """Lays content of the model's crop over an aligned one, (S, S, 3) float32 in [-1, 1], S at least as large.

    With `texture` the crop's grain is put over it; at the model's own size there is nothing to match. `tone` is that of
    the photo, if it is of one color.
    """
    if not content.alpha.any():
        return crop
    side = len(crop)
    if side == len(content.alpha):
        alpha, color = content.alpha[..., None], content.color
    else:
        alpha = steepen(np.clip(portrait.enlarge(where_sure(content.alpha)[..., None], side), 0, 1))
        color = np.clip(portrait.enlarge(content.color, side), -1, 1)
    if (placed := content.exemplar) is not None:
        shading = portrait.enlarge(placed.shading[..., None], side)[..., 0]
        color = placed.over(color, portrait.scale_transform(np.eye(2, 3), len(content.alpha) / side), shading)
    if tone is not None:
        color = tone.follow(color)
    if texture:
        color = _grainy(color, crop, alpha[..., 0])
    return np.clip((1 - alpha) * crop + alpha * color, -1, 1).astype(np.float32)


def where_sure(alpha: np.ndarray) -> np.ndarray:
    """Takes back patches of content that the network is nowhere sure of, (S, S) in [0, 1].

    Half of a strong expression is seldom shown to a network. It may then lay a veil over teeth, or a shadow on the chin
    where the mouth would reach at full strength. So each connected patch is multiplied by a factor from 0 to 1 that
    grows with its largest alpha, smoothly, so that nothing jumps from one strength to the next; its edges are smoothed
    by less than a pixel.
    """
    count, patches = cv2.connectedComponents((alpha > _BACKGROUND).astype(np.uint8))
    surest = np.zeros(count, np.float32)
    np.maximum.at(surest, patches.ravel(), alpha.ravel())
    sure = (alpha * maps.smooth_step(surest, _DOUBTFUL, _SURE)[patches]).astype(np.float32)
    return cv2.GaussianBlur(sure, (0, 0), _ROUNDER)


def steepen(alpha: np.ndarray) -> np.ndarray:
    """Narrows the ramps of an enlarged alpha about their middle: what is nearly 0 or 1 becomes 0 or 1."""
    return np.clip(0.5 + _STEEPER * (alpha - 0.5), 0, 1).astype(np.float32)


def lay(photo: Photo, layer: Layer) -> Photo:
    """Lays content over a photo: O = (1 − a) · photo + a · (C + grain); where alpha is 0 every bit stays."""
    y0, y1, x0, x1 = layer.box
    if not layer.alpha.any():
        return photo
    half = np.iinfo(photo.pixels.dtype).max / np.float32(2)
    below = photo.pixels[y0:y1, x0:x1].astype(np.float32) / half - 1
    above = _grainy(layer.color, below, layer.alpha)
    alpha = layer.alpha[..., None]
    mixed = np.rint(np.clip((1 - alpha) * below + alpha * above + 1, 0, 2) * half).astype(photo.pixels.dtype)
    pixels = photo.pixels.copy()
    pixels[y0:y1, x0:x1] = np.where(alpha > 0, mixed, pixels[y0:y1, x0:x1])
    return dataclasses.replace(photo, pixels=pixels)


def _grainy(color: np.ndarray, image: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Puts the grain of an image over new colors; less in the dark of a mouth, and on teeth, which are smoother."""
    light = (1 + color.mean(axis=2)) / max(1 + float(image.mean()), 1e-6)
    return color + (np.minimum(light, 1 / np.maximum(light, 1) ** _SMOOTHER) * grain(image, alpha))[..., None]


def grain(image: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Draws noise as fine and as strong as that of an image (h, w, 3) in [-1, 1] around content, (h, w), of mean 0.

    Where alpha, (h, w) in [0, 1], is 0 the image's own grain is measured.
    """
    gray = image.mean(axis=2)
    fine = gray - cv2.GaussianBlur(gray, (0, 0), _GRAIN)
    near = cv2.dilate((alpha > 0.5).astype(np.uint8), np.ones((_AROUND, _AROUND), np.uint8)) > 0
    own = np.abs(fine[near & (alpha == 0)])
    # A fifth of the values are below a quarter of the deviation of pure grain. Lips, teeth and stubble are above it.
    strength = min(float(np.quantile(own, 0.2)) / 0.2533, _LOUDEST) if own.size else 0.0
    noise = np.random.default_rng(0).normal(size=gray.shape).astype(np.float32)
    noise = noise - cv2.GaussianBlur(noise, (0, 0), _GRAIN)
    return np.float32(strength / max(float(noise.std()), 1e-9)) * noise
