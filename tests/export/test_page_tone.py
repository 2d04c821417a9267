"""New content on the page takes the tone of a gray or sepia photo, as in the package."""

import pathlib

import numpy as np
import pytest

pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')
pytest.importorskip('playwright.sync_api')

from export.using import call, difference, eyes_of, saved, told
from PIL import Image

FACE = pathlib.Path(__file__).parents[2] / 'docs' / 'composite_face.jpg'
MOUTH = np.s_[185:270, 115:185]
PAPERS = {'gray': ((0, 0, 0), (255, 255, 255)), 'sepia': ((40, 22, 8), (255, 240, 205))}


def face():
    """At half its size, still larger than the network: mixing two photos takes the page long."""
    with Image.open(FACE) as picture:
        return picture.reduce(2)


def printed(path, dark, light):
    """The face in one color, as a JPEG."""
    share = np.asarray(face().convert('L'))[..., None] / 255
    picture = Image.fromarray(np.rint((1 - share) * dark + share * light).astype(np.uint8))
    (picture.convert('L') if dark == (0, 0, 0) else picture).save(path, quality=90)
    return path


def colors(pixels):
    return pixels - pixels.mean(axis=-1, keepdims=True)


@pytest.mark.parametrize('paper', PAPERS)
def test_a_photo_of_one_color_stays_so(paper, editor, page, tmp_path):
    path = printed(tmp_path / 'printed.jpg', *PAPERS[paper])
    opened = editor.open(path)
    page.set_input_files('#file', path)
    told(page, 'Face found')
    call(page, 'main.placeEyes(argument)', eyes_of(opened))
    call(page, 'main.setStrengths({surprise: 1})')
    got = np.array(saved(page).convert('RGB')).astype(float)
    edited = opened.edit(surprise=1.0)
    wanted = edited.to_array()
    wanted = (np.repeat(wanted[..., None], 3, axis=2) if wanted.ndim == 2 else wanted).astype(float)
    (layer,) = edited._layers
    assert (layer.alpha > 0.9).sum() > 125  # the mouth is open
    red = difference(colors(editor.open(face()).edit(surprise=1.0).photo.pixels), colors(wanted), MOUTH)
    assert difference(colors(got), colors(wanted), MOUTH) < 1 and red > 4
    assert difference(got, wanted, MOUTH) < 2
    if paper == 'gray':
        assert (got == got[..., :1]).all()
    page.click('#mode-blend')
    page.set_input_files('#file-second', path)
    told(page, 'from one photo to the other')
    between = np.array(saved(page).convert('RGB')).astype(float)
    assert difference(colors(between), colors(np.array(Image.open(path).convert('RGB')).astype(float)), MOUTH) < 1
