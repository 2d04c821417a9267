"""The page's edges of lips: those of the package, to a fraction of a pixel."""

import base64
import pathlib

import cv2
import numpy as np
import pytest

pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')
pytest.importorskip('playwright.sync_api')

from editing import mouths

from fvae_jax.data import lips as lips_lib
from fvae_jax.editing import contour
from fvae_jax.ops.frame import WIDE

FACE = pathlib.Path(__file__).parents[2] / 'docs' / 'composite_face.jpg'
SIZE = 128  # px of what a network sees

LIPS = """async ({latent, opening, pixels, side, goals, taught}) => {
  const {lipsOf} = await import('/app/contour.js');
  const {maskOf} = await import('/app/opening.js');
  const {ask} = await import('/app/networks.js');
  const {read} = await import('/app/model.js');
  const bytes = Uint8Array.from(atob(pixels), (letter) => letter.charCodeAt(0));
  const crop = Float32Array.from(bytes, (value) => value / 127.5 - 1);
  const {size, goals: own, lips} = read(await ask('describe'));
  const found = lipsOf(latent, opening, crop, side, {size, goals: goals ?? own, lips: taught ? lips : null});
  return found && {...found, area: maskOf(found, side).reduce((sum, value) => sum + value, 0)};
}"""


def on_the_page(page, crop, opening, latent=(), frame=None, taught=True):
    """What the page finds, as `contour.of`, and the area of its mask; as its model has it but for what is given."""
    given = {
        'latent': np.ravel(latent).tolist(),
        'opening': opening.ravel().tolist(),
        'pixels': base64.b64encode(crop.tobytes()).decode(),
        'side': len(crop),
        'goals': None if frame is None else frame.eye_centers(SIZE).tolist(),
        'taught': taught,
    }
    return page.evaluate(LIPS, given)


def check(found, wanted, side, within):
    """Both lines are where they are wanted, to so many px, and so is what lies between them."""
    x = np.array(found['x'])
    assert x[0] == pytest.approx(wanted.x[0], abs=within)
    # They end a step or less before the corner: what is a little wider may have one more.
    assert abs(x[-1] - wanted.x[-1]) < x[1] - x[0] + within
    both = wanted.x < x[-1] + within
    for name in ('top', 'bottom'):
        line = np.interp(wanted.x[both], x, found[name])
        np.testing.assert_allclose(line, getattr(wanted, name)[both], atol=within, err_msg=name)
    assert found['area'] == pytest.approx(wanted.mask(side).sum(), rel=0.01)


@pytest.fixture(scope='module')
def laughing(editor):
    """A face with teeth: its crop, Z(S), and what the network sees of its opening."""
    face = editor.open(editor.open(FACE).edit(smile=1.3).photo.pixels).face(1)
    return face._fine_mouth, face._seen.latent, face._seen.mouth.opening


def test_by_regressions(page, editor, laughing):
    crop, latent, opening = laughing
    wanted = contour.of(editor.bundle.lips, latent, opening, crop, editor.frame)
    check(on_the_page(page, crop, opening, latent), wanted, len(crop), 0.1)
    # By what the network sees alone it is another mouth, on the page as well.
    seen = contour.of(None, latent, opening, crop, editor.frame)
    assert np.abs(np.interp(wanted.x, seen.x, seen.bottom) - wanted.bottom).max() > 0.5
    check(on_the_page(page, crop, opening, latent, taught=False), seen, len(crop), 0.02)


@pytest.mark.parametrize('side', [512, 300])
def test_without_regressions(page, side):
    crop, points = mouths.drawn(np.random.default_rng(2))
    points = points + [-4, 6]  # what the network sees is a little off
    opening = lips_lib.inside((points + 0.5) / 4 - 0.5, SIZE)
    crop = cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA)
    wanted = contour.of(None, None, opening, crop, WIDE)
    check(on_the_page(page, crop, opening, frame=WIDE, taught=False), wanted, side, 0.02)


def test_closed_lips_have_none(page):
    closed = np.zeros((SIZE, SIZE), np.float32)
    assert on_the_page(page, np.full((300, 300, 3), 128, np.uint8), closed, taught=False) is None


def test_bytes_are_blurred_as_opencv_does_it(page):
    pixels = np.random.default_rng(0).integers(0, 256, (40, 50, 3)).astype(np.uint8)
    for deviation in (0.3, 0.8, 1.3, 2.0):
        got = page.evaluate(
            """async ([values, deviation]) => {
                const {blurredBytes} = await import('/app/blur.js');
                return Array.from(blurredBytes(Uint8Array.from(values), 50, 40, 3, deviation));
            }""",
            [pixels.ravel().tolist(), deviation],
        )
        wanted = cv2.GaussianBlur(pixels, (0, 0), deviation)
        np.testing.assert_array_equal(np.reshape(got, pixels.shape), wanted)
