"""The `fvae` command: photos in, photos out.

Arguments and outputs are checked before JAX is imported and a photo is read. The options of
`fvae edit` depend on the model, one for each of its expressions, so the model is opened first.
"""

import argparse
import importlib
import pathlib
import sys
from collections.abc import Sequence
from typing import Any

import fvae_jax
from fvae_jax import bundle as bundle_lib, runtime
from fvae_jax.editing import arguments
from fvae_jax.errors import InputError

EXIT_SOME_FAILED = 1

_HELP = """usage: fvae COMMAND ...

Changes facial expressions in photos by moving the photo's own pixels.

  fvae edit         one photo or many: more smile, less smile, any expression of the model
  fvae interpolate  a film from one photo of a person to another
  fvae info         what is in the model, or which faces are in a photo
  fvae report       a training run beside other methods: tables and figures
  fvae study        let people judge which faces are real
  fvae card         what a model card tells of a training run
  fvae figure7      flow against pixel upsampling on a photo (Figure 7 of the paper)
  fvae doctor       is a training run whole, and what would a restart do
  fvae export       the model for other programs, or as a web page
  fvae demo         that page, in your browser

fvae COMMAND --help tells more; fvae --version tells the version.

example:
  fvae edit me.jpg --smile 1 --out smiling.png"""

_EDIT_EXAMPLES = """examples:
  fvae edit me.jpg --smile 1 --out smiling.png
  fvae edit me.jpg --smile 1 --surprise 0.2 --model RUN/model.safetensors --out smiling.png
  fvae edit album/*.jpg --from smile --to neutral --out-dir calm"""
_INTERPOLATE_EXAMPLE = """example:
  fvae interpolate calm.jpg laughing.jpg --out morph.mp4"""
_INFO_EXAMPLES = """examples:
  fvae info
  fvae info RUN/model.safetensors
  fvae info family.jpg"""


def main(argv: Sequence[str]) -> int:
    """Runs a command.

    Args:
      argv: what follows `fvae`.

    Returns:
      The exit status: 0, or 1 if some of several photos failed or a run is damaged.

    Raises:
      InputError: the command cannot be carried out.
    """
    command, *rest = argv or ['']
    if command in ('-h', '--help'):
        print(_HELP)
    elif command == '--version':
        print(f'fvae_jax {fvae_jax.__version__}')
    elif command == 'edit':
        return _edit(rest)
    elif command == 'interpolate':
        _interpolate(rest)
    elif command == 'info':
        _info(rest)
    elif command in ('report', 'study', 'card', 'figure7'):
        return importlib.import_module(f'fvae_jax.cli_new.{command}').run(rest)
    elif command == 'doctor':
        return _doctor(rest)
    elif command == 'export':
        from fvae_jax.export import command as exporting

        exporting.export(rest)
    elif command == 'demo':
        from fvae_jax.export import demo

        demo.demo(rest)
    else:
        what = f'unknown command {command!r}' if command else 'no command'
        raise InputError(
            f'{what}; use fvae edit, interpolate, info, report, study, card, figure7, doctor, export or demo (see fvae --help)'
        )
    return 0


def _edit(argv: Sequence[str]) -> int:
    bundle = arguments.open_model(argv)
    parser = _edit_parser(arguments.expressions(bundle))
    args = parser.parse(argv)
    request = _request(args, parser)
    if args.show_mask and bundle.mask is None and not bundle.config.model.content:
        raise InputError('--show-mask: this model has no confidence mask; train it with --mode=mask')

    from fvae_jax.editing import batch

    mask = args.show_mask and bundle.mask is not None
    new = args.show_mask and bundle.config.model.content and not args.pixels_only
    outputs = batch.Outputs(args.steps, args.fps, args.show_flow, mask, new, args.overwrite, args.metadata)
    if args.out is not None and len(args.photos) > 1:
        raise InputError(f'--out names one file and there are {len(args.photos)} photos; use --out-dir DIR')
    targets = [args.out] if args.out else batch.targets(args.photos, args.out_dir, outputs)
    alone = len(args.photos) == 1
    if alone:
        batch.check(args.photos[0], targets[0], outputs)
    editor = _editor(bundle)
    editor.max_pixels = _max_pixels(args)
    if args.like:
        request['like'] = editor.example(*args.like)
    if alone:
        steps = _progress((args.steps or 0) + 1)
        batch.edit(editor, args.photos[0], targets[0], request, outputs, steps)
        return 0

    from tqdm import tqdm

    failures = 0
    for photo, target in zip(tqdm(args.photos, unit='photo', disable=None), targets):
        try:
            batch.check(photo, target, outputs)
            batch.edit(editor, photo, target, request, outputs)
        except InputError as error:
            failures += 1
            tqdm.write(f'error: {error}', file=sys.stderr)
    if failures:
        print(f'{failures} of {len(args.photos)} photos left out', file=sys.stderr)
    return EXIT_SOME_FAILED if failures else 0


def _interpolate(argv: Sequence[str]) -> None:
    parser = arguments.Parser(
        'fvae interpolate', 'A B --out PATH', 'A film from one photo of a person to another.', _INTERPOLATE_EXAMPLE
    )
    parser.add_argument(
        'photos',
        nargs=2,
        metavar='A B',
        type=pathlib.Path,
        help='two photos of one person; A gives resolution and background',
    )
    parser.add_argument(
        '--frames', type=arguments.count, default=30, metavar='N', help='frames, both ends included (30)'
    )
    parser.add_argument(
        '--fps', type=arguments.positive, default=15.0, metavar='X', help='frames per second of a film (15)'
    )
    parser.add_argument('--crop', action='store_true', help='show the aligned face only, not the whole of photo A')
    parser.add_argument(
        '--blend',
        default='logit',
        metavar='NAME',
        help='how the photos are mixed: logit (ends with the photos themselves), '
        'softmax, or paper, the printed formula (logit)',
    )
    parser.add_argument(
        '--out',
        type=pathlib.Path,
        required=True,
        metavar='PATH',
        help='.mp4, .gif or .webp; a name without suffix is a folder of PNGs',
    )
    _add_common(parser)
    bundle = arguments.open_model(argv)
    args = parser.parse(argv)
    from fvae_jax.photo import film

    film.check_frames_output(args.out, overwrite=args.overwrite)
    editor = _editor(bundle)
    editor.max_pixels = _max_pixels(args)
    morph = editor.interpolate(*args.photos, args.frames, blend=args.blend, crop=args.crop)
    morph.save(args.out, args.fps, overwrite=args.overwrite, progress=_progress(args.frames))


def _info(argv: Sequence[str]) -> None:
    parser = arguments.Parser(
        'fvae info', '[MODEL|PHOTO]', 'What is in a model, or which faces are in a photo.', _INFO_EXAMPLES
    )
    parser.add_argument(
        'path',
        nargs='?',
        type=pathlib.Path,
        metavar='MODEL|PHOTO',
        help='a .safetensors file, or a photo (the built-in model)',
    )
    _add_limit(parser)
    args = parser.parse(argv)
    path = args.path or bundle_lib.built_in()
    from fvae_jax.data import align
    from fvae_jax.editing import describe
    from fvae_jax.photo import io as photo_io

    if path.suffix == '.safetensors':
        print(describe.describe_model(path, bundle_lib.load(path)))
        return
    photo = photo_io.read_photo(path, _max_pixels(args))
    print(describe.describe_photo(photo, align.detect_faces(photo.eight_bit().pixels)))


def _doctor(argv: Sequence[str]) -> int:
    parser = arguments.Parser(
        'fvae doctor',
        'RUN',
        'What a run directory holds, whether its files are whole, and what a restart would do. Changes '
        'nothing; exit status 1 if something is damaged.',
        'example:\n  fvae doctor runs/mine',
    )
    parser.add_argument('run', type=pathlib.Path, metavar='RUN', help='the --workdir of a training')
    args = parser.parse(argv)
    from fvae_jax.training import doctor

    findings = doctor.examine(args.run)
    print(doctor.report(findings))
    return EXIT_SOME_FAILED if any(finding.damaged for finding in findings) else 0


def _edit_parser(expressions: Sequence[str]) -> arguments.Parser:
    parser = arguments.Parser(
        'fvae edit',
        'PHOTO [PHOTO ...] --EXPRESSION X (--out PATH | --out-dir DIR)',
        'Changes the expression of a face, at the resolution of the photo.',
        _EDIT_EXAMPLES,
        expressions,
    )
    parser.add_argument(
        'photos', nargs='+', metavar='PHOTO', type=pathlib.Path, help='JPEG, PNG, WebP, TIFF, BMP or AVIF'
    )
    asked = parser.add_expressions()
    asked.add_argument('--from', dest='source', metavar='NAME', help='the expression to come from (neutral)')
    asked.add_argument('--to', metavar='NAME', help='the same as --NAME 1')
    asked.add_argument(
        '--like',
        nargs='+',
        metavar='PHOTO',
        type=pathlib.Path,
        help='the expression of another photo; a second one shows the same person neutral',
    )
    asked.add_argument(
        '--strength', type=arguments.finite, default=1.0, metavar='X', help='a factor for all of these (1)'
    )
    asked.add_argument(
        '--pixels-only',
        action='store_true',
        help="move the photo's own pixels and add nothing, also where the model could",
    )
    asked.add_argument(
        '--face',
        type=arguments.face,
        metavar='N|all',
        help='which face, as `fvae info PHOTO` numbers them (the main one)',
    )
    written = parser.add_argument_group('what to write')
    place = written.add_mutually_exclusive_group(required=True)
    place.add_argument('--out', type=pathlib.Path, metavar='PATH', help='.png, .jpg, .webp or .tif')
    place.add_argument('--out-dir', type=pathlib.Path, metavar='DIR', help='a folder, for many photos')
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
    _add_common(parser)
    return parser


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--model',
        type=pathlib.Path,
        metavar='FILE',
        help='RUN/model.safetensors of a training run (the built-in model)',
    )
    parser.add_argument('--overwrite', action='store_true', help='allow to replace files')
    _add_limit(parser)


def _add_limit(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--max-megapixels',
        type=arguments.positive,
        default=200.0,
        metavar='X',
        help='refuse photos with more million pixels (200); each takes up to 16 MB of memory, or 32 MB '
        'where there are 16 bits per channel',
    )


def _max_pixels(args: argparse.Namespace) -> int:
    return round(1e6 * args.max_megapixels)


def _request(args: argparse.Namespace, parser: arguments.Parser) -> dict[str, Any]:
    """The arguments of `EditablePhoto.edit`, but for `like`."""
    known = parser.expressions
    for name in (args.source, args.to):
        if name is not None and name not in known:
            raise InputError(f'unknown expression {name!r}; this model has {", ".join(known)}')
    strengths = parser.strengths(args)
    if args.to is not None:
        strengths.setdefault(args.to, 1.0)
    if not strengths and not args.like:
        raise InputError(
            f'nothing to show; give one of {", ".join(map(arguments.option, known))} with a strength, --to or --like'
        )
    if args.like and len(args.like) > 2:
        raise InputError(f'--like takes one or two photos and got {len(args.like)}; name the photos to edit before it')
    source = {} if args.source is None else {'source': args.source}
    return {'face': args.face, 'strength': args.strength, 'pixels_only': args.pixels_only, **source, **strengths}


def _editor(bundle: bundle_lib.Bundle):
    runtime.prepare()
    from fvae_jax.editing import editor

    return editor.Editor(bundle)


def _progress(total: int):
    from tqdm import tqdm

    return lambda frames: tqdm(frames, total=total, unit='frame', leave=False, disable=None)


def run() -> None:
    """The entry point: errors of the user become one line and exit status 2."""
    runtime.exit_on_error(lambda: sys.exit(main(sys.argv[1:])))
