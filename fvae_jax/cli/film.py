"""The films of `fvae edit`: their options, whether they can be written, and the work."""

import argparse
import pathlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from fvae_jax.cli import arguments, batch
from fvae_jax.errors import InputError
from fvae_jax.photo import ffmpeg, footage, recode

if TYPE_CHECKING:
    from fvae_jax.editing.editor import Editor

_ONLY_PHOTOS = ('steps', 'show_flow', 'show_mask')
_ONLY_FILMS = ('start', 'end', 'ramp', 'crf')


def add_options(parser: arguments.Parser) -> None:
    """Adds --start, --end, --ramp and --crf."""
    add = parser.add_argument_group('films').add_argument
    add('--start', type=_time, metavar='T', help='begin here, 12.5 or 1:02:03')
    add('--end', type=_time, metavar='T', help='end here')
    words = 'a factor over the time from --start on: 0:0,2s:1 comes in within 2 seconds'
    add('--ramp', type=_ramp, metavar='T:X,...', help=words)
    words = f'how much H.264 may lose: 0 nothing, {ffmpeg.CRF} nothing visible, 51 most ({ffmpeg.CRF})'
    add('--crf', type=_crf, metavar='N', help=words)


def check_options(args: argparse.Namespace, films: int) -> None:
    """Raises `InputError` for options that are for films where there is none, or for photos where all are films."""
    for name in _ONLY_FILMS if not films else _ONLY_PHOTOS if films == len(args.photos) else ():
        if getattr(args, name) not in (None, False):
            what = 'photos' if films else 'films'
            raise InputError(f'--{name.replace("_", "-")} is for {what}, and none is given; leave it out')
    if args.start is not None and args.end is not None and not args.start < args.end:
        raise InputError(f'--start {args.start:g} and --end {args.end:g}: the part is empty; end later')


def name(film: pathlib.Path) -> str:
    """What a film is called in a folder of outputs: MP4 where its own format is not written."""
    return film.name if film.suffix.lower() in recode.SUFFIXES else f'{film.stem}.mp4'


def check(source: pathlib.Path, target: pathlib.Path, args: argparse.Namespace) -> None:
    """Raises `InputError` before the work if the film cannot be read or written."""
    opened = footage.open_footage(source)
    recode.check_output(target, opened, overwrite=args.overwrite)
    if args.start and opened.seconds and args.start >= opened.seconds:
        raise InputError(f"--start {args.start:g}: film '{source}' ends after {opened.seconds:g} s; begin earlier")


def edit(
    editor: 'Editor',
    source: pathlib.Path,
    target: pathlib.Path,
    strengths: Mapping[str, float],
    asked: Mapping[str, Any],
    args: argparse.Namespace,
) -> None:
    """Edits a film and writes it; what is converted on the way is told in a line each."""
    film = editor.open_film(source)
    for note in film.footage.notes:
        batch.tell(note)
    strength = asked['strength']
    if args.ramp is not None:
        asked = {**asked, 'strength': lambda seconds: strength * args.ramp(seconds)}
    start, end = args.start or 0.0, args.end
    edited = film.edit(strengths, **asked, start=start, end=end)
    seconds = min(end or np.inf, film.footage.seconds) - start
    total = max(round(seconds * film.footage.rate), 1) if film.footage.seconds else None
    crf = ffmpeg.CRF if args.crf is None else args.crf
    # A film has threads of its own, one for each part of the work; those of OpenCV would spin while they wait.
    with batch.opencv_threads(1):
        edited.save(target, crf, args.overwrite, args.metadata, arguments.progress(total))


def _time(text: str) -> float:
    """Seconds, of a number or H:MM:SS."""
    try:
        parts = [float(part) for part in text.removesuffix('s').split(':')]
    except ValueError:
        parts = []
    seconds = sum(part * 60**n for n, part in enumerate(reversed(parts)))
    if not 1 <= len(parts) <= 3 or not all(np.isfinite(parts)) or min(parts) < 0:
        raise argparse.ArgumentTypeError(f'{text!r} is not a time; give seconds, or H:MM:SS')
    return seconds


def _ramp(text: str) -> Callable[[float], float]:
    """Factors over time, linear between points and constant beyond them."""
    try:
        points = [tuple(map(float, point.replace('s:', ':').split(':'))) for point in text.split(',')]
        times, factors = zip(*points)
    except ValueError:
        times = factors = [np.nan]
    if not all(np.isfinite([*times, *factors])) or any(np.diff(times) <= 0):
        raise argparse.ArgumentTypeError(f'{text!r} is not a ramp; give seconds and factors in order, as 0:0,2s:1')
    return lambda seconds: float(np.interp(seconds, times, factors))


def _crf(text: str) -> int:
    value = -1 if not text.isdigit() else int(text)
    if not 0 <= value <= recode.WORST_CRF:
        raise argparse.ArgumentTypeError(f'{text!r} is not a whole number from 0 to {recode.WORST_CRF}')
    return value
