"""Makes the pictures of the README again: python launch/readme_pictures.py QUICKSTART_RUN

The model that ships edits docs/composite_face.jpg, the average of many women's faces (DeBruine 2016, doi
10.6084/m9.figshare.4055130.v1, CC BY 4.0), and NASA's public-domain portrait of Eileen Collins (scikit-image's
`astronaut`); QUICKSTART_RUN/samples/test.png is the quick start's grid of drawn people.
"""

import pathlib
import shutil
import sys
import tempfile

import numpy as np
import skimage.data

import fvae_jax
from fvae_jax.editing import morph
from fvae_jax.editing.still import EditablePhoto
from fvae_jax.ops import grid, image as image_ops
from fvae_jax.photo import write

DOCS = pathlib.Path(__file__).parents[1] / 'docs'
SMILES = [{'smile': strength} for strength in (0.0, 0.5, 1.0, 1.3)]
OTHERS = [{'smile_closed': 1.0}, {'surprise': 1.0}, {'scream': 0.8}, {'squint': 1.0}]
PORTRAIT = [{'neutral': 1.0}, {'smile': 0.0}, {'brow_raise': 1.0}, {'sad': 1.0}]
SIDE = 250  # px


def main() -> None:
    """Writes docs/faces.png and docs/quickstart.png."""
    [quickstart] = map(pathlib.Path, sys.argv[1:])
    editor = fvae_jax.load()
    composite = editor.open(DOCS / 'composite_face.jpg')
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / 'astronaut.png'
        write.write_png(path, skimage.data.astronaut())
        portrait = editor.open(path)

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
    DOCS.mkdir(exist_ok=True)
    write.write_png(DOCS / 'faces.png', np.concatenate(grids))
    shutil.copyfile(quickstart / 'samples' / 'test.png', DOCS / 'quickstart.png')


if __name__ == '__main__':
    main()
