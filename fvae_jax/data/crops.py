"""From photo files to the aligned crops and flows of a set."""

import hashlib
import pathlib
import zipfile
from collections.abc import Iterator, Sequence
from typing import Any

import cv2
import numpy as np

from fvae_jax.data import align
from fvae_jax.data.builder import Skipped
from fvae_jax.data.index import Entry
from fvae_jax.errors import InputError
from fvae_jax.ops.frame import Frame
from fvae_jax.photo import read

_LARGEST_FLOW = 2**26  # bytes, unpacked; one of 1024×1024 px in double precision has a quarter of it


class UnusablePhoto(Exception):
    """A photo that has to be left out; the message is the reason."""


def find_crop(image: np.ndarray, size: int, frame: Frame) -> np.ndarray:
    """Aligns the main face of a photo (5.2).

    Args:
      image: (H, W, 3) uint8 RGB.
      size: Side of the crop, px.
      frame: Where its eyes lie.

    Returns:
      The crop, (size, size, 3) uint8.

    Raises:
      UnusablePhoto: No face is found.
    """
    face = align.main_face(align.detect_faces(image))
    if face is None:
        raise UnusablePhoto('no face found')
    try:
        return align.align_crop(image, align.crop_transform(face.landmarks, size, frame), size)
    except InputError as error:
        raise UnusablePhoto(str(error)) from None


def take_crop(image: np.ndarray, size: int) -> np.ndarray:
    """Takes an image (N, N, 3) uint8 RGB that is an aligned crop already, and only resizes it.

    Raises:
      UnusablePhoto: The image is not square.
    """
    height, width = image.shape[:2]
    if height != width:
        raise UnusablePhoto(f'an aligned crop is square, not {width}×{height}')
    return _resize(image, size, cv2.INTER_CUBIC)


def read_flow(path: pathlib.Path, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Reads a true displacement and brings it to the size of the crop.

    Args:
      path: An .npz with flow (h, w, 2), pixels of an h×w crop, and exposed (h, w) bool.
      size: Side of the crop, px.

    Returns:
      displacement (size, size, 2) float16, crop pixels, resized half-pixel-centered and multiplied
      by the ratio of each axis; exposed (size, size) bool, where at least half of a pixel is.

    Raises:
      UnusablePhoto: The file is missing or something else.
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


def face_examples(entries: Sequence[Entry], size: int, frame: Frame | None) -> Iterator[dict[str, Any] | Skipped]:
    """Yields an example, as `builder.Source` describes it, for every photo, or why it is left out.

    Args:
      entries: The photos.
      size: Side of the crops, px.
      frame: Where the eyes shall lie; None takes the photos as they are, as aligned crops.
    """
    for entry in entries:
        try:
            image = read.read_photo(entry.root / entry.file).eight_bit().pixels
            example = {
                'image': take_crop(image, size) if frame is None else find_crop(image, size, frame),
                'identity': entry.identity,
                'expression': entry.expression,
                'strength': entry.strength,
                'origin': entry.origin,
                'file': entry.file,
                'reference': entry.reference,
            }
            if entry.flow:
                example['displacement'], example['exposed'] = read_flow(entry.root / entry.flow, size)
        except (UnusablePhoto, InputError) as reason:
            yield Skipped(entry.file, str(reason))
        else:
            files = [entry.root / file for file in (entry.file, entry.flow) if file]
            example['made_from'] = ' '.join(hashlib.sha256(file.read_bytes()).hexdigest() for file in files)
            yield example


def _resize(image: np.ndarray, size: int, enlarge: int) -> np.ndarray:
    """Resizes to a square, half-pixel-centered: by areas where it reduces, else with `enlarge`."""
    interpolation = cv2.INTER_AREA if size < min(image.shape[:2]) else enlarge
    return cv2.resize(image, (size, size), interpolation=interpolation)
