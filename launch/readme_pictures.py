"""Makes the pictures of the README again: python launch/readme_pictures.py QUICKSTART_RUN

The model that ships edits docs/composite_face.jpg, the average of many women's faces (DeBruine 2016, doi
10.6084/m9.figshare.4055130.v1, CC BY 4.0), and NASA's public-domain portrait of Eileen Collins (scikit-image's
`astronaut`); QUICKSTART_RUN/samples/test.png is the quick start's grid of drawn people.
"""

import pathlib
import sys

import numpy as np
import skimage.data
from PIL import Image

import fvae_jax
from fvae_jax.editing import morph
from fvae_jax.editing.still import EditablePhoto
from fvae_jax.ops import grid, image as image_ops
from fvae_jax.photo import output

DOCS = pathlib.Path(__file__).parents[1] / 'docs'
SMILES = [{'smile': strength} for strength in (0.0, 0.5, 1.0, 1.3)]
OTHERS = [{'smile_closed': 1.0}, {'surprise': 1.0}, {'scream': 0.8}, {'squint': 1.0}]
PORTRAIT = [{'smile': -1.0}, {'smile': 0.0}, {'brow_raise': 1.0}, {'sad': 1.0}]
SIDE = 250  # px


def save(picture: Image.Image, path: pathlib.Path) -> None:
    """Writes a JPEG small enough for a page."""
    with output.replacing(path) as temporary:
        picture.save(temporary, 'JPEG', quality=86, optimize=True, progressive=True)


def main() -> None:
    """Writes docs/composite_faces.jpg and docs/quickstart.jpg."""
    [quickstart] = map(pathlib.Path, sys.argv[1:])
    editor = fvae_jax.load()
    composite = editor.open(DOCS / 'composite_face.jpg')
    portrait = editor.open(skimage.data.astronaut())

    def crop(photo: EditablePhoto, strengths: dict[str, float]) -> np.ndarray:
        edited = photo.edit(strengths).photo.pixels
        return image_ops.to_uint8(morph.native_crop(edited, photo.matrix(1), editor.size, SIDE)[0])

    def label(strengths: dict[str, float]) -> str:
        [(expression, strength)] = strengths.items()
        return f'{expression} {strength:g}'.replace('_', ' ') if strength else 'the photo'

    rows = ((composite, SMILES), (composite, OTHERS), (portrait, PORTRAIT))
    grids = [
        grid.image_grid([[crop(photo, edit) for edit in edits]], [label(edit) for edit in edits], scale=1)
        for photo, edits in rows
    ]
    save(Image.fromarray(np.concatenate(grids)), DOCS / 'composite_faces.jpg')
    save(Image.open(quickstart / 'samples' / 'test.png').convert('RGB'), DOCS / 'quickstart.jpg')


if __name__ == '__main__':
    main()
