"""`fvae interpolate`: a film from one photo of a person to another."""

import pathlib
from collections.abc import Sequence

from fvae_jax.cli import arguments


def run(argv: Sequence[str]) -> None:
    """Runs `fvae interpolate A B --out PATH`."""
    parser = arguments.Parser(
        'fvae interpolate',
        'A B --out PATH',
        'A film from one photo of a person to another.',
        'example:\n  fvae interpolate calm.jpg laughing.jpg --out morph.mp4',
    )
    add, path = parser.add_argument, {'type': pathlib.Path}
    add('photos', nargs=2, metavar='A B', help='two photos of one person; A gives resolution and background', **path)
    add('--frames', type=arguments.count, default=30, metavar='N', help='frames, both ends included (30)')
    add('--fps', type=arguments.positive, default=15.0, metavar='X', help='frames per second of a film (15)')
    add('--crop', action='store_true', help='show the aligned face only, not the whole of photo A')
    words = """how the photos are mixed: logit (ends with the photos themselves), softmax, or paper, the printed formula
        (logit)"""
    add('--blend', default='logit', metavar='NAME', help=words)
    parser.add_shared('--no-anchor')
    words = '.mp4, .gif or .webp; a name without suffix is a folder of PNGs'
    add('--out', required=True, metavar='PATH', help=words, **path)
    parser.add_shared('--no-metadata', '--model', '--overwrite', '--max-megapixels')
    bundle = arguments.open_model(argv)
    args = parser.parse(argv)
    from fvae_jax.photo import film

    film.check_frames_output(args.out, overwrite=args.overwrite)
    editor = arguments.open_editor(bundle, args)
    morph = editor.interpolate(*args.photos, args.frames, args.blend, args.crop, args.anchor)
    arguments.warn(morph.doubts)
    morph.save(args.out, args.fps, args.overwrite, arguments.progress(args.frames), args.metadata)
