"""The insides of training people's open mouths, at the resolution of their photos, for the model file."""

import pathlib
from collections.abc import Collection

import cv2
import ml_collections
import numpy as np
from scipy import ndimage

from fvae_jax.bundle import Exemplars
from fvae_jax.data import crops, index, lips
from fvae_jax.data.people import Faces
from fvae_jax.editing import exemplar
from fvae_jax.errors import InputError
from fvae_jax.ops import frame as frame_lib, image as image_ops
from fvae_jax.photo import read

_SIDE = 512  # px of the crop that they are cut from
_BOX = (0.62, 0.12, 0.48)  # eye distances from the middle of the upper inner lip: to both sides, up, down
# Sharp and clean teeth, whose owners are chosen by hand, are whiter than most: by so much, RGB, than those of 38 smiles
# of the same studio.
_IVORY = np.float32([0.99, 0.96, 0.94])
_LIP = 5  # the middle of the upper inner lip among the points of a contour
# Teeth are at least as light as this share of the lighter ones, and no redder than those by more than this, a*.
_LIGHT, _RED = 0.62, 7
_TUCKED, _EVEN = 9, 2.0  # px over which the lower edge of teeth is closed between them, and made even
_OUTER = (0.65, 0.85)  # of the way to the corners of a mouth: where its lower edge begins to stay, and where it does
_TONGUE = 2.0  # times the usual light of a cavity: what is lighter is a tooth
# Of the light of a cavity: what is left at the throat, and what cheeks take; the shares of its height between which it
# comes; and how much of its red is left.
_THROAT, _CHEEKS, _FRONT, _RED_KEPT = 0.4, 0.3, (0.35, 0.95), 0.8
_RIM = 3  # px by which a cavity is cut smaller, where lips are


def collect(config: ml_collections.ConfigDict, faces: Faces) -> Exemplars | None:
    """Cuts the mouths of `data.exemplars` and `data.cavity` out of their photos; None without such people.

    Raises:
      InputError: One of them is not among the training people, has no image with open lips, or its file is gone.
    """
    if not config.data.exemplars:
        return None
    frame, found = frame_lib.of(config), []
    distance = frame.eye_distance * _SIDE
    for name in config.data.exemplars:
        image, contour, expression = _mouth(config, faces, name, ('real',))
        across, up, down = (round(length * distance) for length in _BOX)
        x, y = np.rint(contour[_LIP]).astype(int)
        box = np.s_[max(y - up, 0) : y + down, max(x - across, 0) : x + across]
        masked = _without_lower_lip(_inside(_IVORY * image, contour)[box])
        pixels = np.zeros((up + down, 2 * across, 4), np.uint8)
        pixels[: masked.shape[0], : masked.shape[1]] = masked
        found.append((pixels, contour[_LIP] - [box[1].start, box[0].start], _light(image, frame), expression))
    pixels, lip, light, expressions = zip(*found)
    expression = max(sorted(set(expressions)), key=expressions.count)
    shown = Exemplars(np.stack(pixels), np.float32(lip), np.float32(light), distance, expression)
    if not config.data.cavity:
        return shown
    image, contour, _ = _mouth(config, faces, config.data.cavity, ('real', 'synthetic'))
    cavity = _inside(image, contour)
    rows, columns = (np.flatnonzero(cavity[..., 3].any(axis)) for axis in (1, 0))
    cavity = cavity[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return shown._replace(cavity=_deep(_without_teeth(cavity)), cavity_light=np.float32(_light(image, frame)))


def _light(image: np.ndarray, frame: frame_lib.Frame) -> np.ndarray:
    return exemplar.skin_light(image_ops.to_float(image), frame)


def _inside(image: np.ndarray, contour: np.ndarray) -> np.ndarray:
    """What lies within a contour, (_SIDE, _SIDE, 4) uint8, RGB multiplied by how much of a pixel does."""
    covered = lips.inside(contour, _SIDE)[..., None]
    return np.rint(np.concatenate([image * covered, 255 * covered], -1)).astype(np.uint8)


def _lab(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which pixels of a patch (h, w, 4) are surely seen, and their L and a*, as OpenCV counts them, (h, w)."""
    alpha = np.maximum(pixels[..., 3:], 1) / np.float32(255)
    colors = np.clip(pixels[..., :3] / alpha, 0, 255).astype(np.uint8)
    light, red, _ = np.moveaxis(cv2.cvtColor(colors, cv2.COLOR_RGB2LAB).astype(np.float32), -1, 0)
    return pixels[..., 3] > 0.6 * 255, light, red


def _without_lower_lip(pixels: np.ndarray) -> np.ndarray:
    """Cuts away what is below the teeth of an exemplar: in another mouth the rim of a lip would be a line across it."""
    within, light, red = _lab(pixels)
    usual = np.quantile(red[within], 0.25)
    lighter = np.median(light[within & (red <= np.median(red[within]))])
    teeth = within & (light > _LIGHT * lighter) & (red < usual + _RED)
    height, width = within.shape
    columns = np.flatnonzero(teeth.any(0))
    lowest = height - 1 - teeth[::-1, columns].argmax(0)
    lowest = np.interp(np.arange(width), columns, lowest)
    lowest = ndimage.gaussian_filter1d(ndimage.grey_closing(lowest, _TUCKED), _EVEN)
    kept = np.clip((lowest - np.arange(height)[:, None]) / 1.6 + 0.6, 0, 1)
    across = np.flatnonzero(within.any(0))
    middle, half = (across[0] + across[-1]) / 2, (across[-1] - across[0]) / 2
    aside = np.abs(np.arange(width) - middle) / half
    stays = np.clip((aside - _OUTER[0]) / (_OUTER[1] - _OUTER[0]), 0, 1)
    return np.rint(pixels * (stays + (1 - stays) * kept)[..., None]).astype(np.uint8)


def _without_teeth(pixels: np.ndarray) -> np.ndarray:
    """Makes the teeth of a cavity dark, since those of an exemplar are laid over it, and cuts off what lips leave."""
    within, light, _ = _lab(pixels)
    teeth = (within & (light > _TONGUE * np.median(light[within]))).astype(np.uint8)
    teeth = cv2.GaussianBlur(np.float32(cv2.dilate(teeth, np.ones((7, 7)))), (0, 0), 1.5)[..., None]
    dark = np.median(pixels[within & (light <= np.quantile(light[within], 0.2)), :3], axis=0)
    colors = (1 - teeth) * pixels[..., :3] + teeth * dark
    alpha = cv2.erode(pixels[..., 3], np.ones((3, 3)), iterations=_RIM, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    alpha = np.minimum(cv2.GaussianBlur(alpha, (0, 0), _RIM / 2), pixels[..., 3])[..., None]
    return np.rint(np.concatenate([colors * np.float32(alpha / 255), alpha], -1)).astype(np.uint8)


def _deep(pixels: np.ndarray) -> np.ndarray:
    """Lets light fall off into a cavity, towards the throat and the cheeks: a tongue of one light looks painted."""
    height, width = pixels.shape[:2]
    down, across = ((np.arange(side) + 0.5) / side for side in (height, width))
    near = np.clip((down - _FRONT[0]) / (_FRONT[1] - _FRONT[0]), 0, 1)
    light = (_THROAT + (1 - _THROAT) * near * near * (3 - 2 * near))[:, None] * (1 - _CHEEKS * abs(2 * across - 1) ** 3)
    colors = pixels[..., :3].astype(np.float32)
    gray = colors.mean(-1, keepdims=True)
    colors = (gray + _RED_KEPT * (colors - gray)) * light[..., None]
    return np.rint(np.concatenate([colors, pixels[..., 3:]], -1)).astype(np.uint8)


def _mouth(
    config: ml_collections.ConfigDict, faces: Faces, name: str, origins: Collection[str]
) -> tuple[np.ndarray, np.ndarray, str]:
    """The crop in which a person's lips are widest open, (_SIDE, _SIDE, 3) uint8, their contour, and the expression."""
    if name not in faces.split.train:
        raise InputError(f"data.exemplars and data.cavity: '{name}' is not among the training people; name others")
    areas = {
        i: lips.area(faces.data[i]['lips'])
        for i, record in enumerate(faces.data.records)
        if record.identity == name and record.origin in origins
    }
    widest = max(areas, key=areas.get, default=None)
    if widest is None or not areas[widest]:
        raise InputError(f"data.exemplars and data.cavity: no image of '{name}' has open lips in {lips.FILE}")
    return *crop_with_lips(config, faces, widest), faces.data.records[widest].expression


def crop_with_lips(config: ml_collections.ConfigDict, faces: Faces, number: int) -> tuple[np.ndarray, np.ndarray]:
    """The crop of an image of the set, by its number, and the contour of its lips in px of the crop, (n, 2)."""
    image = crop(config, faces.data.records[number].file)
    return image, (faces.data[number]['lips'] + 0.5) * (_SIDE / config.data.image_size) - 0.5


def crop(config: ml_collections.ConfigDict, file: str) -> np.ndarray:
    """The aligned crop of a photo of the set, (_SIDE, _SIDE, 3) uint8."""
    for root in index.folders_of(config.data.root):
        path = pathlib.Path(root) / file
        if path.is_file():
            image = read.read_photo(path).eight_bit().pixels
            return crops.crop(image, _SIDE, None if config.data.aligned else frame_lib.of(config))[0]
    raise InputError(f"'{file}' is not in data.root '{config.data.root}' any more; put it back")
