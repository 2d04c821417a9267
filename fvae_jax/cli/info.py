"""`fvae info`: what is in a model file and what is in a photo, as lines for people."""

import pathlib
from collections.abc import Sequence

import numpy as np

from fvae_jax import bundle as bundle_lib
from fvae_jax.cli import arguments
from fvae_jax.data import align
from fvae_jax.errors import InputError, printable
from fvae_jax.photo import footage, read
from fvae_jax.photo.photo import Photo

_EXAMPLES = """examples:
  fvae info
  fvae info RUN/model.safetensors
  fvae info family.jpg"""
_UNKNOWN = 'not stated'


def run(argv: Sequence[str]) -> None:
    """Runs `fvae info [MODEL|PHOTO]`."""
    words = 'What is in a model, or which faces are in a photo.'
    parser = arguments.Parser('fvae info', '[MODEL|PHOTO]', words, _EXAMPLES)
    words = 'a .safetensors file, or a photo, - on standard input (the built-in model)'
    parser.add_argument('path', nargs='?', type=arguments.file, metavar='MODEL|PHOTO', help=words)
    parser.add_shared('--max-megapixels')
    args = parser.parse(argv)
    path = args.path or bundle_lib.built_in()
    if path != arguments.STANDARD and path.suffix == '.safetensors':
        print(_describe_model(path, bundle_lib.load(path)))
    elif path != arguments.STANDARD and footage.is_film(path):
        raise InputError(
            f"'{path}' is a film, and fvae info describes photos and models; fvae edit numbers the faces of a film "
            'as it finds them, the widest of the first frame first'
        )
    else:
        photo = read.read_photo(arguments.picture(path), args.max_pixels)
        print(_describe_photo(photo, align.detect_faces(photo.eight_bit().pixels)))


def _describe_model(path: pathlib.Path, bundle: bundle_lib.Bundle) -> str:
    """Returns a line for each fact of a model file."""
    info, size = bundle.info, bundle.config.data.image_size
    counts = sorted(bundle.statistics.counts.items())
    edits = bundle.config.model.decoder == 'flow'
    layers, shown = bundle.config.model, bundle.exemplars
    use = 'photos of any size are edited through it' if edits else 'a VAE for the report; it edits no photos'
    source = 'built in, ' if path == bundle_lib.BUILT_IN else ''
    return _table(
        {
            'model': f'{source}{path}, {path.stat().st_size / 1e6:.1f} MB, version {bundle_lib.VERSION}',
            'experiment': f'{info.get("experiment", bundle.config.name)}, fvae_jax {info.get("fvae_jax", _UNKNOWN)}',
            'image size': f'{size}x{size} px ({use})',
            'expressions': ', '.join(f'{name} ({count} images)' for name, count in counts),
            'mask': 'yes' if bundle.mask is not None else 'no' + ' (interpolation and --show-mask need one)' * edits,
            'content': 'yes, adds what a photo does not have' if layers.content else 'no',
            'shading': 'yes, moved pixels become lighter or darker' if layers.shading else 'no',
            'teeth': f'of {len(shown.pixels)} people' if shown else 'painted' if layers.content else 'none',
            'folds of skin': f'from {len(bundle.folds.maps)} photos' if bundle.folds else 'none',
            # A run may begin with the weights of another, of whose steps the file knows nothing.
            'trained': f'{info.get("step", "?")} steps in its last run, on {info.get("training_people", "?")} people',
            'data': info.get('data') or _UNKNOWN,
            'licence': info.get('licence') or _UNKNOWN,
        }
    )


def _describe_photo(photo: Photo, faces: list[align.Detection]) -> str:
    """Returns a line for each fact of a photo and each of its faces, the widest first, numbered as `--face` wants."""
    width, height = photo.size
    kinds = [f'{8 * photo.pixels.itemsize} bit', 'gray' if photo.was_gray else 'color']
    carried = photo.carried
    extras = {'transparency': photo.alpha, 'profile': photo.icc_profile, 'EXIF': photo.exif}
    extras |= {'XMP': carried.xmp, 'IPTC': carried.iptc, 'C2PA manifest': carried.credentials or None}
    kinds += [name for name, value in extras.items() if value is not None]
    order = ', numbered from the widest, which is edited unless --face says otherwise' if len(faces) > 1 else ''
    lines = {
        'photo': 'standard input' if photo.source is None else str(photo.source),
        'size': f'{width}x{height} px, {", ".join(kinds)}',
        'faces': f'{len(faces)}{order}' if faces else 'none found',
    }
    for number, face in enumerate(faces, 1):
        left, right = align.eye_centers(face.landmarks)
        x0, y0, x1, y1 = (round(edge) for edge in face.box)
        small = f', under {align.SMALL} px wide: edits are coarse' if face.width < align.SMALL else ''
        lines[f'--face {number}'] = (
            f'x {x0} to {x1}, y {y0} to {y1}, eyes {np.hypot(*(right - left)):.0f} px apart, '
            f'score {face.score:.2f}{", the main face" if face is align.main_face(faces) else ""}{small}'
        )
    return _table(lines)


def _table(facts: dict[str, str]) -> str:
    # Some of it is from the files of strangers.
    return '\n'.join(f'{name:<12} {printable(str(value))}' for name, value in facts.items())
