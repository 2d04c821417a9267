"""Writing an edited film: H.264 with the times of its frames, and all else of the film it was, its sound untouched."""

import fractions
import itertools
import os
import pathlib
import subprocess
from collections.abc import Iterable, Mapping

import numpy as np

from fvae_jax.errors import InputError
from fvae_jax.photo import ffmpeg, output, xmp
from fvae_jax.photo.footage import Footage, Shown

SUFFIXES = ('.mkv', '.mov', '.mp4')
_PRESET = 'veryfast'
_NANOSECONDS = 1_000_000_000
WORST_CRF = 51  # at which nothing but shapes is left
# Raw video has no times, and a film may show each frame for another while: ffmpeg takes both through a pipe as a stream
# of Matroska. Only what it needs is written (RFC 8794, RFC 9559): one track, its size unknown, a cluster for a frame.
_UNKNOWN_SIZE = b'\x01' + 7 * b'\xff'


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


def write(
    path: str | os.PathLike,
    footage: Footage,
    frames: Iterable[Shown],
    *,
    start: float = 0.0,
    end: float | None = None,
    crf: int = ffmpeg.CRF,
    metadata: Mapping[str, str] | None = None,
    overwrite: bool = False,
) -> None:
    """Writes the frames of an edited film, one after another; the file is there when all went well.

    Args:
      path: .mp4, .mov or .mkv.
      footage: The film that was edited; sound, chapters and names are taken from it.
      frames: At least one, as they come.
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
    with output.replacing(path, footage.path) as temporary:
        frames = iter(frames)
        first = next(frames, None)
        if first is None:
            raise InputError(f"no frames to write to '{path}'; give at least one")
        options = _options(footage, first.time, start, end, crf)
        if is_mkv and metadata:
            text = '; '.join(f'{name}: {value}' for name, value in metadata.items())
            options += ['-metadata', f'fvae_jax={text}']
        odd = footage.height % 2, footage.width % 2
        with ffmpeg.feeding(ffmpeg.command(*options, f'file:{temporary}')) as send:
            send(_matroska_header(footage.width + odd[1], footage.height + odd[0]))
            for shown in itertools.chain([first], frames):
                frame = shown.frame
                luma = np.pad(frame.luma, ((0, odd[0]), (0, odd[1])), mode='edge') if any(odd) else frame.luma
                times = [round(_NANOSECONDS * seconds) for seconds in (shown.time - first.time, shown.duration)]
                send(_before_frame(*times, luma.size + frame.chroma.size))
                send(np.ascontiguousarray(luma).data)
                send(np.ascontiguousarray(frame.chroma).data)
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


def _matroska_header(width: int, height: int) -> bytes:
    """What comes before frames of even sides, px."""
    kind = _element(0x4282, b'matroska') + _number(0x4287, 4) + _number(0x4285, 2)
    picture = _number(0xB0, width) + _number(0xBA, height) + _element(0x2EB524, b'I420')
    track = _number(0xD7, 1) + _number(0x73C5, 1) + _number(0x83, 1) + _element(0x86, b'V_UNCOMPRESSED')
    tracks = _element(0x1654AE6B, _element(0xAE, track + _element(0xE0, picture)))
    info = _element(0x1549A966, _number(0x2AD7B1, 1))  # times in nanoseconds
    return _element(0x1A45DFA3, kind) + bytes.fromhex('18538067') + _UNKNOWN_SIZE + info + tracks


def _before_frame(time: int, duration: int, size: int) -> bytes:
    """What comes before the `size` bytes of a frame: its luma, then both chroma planes of half its sides.

    Its time is not negative, and like its duration in nanoseconds.
    """
    block = _element(0xA1, bytes.fromhex('81000000'), size)  # the track, no time after the cluster's, no flags
    # Its duration ahead of the block, so that the frame ends the group.
    group = _element(0xA0, _number(0x9B, duration) + block, size)
    return _element(0x1F43B675, _number(0xE7, time) + group, size)


def _element(number: int, content: bytes, more: int = 0) -> bytes:
    """An element, or its beginning: `more` bytes of its content follow."""
    length = (1 << 56 | len(content) + more).to_bytes(8, 'big')
    return number.to_bytes((number.bit_length() + 7) // 8, 'big') + length + content


def _number(number: int, value: int) -> bytes:
    return _element(number, value.to_bytes(8, 'big'))
