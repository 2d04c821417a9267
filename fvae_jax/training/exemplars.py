"""The insides of training people's open mouths, at the resolution of their photos, for the model file."""

import os
import pathlib

import ml_collections
import numpy as np

from fvae_jax.bundle import Exemplars
from fvae_jax.data import crops, lips
from fvae_jax.data.people import Faces
from fvae_jax.editing import exemplar
from fvae_jax.errors import InputError
from fvae_jax.ops import frame as frame_lib, image as image_ops
from fvae_jax.photo import read

_SIDE = 512  # px of the crop that they are cut from
_BOX = (0.62, 0.12, 0.48)  # eye distances from the middle of the upper inner lip: to both sides, up, down
_LIP = 5  # the middle of the upper inner lip among the points of a contour


def collect(config: ml_collections.ConfigDict, faces: Faces) -> Exemplars | None:
    """Cuts the mouths of `data.exemplars` out of their photos; None without such people.

    Of each, the image with the widest open lips is taken, a real one.

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
        if name not in faces.split.train:
            raise InputError(f"data.exemplars names '{name}', who is not among the training people; name others")
        number = _widest(faces, name)
        record, contour = faces.data.records[number], faces.data[number]['lips']
        image = _crop(config, frame, record.file)
        contour = (contour + 0.5) * (_SIDE / config.data.image_size) - 0.5
        inside = lips.inside(contour, _SIDE)
        across, up, down = (round(length * distance) for length in _BOX)
        x, y = np.rint(contour[_LIP]).astype(int)
        box = np.s_[max(y - up, 0) : y + down, max(x - across, 0) : x + across]
        masked = np.dstack([image * inside[..., None], 255 * inside])[box]
        pixels = np.zeros((up + down, 2 * across, 4), np.uint8)
        pixels[: masked.shape[0], : masked.shape[1]] = np.rint(masked)
        light = exemplar.skin_light(image_ops.to_float(image), frame)
        found.append((pixels, contour[_LIP] - [box[1].start, box[0].start], light, record.expression))
    pixels, lip, light, expressions = zip(*found)
    return Exemplars(
        np.stack(pixels),
        np.float32(lip),
        np.float32(light),
        distance,
        max(sorted(set(expressions)), key=expressions.count),
    )


def _widest(faces: Faces, name: str) -> int:
    areas = {
        i: lips.area(faces.data[i]['lips'])
        for i, record in enumerate(faces.data.records)
        if record.identity == name and record.origin == 'real'
    }
    widest = max(areas, key=areas.get, default=None)
    if widest is None or not areas[widest]:
        raise InputError(f"data.exemplars names '{name}', of whom no real image with lips in {lips.FILE} is there")
    return widest


def _crop(config: ml_collections.ConfigDict, frame: frame_lib.Frame, file: str) -> np.ndarray:
    """The aligned crop of a photo of the set, (_SIDE, _SIDE, 3) uint8."""
    for root in config.data.root.split(','):
        path = pathlib.Path(os.path.expanduser(root.strip())) / file
        if path.is_file():
            image = read.read_photo(path).eight_bit().pixels
            crop, _ = crops.take_crop(image, _SIDE) if config.data.aligned else crops.find_crop(image, _SIDE, frame)
            return crop
    raise InputError(f"data.exemplars: '{file}' is not in data.root '{config.data.root}' any more; put it back")
