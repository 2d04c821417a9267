"""Frames as a film, an animation, numbered pictures or one filmstrip."""

import contextlib
import itertools
import os
import pathlib
from collections.abc import Iterable, Iterator, Mapping, Sequence

import cv2
import numpy as np

from fvae_jax.errors import InputError
from fvae_jax.ops.grid import image_grid
from fvae_jax.photo import ffmpeg, output, write, xmp
from fvae_jax.photo.photo import Photo

# The films, and what ffmpeg is told for each. MP4: with the colors of HD video, which players assume. GIF: one palette
# for the whole animation, so that still parts do not flicker.
FORMATS = {
    '.mp4': f'{" ".join(ffmpeg.PLAYS_EVERYWHERE)} -crf {ffmpeg.CRF} -preset medium '
    '-vf scale=out_color_matrix=bt709:out_range=tv,'
    'setparams=colorspace=bt709:color_primaries=bt709:color_trc=bt709:range=tv',
    '.gif': '-c:v gif -loop 0 '
    '-vf split[a][b];[a]palettegen=stats_mode=full[palette];[b][palette]paletteuse=dither=sierra2_4a',
    '.webp': '-c:v libwebp_anim -quality 90 -loop 0',
}
_STRIP = 512  # px; higher frames of a filmstrip are reduced to it


def is_folder(path: str | os.PathLike) -> bool:
    """Whether frames for a path become numbered files: it is a folder, or has no suffix."""
    return os.path.isdir(path) or not pathlib.Path(path).suffix


def check_frames_output(path: str | os.PathLike, *, overwrite: bool = False) -> pathlib.Path:
    """The path, if `write_animation` can write to it, found out before the work; raises `InputError` otherwise."""
    path = pathlib.Path(path)
    if not is_folder(path):
        return output.check_output(path, FORMATS, overwrite=overwrite)
    if not os.path.exists(path):
        output.check_folder(path.parent)
        return path
    output.check_folder(path)
    if any(path.iterdir()) and not overwrite:
        raise InputError(
            f"output folder '{path}' holds files; choose another one, or allow it with --overwrite (overwrite=True)"
        )
    return path


def write_animation(
    path: str | os.PathLike,
    frames: Iterable[np.ndarray],
    fps: float,
    *,
    overwrite: bool = False,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Writes frames as .mp4, .gif or .webp, or numbered PNGs into a folder (no suffix).

    Frames are taken one at a time. A film of odd width or height gets its last column or row twice.

    Args:
      path: The file, or a folder that is created if need be.
      frames: (H, W, 3) uint8 RGB, all of one size, at least one.
      fps: Frames per second; of no meaning in a folder. GIF rounds to hundredths of a second.
      overwrite: Whether a file may be replaced, or a folder have files.
      metadata: How the frames were made, for the XMP of the file, or of each; see `xmp.updated`.

    Raises:
      InputError: Unknown suffix, not writable, exists already, or no or unequal frames.
    """
    if not 0 < fps < np.inf:
        raise InputError(f'{fps} frames per second; give a positive number')
    path = check_frames_output(path, overwrite=overwrite)
    if is_folder(path):
        with filling(path) as folder:
            for number, frame in enumerate(checked(frames)):
                output.write(folder / f'{number:04d}.png', write.encode(Photo(frame), '.png', metadata=metadata))
        return
    suffix = path.suffix.lower()
    with output.replacing(path) as temporary:
        frames = checked(frames)
        first = next(frames)
        height, width = first.shape[:2]
        odd = (height % 2, width % 2) if suffix == '.mp4' else (0, 0)
        source = f'-f rawvideo -pix_fmt rgb24 -s {width + odd[1]}x{height + odd[0]} -r {fps} -i -'
        options = f'-v error -y {source} {FORMATS[suffix]}'.split()
        with ffmpeg.feeding(ffmpeg.command(*options, f'file:{temporary}')) as send:
            for frame in itertools.chain([first], frames):
                send(np.pad(frame, ((0, odd[0]), (0, odd[1]), (0, 0)), mode='edge').data)
        if packet := xmp.updated(None, (width, height), metadata):
            xmp.mark_film(temporary, packet)


def filling(folder: pathlib.Path) -> contextlib.AbstractContextManager[pathlib.Path]:
    """Gives the folder to write files to; a new one appears only when all went well."""
    return contextlib.nullcontext(folder) if folder.exists() else output.replacing_folder(folder)


def filmstrip(frames: Sequence[np.ndarray], labels: Sequence[str]) -> np.ndarray:
    """Draws frames side by side with a label above each, as (H, W, 3) uint8 RGB, which they are, too.

    Raises:
      InputError: Labels and frames differ in number.
    """

    def reduced(frame: np.ndarray) -> np.ndarray:
        size = max(1, round(frame.shape[1] * _STRIP / frame.shape[0])), _STRIP
        return frame if frame.shape[0] <= _STRIP else cv2.resize(frame, size, interpolation=cv2.INTER_AREA)

    return image_grid([list(map(reduced, frames))], labels)


def checked(frames: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """The frames, of which the first is there, uint8 (H, W, 3), and the others are like it; else `InputError`."""
    shape = None
    for number, frame in enumerate(frames):
        if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
            raise InputError(f'frame {number} is {frame.dtype} {frame.shape}; expected uint8 (H, W, 3)')
        shape = shape or frame.shape
        if frame.shape != shape:
            raise InputError(f'frame {number} has shape {frame.shape} and the first {shape}; make them of one size')
        yield frame
    if shape is None:
        raise InputError('there are no frames; give at least one')
