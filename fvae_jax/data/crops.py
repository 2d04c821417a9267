"""From photo files to the aligned crops and flows of a set."""

import hashlib
import pathlib
import zipfile
from collections.abc import Iterator, Sequence
from typing import Any

import cv2
import numpy as np

from fvae_jax.data import align
from fvae_jax.data.builder import Record, Skipped
from fvae_jax.data.index import Entry
from fvae_jax.errors import InputError
from fvae_jax.ops.frame import Frame
from fvae_jax.photo import read

_DARKEST = 1000  # hundredths; e^±10 is no light on a face
_LARGEST_FLOW = 2**26  # bytes, unpacked; one of 1024×1024 px in double precision has a quarter of it


def crop(image: np.ndarray, size: int, frame: Frame | None) -> tuple[np.ndarray, np.ndarray]:
    """Makes a crop, (size, size, 3) uint8, of a photo (H, W, 3) uint8 RGB; and the 2×3 matrix from photo to crop px.

    The eyes of the main face come to lie as the frame says (5.2); without a frame the photo is an aligned crop already,
    and only resized.

    Raises:
      InputError: No face is found, or the image is not square.
    """
    if frame is not None:
        face = align.main_face(align.detect_faces(image))
        if face is None:
            raise InputError('no face found')
        matrix = align.crop_transform(face.landmarks, size, frame)
        return align.align_crop(image, matrix, size), matrix
    height, width = image.shape[:2]
    if height != width:
        raise InputError(f'an aligned crop is square, not {width}×{height}')
    ratio = size / width
    shift = (ratio - 1) / 2  # pixel centers lie at whole numbers
    return _resize(image, size, cv2.INTER_CUBIC), np.array([[ratio, 0, shift], [0, ratio, shift]])


@np.errstate(all='ignore')  # what is not finite is no displacement
def read_flow(path: pathlib.Path, size: int) -> dict[str, np.ndarray]:
    """Reads a true flow and brings it to the size of the crop.

    Args:
      path: An .npz with flow (h, w, 2), pixels of an h×w crop, exposed (h, w) bool and, if known, shade (h, w),
        hundredths of the log of a ratio.
      size: Side of the crop, px.

    Returns:
      displacement (size, size, 2) float16, crop pixels, resized half-pixel-centered and multiplied
      by the ratio of each axis; exposed (size, size) bool, where at least half of a pixel is; shade (size, size)
      float16, the log of the ratio.

    Raises:
      InputError: The file is missing or something else.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(member.file_size for member in archive.infolist()) > _LARGEST_FLOW:
                raise InputError(f'its flow {path.name} is larger than {_LARGEST_FLOW >> 20} MB unpacked')
        with np.load(path, allow_pickle=False) as file:
            flow, exposed = file['flow'], file['exposed']
            shade = file['shade'] if 'shade' in file else np.zeros(exposed.shape, np.int8)
    except FileNotFoundError:
        raise InputError(f'its flow {path.name} is missing') from None
    except InputError:
        raise
    except Exception as error:  # NumPy, zipfile and its four compressions trip in many ways
        raise InputError(f'its flow {path.name} cannot be read: {" ".join(str(error).split())}') from None
    shape = exposed.shape
    if (
        any(array.dtype.kind not in kinds for array, kinds in ((flow, 'fiu'), (exposed, 'bfiu'), (shade, 'fiu')))
        or not (len(shape) == 2 and exposed.size and flow.shape == (*shape, 2) and shade.shape == shape)
        or not (np.abs(shade.astype(np.float64)) <= _DARKEST).all()
        or not np.isfinite(exposed).all()
        or not np.abs(flow.astype(np.float64)).max() * max(1, size / min(shape)) <= np.finfo(np.float16).max
    ):
        raise InputError(f'its flow {path.name} is not a finite flow (h, w, 2) with exposed and shade (h, w)')
    ratio = np.array([size / shape[1], size / shape[0]], np.float32)
    displacement = _resize(flow.astype(np.float32), size, cv2.INTER_LINEAR) * ratio
    return {
        'displacement': displacement.astype(np.float16),
        'exposed': _resize(exposed.astype(np.float32), size, cv2.INTER_LINEAR) >= 0.5,
        'shade': (_resize(shade.astype(np.float32), size, cv2.INTER_LINEAR) / 100).astype(np.float16),
    }


def soften(example: dict[str, Any], share: float) -> None:
    """Takes a part of the known shading out of an example's image, and of its shade; `share` is left."""
    taken = np.where(example['exposed'], 0, (share - 1) * example['shade'].astype(np.float32))
    image = example['image'] * np.exp(taken)[..., None]
    example['image'] = np.clip(np.rint(image), 0, 255).astype(np.uint8)
    example['shade'] = (share * example['shade'].astype(np.float32)).astype(np.float16)


def face_examples(
    entries: Sequence[Entry], size: int, frame: Frame | None, shading: float = 1.0
) -> Iterator[dict[str, Any] | Skipped]:
    """Yields an example, as `builder.Source` describes it, for every photo, or why it is left out.

    For size and frame see `crop`; `shading` is how much of the known shading synthetic images keep.
    """
    for entry in entries:
        try:
            image = read.read_photo(entry.root / entry.file).eight_bit().pixels
            example = {field: getattr(entry, field) for field in Record._fields}
            example['image'], matrix = crop(image, size, frame)
            if entry.lips:
                points = align.transform_points(matrix, np.reshape(entry.lips, (-1, 2)))
                example['lips'] = points.astype(np.float32)
            if entry.flow:
                example |= read_flow(entry.root / entry.flow, size)
                soften(example, shading)
        except InputError as reason:
            yield Skipped(entry.file, str(reason))
        else:
            files = [entry.root / file for file in (entry.file, entry.flow) if file]
            contents = [*(file.read_bytes() for file in files), repr(entry.lips).encode()]
            example['made_from'] = ' '.join(hashlib.sha256(content).hexdigest() for content in contents)
            yield example


def _resize(image: np.ndarray, size: int, enlarge: int) -> np.ndarray:
    """Resizes to a square, half-pixel-centered: by areas where it reduces, else with `enlarge`."""
    interpolation = cv2.INTER_AREA if size < min(image.shape[:2]) else enlarge
    return cv2.resize(image, (size, size), interpolation=interpolation)
