"""The page's eyes stay as those of the package where a smile goes."""

import numpy as np
import pytest

pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')
pytest.importorskip('playwright.sync_api')

from fvae_jax.editing import eyes, folds
from fvae_jax.ops.frame import WIDE

SIZE = 64
CALMED = """async ({displacement, goals, size, taken}) => {
  const {calmed} = await import('/app/eyes.js');
  return Array.from(calmed({displacement: Float32Array.from(displacement)}, {size, goals}, taken).displacement);
}"""
TAKEN = """async ({shown, strengths}) => {
  const {taken} = await import('/app/folds.js');
  return taken({maps: {smile: []}, shown: {smile: shown}}, strengths);
}"""


@pytest.mark.parametrize('taken', [0.0, 0.7])
def test_they_are_calmed_alike(page, taken):
    moves = np.random.default_rng(0).normal(size=(SIZE, SIZE, 2)).astype(np.float32)
    given = {
        'displacement': moves.ravel().tolist(),
        'goals': WIDE.eye_centers(SIZE).tolist(),
        'size': SIZE,
        'taken': taken,
    }
    found = np.reshape(page.evaluate(CALMED, given), moves.shape)
    np.testing.assert_allclose(found, eyes.calmed(moves, taken, WIDE), atol=1e-5)


@pytest.mark.parametrize(
    'shown, strengths, added', [(0.8, {'neutral': 1}, -0.6), (1.4, {'smile': -0.5}, -0.5), (0.5, {'smile': 1}, 1)]
)
def test_as_far_as_the_smile_goes(page, shown, strengths, added):
    wanted = folds.taken(folds.Placed({'smile': None}, {'smile': shown}), {'smile': added})
    assert page.evaluate(TAKEN, {'shown': shown, 'strengths': strengths}) == pytest.approx(wanted)
