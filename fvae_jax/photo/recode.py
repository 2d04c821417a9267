"""Writing an edited film: H.264 with the times of its frames, and all else of the film it was, its sound untouched."""

import contextlib
import fractions
import os
import pathlib
import subprocess
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from fvae_jax.errors import InputError
from fvae_jax.photo import ffmpeg, matroska, output, xmp
from fvae_jax.photo.footage import Footage, Shown

SUFFIXES = ('.mkv', '.mov', '.mp4')
_PRESET = 'veryfast'
_NANOSECONDS = 1_000_000_000
WORST_CRF = 51  # at which nothing but shapes is left


def check_output(path: str | os.PathLike, footage: Footage, *, overwrite: bool = False) -> pathlib.Path:
    """Finds out before the work whether an edited film can be written; see `output.check_output`.

    Raises:
      InputError: It cannot, or its format does not take the sound as it is.
    """
    path = output.check_output(path, SUFFIXES, source=footage.path, overwrite=overwrite)
    if footage.sound and path.suffix.lower() != '.mkv':
        # What a format takes is best known to who writes it: a moment of the sound is tried.
        with output.scratch() as folder:
            trial = str(folder / f'sound{path.suffix.lower()}')
            options = ['-v', 'error', *footage.part(), '-map', '0:a', '-c', 'copy', '-t', '0.1', trial]
            tried = subprocess.run(ffmpeg.command(*options), capture_output=True, start_new_session=True)
        if tried.returncode:
            raise InputError(
                f"output '{path}': this format does not take the sound of '{footage.path}' as it is "
                f'({ffmpeg.last_words(tried.stderr.decode(errors="replace"))}); name it {path.stem}.mkv'
            )
    return path


@contextlib.contextmanager
def writing(
    path: str | os.PathLike,
    footage: Footage,
    *,
    start: float = 0.0,
    end: float | None = None,
    crf: int = ffmpeg.CRF,
    metadata: Mapping[str, str] | None = None,
    overwrite: bool = False,
) -> Iterator[Callable[[Shown], None]]:
    """Gives a function that takes the frames, one after another; the file is there when all went well.

    Args:
      path: .mp4, .mov or .mkv.
      footage: The film that was edited; sound, chapters and names are taken from it.
      start: Of the part that is written, seconds.
      end: The same.
      crf: How much H.264 may lose, 0 (nothing) to 51.
      metadata: How it was made, for its XMP; see `xmp.updated`. A .mkv, which has no place for XMP, gets it as text.
      overwrite: Whether a file may be replaced.

    Raises:
      InputError: The film cannot be written.
    """
    if not 0 <= crf <= WORST_CRF:
        raise InputError(f'crf is {crf}; give a number from 0 (nothing is lost) to {WORST_CRF}')
    path = check_output(path, footage, overwrite=overwrite)
    is_mkv = path.suffix.lower() == '.mkv'
    with output.replacing(path, footage.path) as temporary, contextlib.ExitStack() as stack:
        send = first = None

        def write(shown: Shown) -> None:
            nonlocal send, first
            if send is None:
                first = shown.time
                options = _options(footage, first, start, end, crf)
                if is_mkv and metadata:
                    text = '; '.join(f'{name}: {value}' for name, value in metadata.items())
                    options += ['-metadata', f'fvae_jax={text}']
                send = stack.enter_context(ffmpeg.feeding(ffmpeg.command(*options, f'file:{temporary}')))
                send(matroska.header(footage.width + footage.width % 2, footage.height + footage.height % 2))
            odd = footage.height % 2, footage.width % 2
            frame = shown.frame
            luma = np.pad(frame.luma, ((0, odd[0]), (0, odd[1])), mode='edge') if any(odd) else frame.luma
            times = [round(_NANOSECONDS * seconds) for seconds in (shown.time - first, shown.duration)]
            send(matroska.before_frame(*times, luma.size + frame.chroma.size))
            send(np.ascontiguousarray(luma).data)
            send(np.ascontiguousarray(frame.chroma).data)

        yield write
        if send is None:
            raise InputError(f"no frames to write to '{path}'; give at least one")
        stack.close()
        if not is_mkv and (packet := xmp.updated(None, (footage.width, footage.height), metadata)):
            xmp.mark_film(temporary, packet)


def _options(footage: Footage, first: fractions.Fraction, start: float, end: float | None, crf: int) -> list[str]:
    """What ffmpeg is told: frames from the pipe, all else from the film."""
    tags = ''.join(f':{name}={value}' for name, value in footage.tags.items())
    base = f'{footage.time_base.numerator}/{footage.time_base.denominator}'
    options = ['-v', 'error', '-y', '-itsoffset', f'{float(first):.9f}', '-f', 'matroska', '-i', 'pipe:0']
    options += [*footage.part(start, end), '-map', '0:v', '-map', '1:a?', '-map_metadata', '1', '-map_chapters', '1']
    # Sound from before the start is the film's own lead-in, unless a start was asked for.
    options += ['-c:a', 'copy', *(['-copypriorss', '0'] if start else [])]
    options += [*ffmpeg.PLAYS_EVERYWHERE, '-crf', str(crf), '-preset', _PRESET]
    shape = f'setsar=sar={footage.aspect.numerator}/{footage.aspect.denominator}:max=65535'
    options += ['-vf', f'{shape},setparams={tags[1:]}' if tags else shape]
    options += ['-fps_mode', 'passthrough', '-enc_time_base', base, '-video_track_timescale', base.rpartition('/')[2]]
    return options
