"""Reading films: what a file says of itself, and its frames one after another, upright, with their times."""

import contextlib
import dataclasses
import fractions
import logging
import os
import pathlib
import queue
import re
import subprocess
import threading
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
from PIL import Image

from fvae_jax.errors import InputError
from fvae_jax.photo import ffmpeg
from fvae_jax.photo.frame import Colors, Planes

_LOG = logging.getLogger('fvae_jax')

SUFFIXES = ('.avi', '.gif', '.m4v', '.mkv', '.mov', '.mp4', '.mpg', '.ts', '.webm')

_MATRICES = {'bt709': 'bt709', 'bt470bg': 'bt601', 'smpte170m': 'bt601', 'bt2020nc': 'bt2020', 'bt2020c': 'bt2020'}
_FILE = 'file:'  # before a path, in which ffmpeg would take words before a colon as a protocol
_HD = 720  # lines from which films that do not say mean bt709
# How ffmpeg's setparams and its showinfo call what an output takes over.
_TAGS = {name: name for name in ('color_primaries', 'color_trc')} | {
    'range': 'color_range',
    'colorspace': 'color_space',
}
_REMEDY = 'give a film that plays from its beginning'
# Films of RGB, such as GIF, become what HD films are.
_TO_YUV = 'scale=out_color_matrix=bt709:out_range=tv,'
# Each frame of two fields becomes one of the first field, whose other rows are made of what is around them.
_WHOLE = 'bwdif=mode=send_frame:deint=interlaced,'
_CUT_OFF = rb': partial file\s*$|File ended prematurely'  # of MP4 and MOV, of MKV and WebM


@dataclasses.dataclass(frozen=True, eq=False)
class Shown:
    """A frame and when it is shown.

    Attributes:
      frame: The frame.
      time: Seconds after the film's start.
      duration: Seconds; 0 where the file does not say.
    """

    frame: Planes
    time: fractions.Fraction
    duration: fractions.Fraction


@dataclasses.dataclass(frozen=True)
class Footage:
    """A film and what its file says of it; see `open_footage`.

    Attributes:
      path: The file.
      width: Of the upright frames, px.
      height: The same.
      time_base: What its times are multiples of, seconds.
      rate: Frames per second, their mean where frames are shown for different whiles.
      seconds: How long it is, 0 if unknown.
      aspect: Width of a pixel by its height.
      colors: How luma and chroma mean colors.
      tags: `color_primaries` and the like, as the file says and ffmpeg's filter `setparams` calls them.
      was_rgb: Whether its frames are red, green and blue, as those of GIF.
      interlaced: Whether its frames are of two fields, the rows of which were taken one after the other.
      sound: Whether there is any.
      notes: What is converted, a line each.
    """

    path: pathlib.Path
    width: int
    height: int
    time_base: fractions.Fraction
    rate: float
    seconds: float
    aspect: fractions.Fraction
    colors: Colors
    tags: dict[str, str]
    was_rgb: bool
    interlaced: bool
    sound: bool
    notes: tuple[str, ...]

    def part(self, start: float = 0.0, end: float | None = None) -> list[str]:
        """What ffmpeg is told of the input: a part of the film, from `start` to `end`, seconds."""
        limits = (['-ss', f'{start:.6f}'] if start else []) + ([] if end is None else ['-to', f'{end:.6f}'])
        return [*limits, '-i', f'{_FILE}{self.path}']

    def frames(self, start: float = 0.0, end: float | None = None) -> Iterator[Shown]:
        """Decodes the film from `start` to `end`, seconds, or to its own end, one frame at a time.

        Raises:
          InputError: Nothing can be decoded.
        """
        # Full range would become limited on the way to yuv420p in versions that have a pixel format for it.
        convert = _TO_YUV if self.was_rgb else 'scale=out_range=pc,' if self.colors.full else ''
        convert = f'showinfo=checksum=0,{_WHOLE if self.interlaced else ""}{convert}format=yuv420p'
        options = ['-v', 'info', '-nostats', *self.part(start, end), '-map', '0:V:0', '-vf', convert]
        options += ['-fps_mode', 'passthrough', '-f', 'rawvideo', 'pipe:1']
        luma, half = self.width * self.height, (-(-self.height // 2), -(-self.width // 2))
        size, times, number, cut_off = luma + 2 * half[0] * half[1], queue.SimpleQueue(), 0, threading.Event()
        pipes = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        with ffmpeg.running(ffmpeg.command(*options), **pipes) as process:
            listener = threading.Thread(target=_listen, args=(process.stderr, times, cut_off), daemon=True)
            listener.start()
            while True:
                data = np.empty(size, np.uint8)
                if process.stdout.readinto(data) < size:
                    break
                told = times.get()
                if told is None:
                    raise InputError(f"film '{self.path}': ffmpeg reports no times for its frames; {_REMEDY}")
                time, duration = told
                planes = data[:luma].reshape(self.height, self.width), data[luma:].reshape(2, *half)
                yield Shown(Planes(*planes, self.colors), time * self.time_base, duration * self.time_base)
                number += 1
            if process.wait() < 0:
                raise InputError(f"film '{self.path}': ffmpeg was ended after {number} frames; try again")
            listener.join()
        if not number:
            raise InputError(f"film '{self.path}' shows no frame{' in this part' if start or end else ''}; {_REMEDY}")
        ends = float((time + duration) * self.time_base) + start
        short = end is None and not self.sound and ends < 0.9 * self.seconds - 1  # sound may go on
        if cut_off.is_set() or short:
            of = f' of {self.seconds:.1f}' if ends < self.seconds else ''
            _LOG.warning("film '%s' is cut off: it ends after %.1f%s s; what is there is edited", self.path, ends, of)


def is_film(path: pathlib.Path) -> bool:
    """Whether a path is taken as a film: by its suffix, and a GIF if it moves."""
    if path.suffix.lower() != '.gif':
        return path.suffix.lower() in SUFFIXES
    if not path.is_file():
        return False
    try:
        with Image.open(path) as image:
            return getattr(image, 'is_animated', False)
    except Exception:  # Pillow trips over damaged files in many ways; they are told of when they are read as photos
        return False


def open_footage(path: str | os.PathLike) -> Footage:
    """Finds out what a film is.

    Raises:
      InputError: It does not exist, or nothing can be decoded.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        state = 'is a folder' if path.is_dir() else 'does not exist'
        raise InputError(f"film '{path}' {state}; give a film such as clip.mp4")
    options = ['-v', 'info', '-nostats', '-i', f'{_FILE}{path}', '-map', '0:V:0', '-frames:v', '1']
    options += ['-vf', 'showinfo=checksum=0', '-fps_mode', 'passthrough', '-f', 'null', '-']
    told = subprocess.run(ffmpeg.command(*options), capture_output=True, start_new_session=True)
    words = told.stderr.decode(errors='replace')
    shown = re.search(r'\[Parsed_showinfo.*\] n: *0 .* fmt:(\w+) .*sar:(\d+/\d+) s:(\d+)x(\d+) i:(.) ', words)
    config = re.search(r'config in time_base: (\d+/\d+), frame_rate: (\d+)/(\d+)', words)
    if not shown or not config:
        errors = [line for line in words.splitlines() if re.search('(?<!E)rror|nvalid|matches no|not f', line)]
        why = ffmpeg.last_words('\n'.join(errors)).replace(f'{_FILE}{path}: ', '') or 'no frame can be decoded'
        raise InputError(f"film '{path}' cannot be read ({why}); {_REMEDY}")
    kind, aspect, width, height, first_field = shown.groups()
    said = {tag: re.search(rf'\[Parsed_showinfo.*{name}:([\w-]+)', words) for tag, name in _TAGS.items()}
    tags = {tag: found[1] for tag, found in said.items() if found and found[1] not in ('unknown', 'unspecified')}
    was_rgb = tags.get('colorspace') == 'gbr' or bool(re.match('rgb|bgr|gbr|argb|abgr|pal8|0rgb|0bgr|x2', kind))
    full = tags.get('range') == 'pc' or kind.startswith('yuvj')
    if was_rgb:
        tags, full = {'range': 'tv', **dict.fromkeys(('colorspace', 'color_primaries', 'color_trc'), 'bt709')}, False
    matrix = _MATRICES.get(tags.get('colorspace'), 'bt709' if int(height) >= _HD else 'bt601')
    interlaced = first_field in 'TB'
    length = re.search(r'Duration: (\d+):(\d\d):(\d\d\.\d+)', words)
    seconds = float(np.dot([3600, 60, 1], list(map(float, length.groups())))) if length else 0.0
    rate = re.search(r'Stream #.*: Video: .* ([\d.]+)(k?) fps', words)
    return Footage(
        path,
        int(width),
        int(height),
        fractions.Fraction(config[1]),
        float(rate[1]) * (1000 if rate[2] else 1) if rate else int(config[2]) / max(int(config[3]), 1),
        seconds,
        fractions.Fraction(aspect) or fractions.Fraction(1),
        Colors(matrix, full),
        tags,
        was_rgb,
        interlaced,
        bool(re.search(r'Stream #0:\d+.*: Audio: ', words)),
        tuple(_notes(path.name, kind, words, was_rgb, interlaced, int(width), int(height))),
    )


def _notes(name: str, kind: str, words: str, was_rgb: bool, interlaced: bool, width: int, height: int) -> Iterator[str]:
    """What becomes another, a line each."""
    turned = re.search(r'rotation of (-?[\d.]+) degrees', words)
    if turned and float(turned[1]):
        yield f"film '{name}' is marked as turned by {-float(turned[1]):g} degrees; it is written upright instead"
    bits = re.search(r'(9|10|12|14|16)(le|be)$', kind) or re.match('p0(10|12|16)', kind)
    if bits:
        yield f"film '{name}' has {bits[1]} bits per color; it is written with 8, which every player shows"
    if was_rgb or re.match('yuvj?a?4(22|44|40|11|10)|gray', kind):
        yield f"film '{name}' has colors of the form {kind}; it is written as yuv420p, which every player shows"
    if interlaced:
        yield f"film '{name}' is interlaced; it is written with whole frames, as every player shows them"
    chapters = 'Data: (?!bin_data .text )' if re.search('Chapter #0:', words) else 'Data: '  # of MP4, which are kept
    for what, found in (
        ('subtitles', 'Subtitle: '),
        ('a cover picture', r'\(attached pic\)'),
        ('a data track', chapters),
        ('attachments', 'Attachment: '),
    ):
        if re.search(rf'Stream #0:.*{found}', words):
            yield f"film '{name}' has {what}, which the edited one has not"
    if width % 2 or height % 2:
        sizes = f'{width}x{height} becomes {width + width % 2}x{height + height % 2}'
        yield f"film '{name}' has an odd size, H.264 an even one: {sizes}, its border repeated"


def _listen(pipe: BinaryIO, times: queue.SimpleQueue, cut_off: threading.Event) -> None:
    """Hands on time and duration of each frame that showinfo tells of, and None at the end; notes a file cut off."""
    time = duration = 0
    with contextlib.suppress(ValueError, OSError):  # the pipe is closed once somebody has seen enough
        for line in pipe:
            found = re.search(rb'^\[Parsed_showinfo.*?\] n: *\d+ pts: *(\S+)', line)
            if found:
                # A frame without a time follows the one before.
                time = int(found[1]) if re.fullmatch(rb'-?\d+', found[1]) else time + duration
                lasts = re.search(rb' duration: *(\d+) ', line)
                duration = int(lasts[1]) if lasts else 0
                times.put((time, duration))
            elif re.search(_CUT_OFF, line):
                cut_off.set()
    times.put(None)
