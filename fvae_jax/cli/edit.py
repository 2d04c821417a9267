"""`fvae edit`: what is asked, where each edit goes, whether it can be written, and the work."""

import argparse
import collections
import contextlib
import contextvars
import functools
import os
import pathlib
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent import futures
from typing import Any, NamedTuple

from fvae_jax import bundle as bundle_lib, runtime
from fvae_jax.cli import arguments, batch, film
from fvae_jax.errors import InputError, meant
from fvae_jax.photo import footage, output, write

_EXAMPLES = """examples:
  fvae edit me.jpg --smile 1 --out smiling.png
  fvae edit clip.mp4 --smile 1 --ramp 0:0,2s:1 --out happier.mp4
  fvae edit album --from smile --to neutral --out-dir calm"""

# Of the files in a folder that are edited.
_SUFFIXES = {'.jpg', '.jpeg', '.png', '.webp', '.tif', '.tiff', '.bmp', '.avif', '.heic', '.heif'}


class _Job(NamedTuple):
    photo: pathlib.Path | str  # or `arguments.STANDARD`, both
    target: pathlib.Path | str
    is_film: bool
    pictures: Mapping[str, pathlib.Path]  # beside the target, by kind


def run(argv: Sequence[str]) -> int:
    """Runs `fvae edit FILE … --EXPRESSION X (--out PATH | --out-dir DIR)`; 1 if some of several files failed."""
    bundle = arguments.open_model(argv)
    parser = _parser(sorted(bundle.statistics.counts))
    args = parser.parse(argv)
    args.photos = [photo for path in args.photos for photo in _photos(path)]
    strengths = _strengths(args, parser)
    film.check_options(args, sum(map(_is_film, args.photos)))
    jobs = _jobs(args, _kinds(args, bundle))
    if args.skip_existing and not (jobs := _unfinished(jobs, args)):
        return 0
    job = jobs[0] if len(args.photos) == 1 else None
    if job is not None:
        _check(job, args)
    with _reading(job, args) as found:
        editor = arguments.open_editor(bundle, args)
        if found is not None:
            editor.make_ready()
        asked = {'face': args.face, 'strength': args.strength, 'pixels_only': args.pixels_only, 'anchor': args.anchor}
        if args.source is not None:
            asked['source'] = args.source
        if args.like:
            asked['like'] = editor.example(*(arguments.open_photo(editor, path) for path in args.like))
        if args.teeth is not None:
            asked['teeth'] = arguments.open_photo(editor, args.teeth)
        if job is not None:
            progress = arguments.progress((args.steps or 0) + 1)
            _edit(editor, job, strengths, asked, args, progress, found)
            return 0

    def work(job: _Job) -> None:
        _check(job, args)
        _edit(editor, job, strengths, asked, args)

    tasks = [batch.Task(functools.partial(work, job), alone=job.is_film) for job in jobs]
    failures = batch.carry_out(tasks, batch.threads_for(args.jobs, len(jobs)))
    if failures:
        what = 'files' if any(job.is_film for job in jobs) else 'photos'
        print(f'{failures} of {len(jobs)} {what} left out', file=sys.stderr)
    return int(failures > 0)


def _parser(expressions: Sequence[str]) -> arguments.Parser:
    usage = 'FILE [FILE ...] --EXPRESSION X (--out PATH | --out-dir DIR)'
    words = 'Changes the expression of a face in photos and films, at their own resolution.'
    parser = arguments.Parser('fvae edit', usage, words, _EXAMPLES, expressions)
    path = {'type': pathlib.Path}
    words = (
        'JPEG, PNG, WebP, HEIC, AVIF, TIFF or BMP, or a folder of them; - is standard input; '
        'films: MP4, MOV, WebM, MKV, GIF'
    )
    parser.add_argument('photos', nargs='+', metavar='FILE', help=words, type=arguments.file)
    group = parser.add_expressions()
    add = group.add_argument
    add('--from', dest='source', metavar='NAME', help='the expression to come from (neutral)')
    add('--to', metavar='NAME', help='the same as --NAME 1')
    words = 'the expression of another photo; a second one shows the same person neutral'
    add('--like', nargs='+', metavar='PHOTO', help=words, **path)
    add('--teeth', metavar='PHOTO', help='take the teeth from another photo of the same person that shows them', **path)
    add('--strength', type=arguments.finite, default=1.0, metavar='X', help='a factor for all of these (1)')
    words = "move the photo's own pixels and add nothing, also where the model could"
    add('--pixels-only', action='store_true', help=words)
    parser.add_shared('--no-anchor', group=group)
    words = 'which face, from the widest, 1, on, as `fvae info PHOTO` numbers them (1)'
    add('--face', type=arguments.face, metavar='N|all', help=words)
    group = parser.add_argument_group('what to write')
    place = group.add_mutually_exclusive_group(required=True)
    words = '.png, .jpg, .webp, .avif, .tif; films .mp4, .mov, .mkv; - standard output'
    place.add_argument('--out', metavar='PATH', help=words, type=arguments.file)
    place.add_argument('--out-dir', metavar='DIR', help='a folder, for many photos', **path)
    add = group.add_argument
    words = 'steps to full strength: film (.mp4, .gif, .webp), folder, or filmstrip (.png)'
    add('--steps', type=arguments.count, metavar='K', help=words)
    add('--fps', type=arguments.positive, default=8.0, metavar='X', help='steps per second of a film (8)')
    add('--show-flow', action='store_true', help='also write NAME_flow.png: where pixels are read from')
    words = 'also write NAME_mask.png, its certainty, and NAME_content.png, what is new'
    add('--show-mask', action='store_true', help=words)
    parser.add_shared('--no-metadata', group=group)
    film.add_options(parser)
    parser.add_shared('--model', '--overwrite')
    add = parser.add_argument
    words = 'leave out files whose output is there: a batch that was stopped goes on'
    add('--skip-existing', action='store_true', help=words)
    add('--jobs', type=arguments.count, metavar='N', help='photos at a time (the cores for five and more)')
    parser.add_shared('--max-megapixels')
    return parser


def _photos(path: pathlib.Path) -> list[pathlib.Path]:
    """The photo, or those of a folder, by name."""
    if not os.path.isdir(path):
        return [path]
    names = (child for child in sorted(path.iterdir()) if not child.name.startswith('.'))
    found = [child for child in names if child.suffix.lower() in _SUFFIXES and child.is_file()]
    if not found:
        raise InputError(f"folder '{path}' holds no photos ({', '.join(sorted(_SUFFIXES))})")
    return found


def _strengths(args: argparse.Namespace, parser: arguments.Parser) -> dict[str, float]:
    """The strengths by expression, --to among them."""
    known = parser.expressions
    for name in (args.source, args.to):
        if name is not None and name not in known:
            raise InputError(f'unknown expression {name!r}{meant(name, known)}; this model has {", ".join(known)}')
    strengths = parser.strengths(args)
    if args.to is not None:
        strengths.setdefault(args.to, 1.0)
    if not strengths and not args.like:
        raise InputError(f'nothing to show; give one of {parser.expression_options()} with a strength, --to or --like')
    if args.like and len(args.like) > 2:
        raise InputError(f'--like takes one or two photos and got {len(args.like)}; name the photos to edit before it')
    return strengths


def _kinds(args: argparse.Namespace, bundle: bundle_lib.Bundle) -> list[str]:
    """The pictures to write beside an edit."""
    content = bundle.config.model.content
    if args.show_mask and bundle.mask is None and not content:
        raise InputError('--show-mask: this model has no confidence mask; train it with --mode=mask')
    wanted = {
        'flow': args.show_flow,
        'mask': args.show_mask and bundle.mask is not None,
        'content': args.show_mask and content and not args.pixels_only,
    }
    return [kind for kind, is_wanted in wanted.items() if is_wanted]


def _jobs(args: argparse.Namespace, kinds: Sequence[str]) -> list[_Job]:
    """What to make of each photo; makes the folder if need be.

    In a folder an output is called like its photo or film; it is a PNG where the photo's format cannot be written, and
    a folder where steps are asked for. Where several photos would have one name, those of another format than its own
    have that in theirs, and so have the pictures beside them.

    Raises:
      InputError: The folder cannot be written, two photos have one name, or standard input or output does not do.
    """

    def ending(photo: pathlib.Path) -> str:
        if args.steps is not None:
            return ''
        return photo.suffix if photo.suffix.lower() in write.ENCODERS else '.png'

    photos, folder = args.photos, args.out_dir
    films = list(map(_is_film, photos))
    if folder is not None:
        if arguments.STANDARD in photos:
            raise InputError('a photo from standard input has no file name for a folder; write it with --out')
        names = collections.Counter(photo.stem + ending(photo) for photo, is_film in zip(photos, films) if not is_film)

        def name(photo: pathlib.Path, is_film: bool) -> str:
            if is_film:
                return film.name(photo)
            is_new = names[photo.stem + ending(photo)] > 1 and photo.suffix != ending(photo)
            return f'{photo.stem}{f"_{photo.suffix[1:]}" if is_new else ""}{ending(photo)}'

        targets = [folder / name(photo, is_film) for photo, is_film in zip(photos, films)]
    elif len(photos) > 1:
        raise InputError(f'--out names one file and {len(photos)} are given; use --out-dir DIR')
    else:
        targets = [args.out]
        if args.out == arguments.STANDARD:
            _check_standard_output(args, kinds)
    stems = collections.Counter(target.stem for target, is_film in zip(targets, films) if kinds and not is_film)

    def beside(target: pathlib.Path) -> dict[str, pathlib.Path]:
        stem = target.stem + (f'_{target.suffix[1:]}' if stems[target.stem] > 1 and target.suffix != '.png' else '')
        return {kind: target.with_name(f'{stem}_{kind}.png') for kind in kinds}

    pictures = [{} if is_film or not kinds else beside(target) for target, is_film in zip(targets, films)]
    _check_twice((photo, place) for n, photo in enumerate(photos) for place in (targets[n], *pictures[n].values()))
    if folder is not None:
        if not os.path.exists(folder):
            output.check_folder(folder.parent)
            folder.mkdir()
        output.check_folder(folder)
    return list(map(_Job, photos, targets, films, pictures))


def _unfinished(jobs: Sequence[_Job], args: argparse.Namespace) -> list[_Job]:
    """Those whose output is not there yet; how many are is told. Raises `InputError` with --overwrite."""
    if args.overwrite:
        raise InputError('--skip-existing keeps the files that --overwrite replaces; leave one of them out')

    def is_there(job: _Job) -> bool:
        if job.target == arguments.STANDARD or not os.path.exists(job.target):
            return False
        is_file = job.photo != arguments.STANDARD and os.path.exists(job.photo)
        return not (is_file and os.path.samefile(job.photo, job.target))  # the photo itself is refused

    left = [job for job in jobs if not is_there(job)]
    if len(left) < len(jobs):
        print(f'{len(jobs) - len(left)} of {len(jobs)} already there', file=sys.stderr)
    return left


def _is_film(photo: pathlib.Path | str) -> bool:
    return photo != arguments.STANDARD and footage.is_film(photo)


def _check_standard_output(args: argparse.Namespace, kinds: Sequence[str]) -> None:
    if args.steps is not None or kinds:
        raise InputError('--steps, --show-flow and --show-mask write files of their own; name one with --out')
    if sys.stdout is None or sys.stdout.isatty():
        raise InputError("standard output is a terminal, which shows no photos; redirect it, as '--out - > FILE'")


def _check_twice(places: Iterable[tuple[pathlib.Path | str, pathlib.Path | str]]) -> None:
    """Raises `InputError` where what is made of two photos would have one name."""
    taken = {}
    for photo, target in places:
        other = taken.setdefault(target, photo)
        if other is photo:
            continue
        if os.path.realpath(photo) == os.path.realpath(other):
            raise InputError(f"photo '{photo}' is given twice; give it once")
        raise InputError(
            f"'{other}' and '{photo}' would both be written to '{target}'; write those of each folder to a folder of "
            'their own'
        )


def _check(job: _Job, args: argparse.Namespace) -> None:
    """Raises `InputError` before the work if something that is asked for cannot be written."""
    if job.is_film:
        if job.target != arguments.STANDARD and job.target.suffix.lower() in write.ENCODERS:
            raise InputError(
                f"'{job.photo}' is a film and '{job.target}' is none; name the output .mp4, .mov or .mkv, or edit a "
                'frame that is saved as a photo of its own'
            )
        return film.check(job.photo, job.target, args)
    if job.target == arguments.STANDARD:
        return
    if args.steps is None:
        if job.target.suffix.lower() in ('.mp4', '.gif'):
            animated = str(job.photo).lower().endswith(('.webp', '.png', '.avif'))
            raise InputError(
                f"'{job.target}' is a film and '{job.photo}' is a photo; --steps K makes a film of it"
                + '; if it is animated, save it as a GIF or MP4 first' * animated
            )
        output.check_output(job.target, write.ENCODERS, source=job.photo, overwrite=args.overwrite)
    else:
        from fvae_jax.editing import steps  # with JAX, which the check above does without

        steps.check_output(job.target, source=job.photo, overwrite=args.overwrite)
    for path in job.pictures.values():
        output.check_output(path, ('.png',), overwrite=args.overwrite or args.skip_existing)


@contextlib.contextmanager
def _reading(job: _Job | None, args: argparse.Namespace) -> Iterator[Callable[[], Any] | None]:
    """Reads a photo and finds its faces in a thread, while JAX is imported and programs are made ready.

    Gives what waits for that, and raises what was wrong with the photo; None where there is no photo, or not one alone.
    """
    if job is None or job.is_film:
        yield None
        return
    from fvae_jax.data import found

    runtime.keep_memory()  # before a thread takes memory of its own
    find = lambda: found.find(arguments.picture(job.photo), args.max_pixels)
    with futures.ThreadPoolExecutor(1) as thread, runtime.screen_of_its_own():
        yield thread.submit(contextvars.copy_context().run, find).result


def _edit(
    editor,
    job: _Job,
    strengths: Mapping[str, float],
    asked: Mapping[str, Any],
    args: argparse.Namespace,
    progress: Callable[[Iterable], Iterable] = iter,
    found: Callable[[], Any] | None = None,
) -> None:
    """Edits a photo and writes all that is asked for, or a film."""
    if job.is_film:
        return film.edit(editor, job.photo, job.target, strengths, asked, args)
    opened = editor.open(arguments.picture(job.photo)) if found is None else editor.opened(found())
    edited = opened.edit(strengths, **asked)
    arguments.warn(opened.doubts(args.face))
    draw = {'flow': edited.flow_picture, 'mask': edited.mask_picture, 'content': edited.content_picture}
    pictures = {path: draw[kind]() for kind, path in job.pictures.items()}
    for path, picture in pictures.items():  # before the photo, whose place says that all is done
        write.write_png(path, picture)
    if job.target == arguments.STANDARD:
        _write_standard_output(edited.encode(write.suffix_of(opened.photo), args.metadata))
    elif args.steps is None:
        edited.save(job.target, args.overwrite, args.metadata)
    else:
        steps = opened.sequence(args.steps, strengths, **asked)
        steps.save(job.target, args.fps, args.overwrite, args.metadata, progress)


def _write_standard_output(content: bytes) -> None:
    try:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # where the interpreter flushes it again
        raise InputError(f'standard output cannot be written ({error.strerror}); send it to a file') from error
