"""`fvae edit`: what is asked, where each edit goes, whether it can be written, and the work."""

import argparse
import collections
import os
import pathlib
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fvae_jax import bundle as bundle_lib
from fvae_jax.cli import arguments
from fvae_jax.errors import InputError
from fvae_jax.photo import output, write

if TYPE_CHECKING:
    from fvae_jax.editing.editor import Editor

_EXAMPLES = """examples:
  fvae edit me.jpg --smile 1 --out smiling.png
  fvae edit me.jpg --smile 1 --surprise 0.2 --model RUN/model.safetensors --out smiling.png
  fvae edit album/*.jpg --from smile --to neutral --out-dir calm"""


def run(argv: Sequence[str]) -> int:
    """Runs `fvae edit PHOTO … --EXPRESSION X (--out PATH | --out-dir DIR)`; 1 if some of several photos failed."""
    bundle = arguments.open_model(argv)
    parser = _parser(arguments.expressions(bundle))
    args = parser.parse(argv)
    strengths = _strengths(args, parser)
    kinds = _kinds(args, bundle)
    targets = _targets(args)
    alone = len(args.photos) == 1
    if alone:
        _check(args.photos[0], targets[0], args, kinds)
    editor = arguments.open_editor(bundle, args)
    options = {'face': args.face, 'strength': args.strength, 'pixels_only': args.pixels_only, 'anchor': args.anchor}
    if args.source is not None:
        options['source'] = args.source
    if args.like:
        options['like'] = editor.example(*args.like)

    def edit(photo: pathlib.Path, target: pathlib.Path, progress: Callable[[Iterable], Iterable] = iter) -> None:
        _edit(editor, photo, target, strengths, options, args, kinds, progress)

    if alone:
        edit(args.photos[0], targets[0], arguments.progress((args.steps or 0) + 1))
        return 0

    from tqdm import tqdm

    failures = 0
    for photo, target in zip(tqdm(args.photos, unit='photo', disable=None), targets):
        try:
            _check(photo, target, args, kinds)
            edit(photo, target)
        except InputError as error:
            failures += 1
            tqdm.write(f'error: {error}', file=sys.stderr)
    if failures:
        print(f'{failures} of {len(args.photos)} photos left out', file=sys.stderr)
    return int(failures > 0)


def _parser(expressions: Sequence[str]) -> arguments.Parser:
    parser = arguments.Parser(
        'fvae edit',
        'PHOTO [PHOTO ...] --EXPRESSION X (--out PATH | --out-dir DIR)',
        'Changes the expression of a face, at the resolution of the photo.',
        _EXAMPLES,
        expressions,
    )
    path = {'type': pathlib.Path}
    parser.add_argument('photos', nargs='+', metavar='PHOTO', help='JPEG, PNG, WebP, TIFF, BMP or AVIF', **path)
    asked = parser.add_expressions()
    asked.add_argument('--from', dest='source', metavar='NAME', help='the expression to come from (neutral)')
    asked.add_argument('--to', metavar='NAME', help='the same as --NAME 1')
    asked.add_argument(
        '--like',
        nargs='+',
        metavar='PHOTO',
        help='the expression of another photo; a second one shows the same person neutral',
        **path,
    )
    asked.add_argument(
        '--strength', type=arguments.finite, default=1.0, metavar='X', help='a factor for all of these (1)'
    )
    asked.add_argument(
        '--pixels-only',
        action='store_true',
        help="move the photo's own pixels and add nothing, also where the model could",
    )
    parser.add_anchor(asked)
    asked.add_argument(
        '--face',
        type=arguments.face,
        metavar='N|all',
        help='which face, as `fvae info PHOTO` numbers them (the main one)',
    )
    written = parser.add_argument_group('what to write')
    place = written.add_mutually_exclusive_group(required=True)
    place.add_argument('--out', metavar='PATH', help='.png, .jpg, .webp or .tif', **path)
    place.add_argument('--out-dir', metavar='DIR', help='a folder, for many photos', **path)
    written.add_argument(
        '--steps',
        type=arguments.count,
        metavar='K',
        help='K steps from the photo to full strength: .mp4, .gif and .webp are '
        'films, a name without suffix is a folder, another suffix a '
        'filmstrip',
    )
    written.add_argument(
        '--fps', type=arguments.positive, default=8.0, metavar='X', help='steps per second of a film (8)'
    )
    written.add_argument(
        '--show-flow', action='store_true', help='also write NAME_flow.png: where pixels are read from'
    )
    written.add_argument(
        '--show-mask',
        action='store_true',
        help='also write NAME_mask.png: how sure the model is; and NAME_content.png: what it adds, if it can',
    )
    written.add_argument(
        '--no-metadata', dest='metadata', action='store_false', help='do not note program, model and edit in the file'
    )
    parser.add_model()
    parser.add_overwrite()
    parser.add_limit()
    return parser


def _strengths(args: argparse.Namespace, parser: arguments.Parser) -> dict[str, float]:
    """The strengths by expression, --to among them."""
    known = parser.expressions
    for name in (args.source, args.to):
        if name is not None and name not in known:
            raise InputError(f'unknown expression {name!r}; this model has {", ".join(known)}')
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


def _targets(args: argparse.Namespace) -> list[pathlib.Path]:
    """Where the edit of each photo goes; makes the folder if need be.

    In a folder an output is called like its photo; it is a PNG where the photo's format cannot be written, and a
    folder where steps are asked for.

    Raises:
      InputError: The folder cannot be written, or two photos have one name.
    """
    photos, folder = args.photos, args.out_dir
    if args.out is not None:
        if len(photos) > 1:
            raise InputError(f'--out names one file and there are {len(photos)} photos; use --out-dir DIR')
        return [args.out]

    def name(photo: pathlib.Path) -> str:
        if args.steps is not None:
            return photo.stem
        return photo.name if photo.suffix.lower() in write.ENCODERS else f'{photo.stem}.png'

    targets = [folder / name(photo) for photo in photos]
    twice, count = collections.Counter(targets).most_common(1)[0]
    if count > 1:
        raise InputError(
            f"{count} photos would be written to '{twice}'; write those of each folder to a folder of their own"
        )
    if not os.path.exists(folder):
        output.check_folder(folder.parent)
        folder.mkdir()
    output.check_folder(folder)
    return targets


def _beside(target: pathlib.Path, kind: str) -> pathlib.Path:
    return target.with_name(f'{target.stem}_{kind}.png')


def _check(photo: pathlib.Path, target: pathlib.Path, args: argparse.Namespace, kinds: Sequence[str]) -> None:
    """Raises `InputError` before the work if something that is asked for cannot be written."""
    if args.steps is None:
        output.check_output(target, write.ENCODERS, source=photo, overwrite=args.overwrite)
    else:
        from fvae_jax.editing import steps  # with JAX, which the check above does without

        steps.check_output(target, source=photo, overwrite=args.overwrite)
    for kind in kinds:
        output.check_output(_beside(target, kind), ('.png',), overwrite=args.overwrite)


def _edit(
    editor: 'Editor',
    photo: pathlib.Path,
    target: pathlib.Path,
    strengths: Mapping[str, float],
    options: Mapping[str, Any],
    args: argparse.Namespace,
    kinds: Sequence[str],
    progress: Callable[[Iterable], Iterable],
) -> None:
    """Edits a photo and writes all that is asked for."""
    opened = editor.open(photo)
    edited = opened.edit(strengths, **options)
    draw = {'flow': edited.flow_picture, 'mask': edited.mask_picture, 'content': edited.content_picture}
    pictures = {kind: draw[kind]() for kind in kinds}
    if args.steps is None:
        edited.save(target, args.overwrite, args.metadata)
    else:
        steps = opened.sequence(args.steps, strengths, **options)
        steps.save(target, args.fps, args.overwrite, args.metadata, progress)
    for kind, picture in pictures.items():
        write.write_png(_beside(target, kind), picture)
