"""The insides of training people's open mouths, at the resolution of their photos, for the model file."""

import pathlib
from collections.abc import Collection

import cv2
import ml_collections
import numpy as np

from fvae_jax.bundle import Exemplars
from fvae_jax.data import crops, index, lips
from fvae_jax.data.people import Faces
from fvae_jax.editing import exemplar
from fvae_jax.errors import InputError
from fvae_jax.ops import frame as frame_lib, image as image_ops
from fvae_jax.photo import read

_SIDE = 512  # px of the crop that they are cut from
_BOX = (0.62, 0.12, 0.48)  # eye distances from the middle of the upper inner lip: to both sides, up, down
_CRISP, _FINE = 0.9, 1.0  # how much of what is finer, px, is added to teeth: crops and placing have made them softer
_LIP = 5  # the middle of the upper inner lip among the points of a contour


def collect(config: ml_collections.ConfigDict, faces: Faces) -> Exemplars | None:
    """Cuts the mouths of `data.exemplars` and `data.cavity` out of their photos; None without such people.

    Args:
      config: The experiment.
      faces: The set and who trains.

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
        masked = _inside(_crisper(image), contour)[box]
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
    return shown._replace(cavity=cavity, cavity_light=np.float32(_light(image, frame)))


def _crisper(image: np.ndarray) -> np.ndarray:
    image = image.astype(np.float32)
    return np.clip(image + _CRISP * (image - cv2.GaussianBlur(image, (0, 0), _FINE)), 0, 255)


def _light(image: np.ndarray, frame: frame_lib.Frame) -> np.ndarray:
    return exemplar.skin_light(image_ops.to_float(image), frame)


def _inside(image: np.ndarray, contour: np.ndarray) -> np.ndarray:
    """What lies within a contour, (_SIDE, _SIDE, 4) uint8, RGB multiplied by how much of a pixel does."""
    covered = lips.inside(contour, _SIDE)[..., None]
    return np.rint(np.concatenate([image * covered, 255 * covered], -1)).astype(np.uint8)


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
    record, contour = faces.data.records[widest], faces.data[widest]['lips']
    image = crop(config, frame_lib.of(config), record.file)
    return image, (contour + 0.5) * (_SIDE / config.data.image_size) - 0.5, record.expression


def crop(config: ml_collections.ConfigDict, frame: frame_lib.Frame, file: str) -> np.ndarray:
    """The aligned crop of a photo of the set, (_SIDE, _SIDE, 3) uint8."""
    for root in index.folders_of(config.data.root):
        path = pathlib.Path(root) / file
        if path.is_file():
            image = read.read_photo(path).eight_bit().pixels
            taken, _ = crops.take_crop(image, _SIDE) if config.data.aligned else crops.find_crop(image, _SIDE, frame)
            return taken
    raise InputError(f"'{file}' is not in data.root '{config.data.root}' any more; put it back")
