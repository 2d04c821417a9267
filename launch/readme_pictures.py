"""Makes the pictures of the README again: python launch/readme_pictures.py RUN QUICKSTART_RUN

RUN/model.safetensors edits NASA's public-domain portrait of Eileen Collins (scikit-image's `astronaut`);
QUICKSTART_RUN/samples/test.png is the quick start's grid of drawn people.
"""

import pathlib
import shutil
import sys
import tempfile

import fvae_jax
from fvae_jax.editing import morph
from fvae_jax.ops import image as image_ops
import skimage.data

DOCS = pathlib.Path(__file__).parents[1] / 'docs'
STRENGTHS = (-1.0, 0.0, 0.5, 1.0, 1.5)
SIDE = 300  # px; the face in the portrait is 133 px wide


def main() -> None:
    """Writes docs/astronaut.png and docs/quickstart.png."""
    run, quickstart = map(pathlib.Path, sys.argv[1:])
    editor = fvae_jax.load(run / 'model.safetensors')
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / 'astronaut.png'
        image_ops.write_png(path, skimage.data.astronaut())
        photo = editor.open(path)
        crops = [morph.native_crop(photo.edit(smile=strength).photo.pixels, photo.matrix(1), editor.size, SIDE)[0]
                 for strength in STRENGTHS]
    labels = ['the photo' if s == 0 else f'smile {s:g}' for s in STRENGTHS]
    DOCS.mkdir(exist_ok=True)
    image_ops.write_png(DOCS / 'astronaut.png',
                        image_ops.image_grid([[image_ops.to_uint8(crop) for crop in crops]], labels, scale=1))
    shutil.copyfile(quickstart / 'samples' / 'test.png', DOCS / 'quickstart.png')


if __name__ == '__main__':
    main()
