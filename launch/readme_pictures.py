"""Makes the pictures of the README again: python launch/readme_pictures.py QUICKSTART_RUN

The model that ships edits NASA's public-domain portrait of Eileen Collins (scikit-image's `astronaut`);
QUICKSTART_RUN/samples/test.png is the quick start's grid of drawn people.
"""

import pathlib
import shutil
import sys
import tempfile

import numpy as np
import skimage.data

import fvae_jax
from fvae_jax.editing import morph
from fvae_jax.ops import grid, image as image_ops
from fvae_jax.photo import write

DOCS = pathlib.Path(__file__).parents[1] / 'docs'
ROWS = (
    [('smile', strength) for strength in (-1.0, 0.0, 0.5, 1.0, 1.5)],
    [('squint', 1.0), ('brow_raise', 1.0), ('sad', 1.0), ('disgust', 1.0), ('surprise', 1.0)],
)
SIDE = 300  # px; the face in the portrait is 133 px wide


def main() -> None:
    """Writes docs/astronaut.png and docs/quickstart.png."""
    [quickstart] = map(pathlib.Path, sys.argv[1:])
    editor = fvae_jax.load()
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / 'astronaut.png'
        write.write_png(path, skimage.data.astronaut())
        photo = editor.open(path)

    def crop(expression: str, strength: float) -> np.ndarray:
        # She smiles already: that goes before the mouth does something else.
        calm = {'neutral': 1.0} if expression == 'surprise' else {}
        edited = photo.edit(**{expression: strength}, **calm).photo.pixels
        return image_ops.to_uint8(morph.native_crop(edited, photo.matrix(1), editor.size, SIDE)[0])

    def label(expression: str, strength: float) -> str:
        return f'{expression} {strength:g}'.replace('_', ' ') if strength else 'the photo'

    grids = [grid.image_grid([[crop(*edit) for edit in row]], [label(*edit) for edit in row], scale=1) for row in ROWS]
    DOCS.mkdir(exist_ok=True)
    write.write_png(DOCS / 'astronaut.png', np.concatenate(grids))
    shutil.copyfile(quickstart / 'samples' / 'test.png', DOCS / 'quickstart.png')


if __name__ == '__main__':
    main()
