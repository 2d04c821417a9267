"""From photo files to the aligned crops and flows of a set."""

import pathlib
import zipfile
from collections.abc import Iterator, Sequence
from typing import Any

import cv2
import numpy as np

from fvae_jax.data import align
from fvae_jax.data.builder import BuildReport
from fvae_jax.data.index import Photo
from fvae_jax.errors import InputError
from fvae_jax.photo import read

_LARGEST_FLOW = 2**26  # bytes, unpacked; one of 1024×1024 px in double precision has a quarter of it


class UnusablePhoto(Exception):
    """A photo that has to be left out; the message is the reason."""


def find_crop(image: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Aligns the main face of a photo (5.2).

    Args:
      image: (H, W, 3) uint8 RGB.
      size: side of the crop, px.

    Returns:
      The crop, (size, size, 3) uint8, and the five landmarks in it, (5, 2) float32, px.

    Raises:
      UnusablePhoto: no face is found.
    """
    face = align.main_face(align.detect_faces(image))
    if face is None:
        raise UnusablePhoto('no face found')
    try:
        matrix = align.crop_transform(face.landmarks, size)
    except InputError as error:
        raise UnusablePhoto(str(error)) from None
    landmarks = align.transform_points(matrix, face.landmarks)
    return align.align_crop(image, matrix, size), landmarks.astype(np.float32)


def take_crop(image: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Takes an image that is an aligned crop already, and only resizes it.

    Args:
      image: (N, N, 3) uint8 RGB.
      size: side of the crop, px.

    Returns:
      The crop, (size, size, 3) uint8, and (5, 2) float32 landmarks of which only the eye centres
      are known: both corners of an eye lie where alignment puts its centre, and the nose is NaN.

    Raises:
      UnusablePhoto: the image is not square.
    """
    height, width = image.shape[:2]
    if height != width:
        raise UnusablePhoto(f'an aligned crop is square, not {width}×{height}')
    left, right = align.crop_eye_centers(size)
    landmarks = np.stack([right, right, left, left, [np.nan, np.nan]])
    return _resize(image, size, cv2.INTER_CUBIC), landmarks.astype(np.float32)


def read_flow(path: pathlib.Path, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Reads a true displacement and brings it to the size of the crop.

    Args:
      path: an .npz with flow (h, w, 2), pixels of an h×w crop, and exposed (h, w) bool.
      size: side of the crop, px.

    Returns:
      displacement (size, size, 2) float16, crop pixels, resized half-pixel-centred and multiplied
      by the ratio of each axis; exposed (size, size) bool, where at least half of a pixel is.

    Raises:
      UnusablePhoto: the file is missing or something else.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(member.file_size for member in archive.infolist()) > _LARGEST_FLOW:
                raise UnusablePhoto(f'its flow {path.name} is larger than {_LARGEST_FLOW >> 20} MB unpacked')
        with np.load(path, allow_pickle=False) as file:
            flow, exposed = file['flow'], file['exposed']
    except FileNotFoundError:
        raise UnusablePhoto(f'its flow {path.name} is missing') from None
    except UnusablePhoto:
        raise
    except Exception as error:  # NumPy, zipfile and its four compressions trip in many ways
        raise UnusablePhoto(f'its flow {path.name} cannot be read: {" ".join(str(error).split())}') from None
    shapes_fit = flow.shape == (*exposed.shape, 2) and exposed.ndim == 2 and exposed.size
    if (
        flow.dtype.kind not in 'fiu'
        or exposed.dtype.kind not in 'bfiu'
        or not shapes_fit
        or not np.isfinite(exposed).all()
        or not _longest(flow) * max(1, size / min(exposed.shape)) <= np.finfo(np.float16).max
    ):
        raise UnusablePhoto(f'its flow {path.name} is not a finite flow (h, w, 2) with exposed (h, w)')
    height, width = exposed.shape
    ratio = np.array([size / width, size / height], np.float32)
    displacement = _resize(flow.astype(np.float32), size, cv2.INTER_LINEAR) * ratio
    return displacement.astype(np.float16), _resize(exposed.astype(np.float32), size, cv2.INTER_LINEAR) >= 0.5


def _longest(flow: np.ndarray) -> float:
    """The largest component, px; stored in float16 it ends at 65504, and what is not finite is no displacement."""
    with np.errstate(all='ignore'):
        return np.abs(flow.astype(np.float64)).max()


def face_examples(photos: Sequence[Photo], size: int, aligned: bool, report: BuildReport) -> Iterator[dict[str, Any]]:
    """Yields an example of `builder.FaceSet` for every usable photo, and reports the others.

    Args:
      photos: the photos.
      size: side of the crops, px.
      aligned: whether the photos are aligned crops, taken as they are.
      report: where photos that are left out are noted.
    """
    report.expected = len(photos)
    for photo in photos:
        try:
            image = read.read_photo(photo.root / photo.file).eight_bit().pixels
            crop, landmarks = (take_crop if aligned else find_crop)(image, size)
            example = {
                'image': crop,
                'identity': photo.identity,
                'expression': photo.expression,
                'strength': photo.strength,
                'origin': photo.origin,
                'landmarks': landmarks,
                'file': photo.file,
                'reference': photo.reference,
            }
            if photo.flow:
                displacement, exposed = read_flow(photo.root / photo.flow, size)
                example.update(displacement=displacement, exposed=exposed)
        except (UnusablePhoto, InputError) as reason:
            report.skip(photo.file, str(reason))
        else:
            yield example


def _resize(image: np.ndarray, size: int, enlarge: int) -> np.ndarray:
    """Resizes to a square, half-pixel-centred: by areas where it reduces, else with `enlarge`."""
    interpolation = cv2.INTER_AREA if size < min(image.shape[:2]) else enlarge
    return cv2.resize(image, (size, size), interpolation=interpolation)
