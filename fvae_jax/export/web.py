"""The model as a web page: the files of `page`, the ONNX graphs in model/, and pictures of its expressions."""

import json
import pathlib
import shutil

import numpy as np

import fvae_jax
from fvae_jax import bundle as bundle_lib
from fvae_jax.data import align, detect
from fvae_jax.editing import editor as editor_lib, latent
from fvae_jax.export import onnx
from fvae_jax.ops.frame import Frame
from fvae_jax.photo import write
from fvae_jax.photo.photo import Photo

PAGE = pathlib.Path(__file__).with_name('page')
MODEL = 'model'
# The detector of faces, which commands use as well, and its licence, go beside what others made.
DETECTOR = (detect.MODEL, detect.MODEL.with_name('LICENSE-yunet.txt'))
# docs/composite_face.jpg: many women's average, nobody's own face.
SAMPLE = PAGE / 'composite_face.jpg'
CREDIT = 'The average of many women (DeBruine 2016, CC BY 4.0)'
ATTRIBUTION = (
    'The face of the sample and of the little pictures, which this model edited: DeBruine, L. (2016), Young adult '
    'composite faces, doi 10.6084/m9.figshare.4055130.v1, CC BY 4.0.'
)

_PICTURES = 'expressions.jpg'
_SIDE = 96  # px of a picture
_CLOSE = Frame(0.28, 0.34)  # brows to chin


def build(bundle: bundle_lib.Bundle, folder: pathlib.Path, card: pathlib.Path | None = None) -> str:
    """Fills a folder that any file server can host; see `folder.TARGETS`."""
    shutil.copytree(PAGE, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns('*.py', '__pycache__'))
    for path in DETECTOR:
        shutil.copy(path, folder / 'vendor')
    (folder / MODEL).mkdir()
    measured = onnx.build(bundle, folder / MODEL, card)
    facts = {
        'program': f'fvae_jax {fvae_jax.__version__}',
        'sample': {'file': 'composite_face.jpg', 'credit': CREDIT, 'attribution': ATTRIBUTION},
        'pictures': {'file': _PICTURES, 'order': _draw_expressions(bundle, folder / _PICTURES)},
    }
    (folder / 'page.json').write_text(json.dumps(facts, indent=1) + '\n', encoding='utf-8')
    return measured


def _draw_expressions(bundle: bundle_lib.Bundle, path: pathlib.Path) -> list[str]:
    """Draws the face of the sample with each expression at strength 1, in a row; returns their names."""
    photo = editor_lib.Editor(bundle).open(SAMPLE)
    names = [latent.NEUTRAL, *(name for name in photo.model.expressions if name != latent.NEUTRAL)]
    (number,) = photo.numbers(None)
    matrix = align.crop_transform(photo.faces[number - 1].landmarks, _SIDE, _CLOSE)
    strengths = [{name: float(name != latent.NEUTRAL)} for name in names]  # the sample is neutral already
    edited = [photo.edit(strength, face=number).photo.pixels for strength in strengths]
    drawn = [align.align_crop(pixels, matrix, _SIDE) for pixels in edited]
    write.write_photo(path, Photo(np.concatenate(drawn, axis=1)))
    return names
