"""Where the face lies in a crop, in numbers worked out by hand."""

import numpy as np
import pytest

from fvae_jax import config as config_lib
from fvae_jax.ops.frame import FRAMES, TIGHT, WIDE, Frame, of


def test_eyes_lie_where_the_frame_says():
    np.testing.assert_allclose(TIGHT.eye_centers(128), [[41.74, 50.7], [85.26, 50.7]])
    np.testing.assert_allclose(WIDE.eye_centers(256), [[94.22, 94.22], [160.78, 94.22]])
    assert WIDE.eye_distance == pytest.approx(0.26) and TIGHT.eye_distance == pytest.approx(0.34)


def test_regions_follow_the_face():
    np.testing.assert_allclose(TIGHT.mouth, ((0.62, 0.85), (0.30, 0.70)), atol=2e-4)
    np.testing.assert_allclose(TIGHT.forehead, ((0.14, 0.28), (0.35, 0.65)), atol=2e-4)
    # The same face in the other frame: about the eyes, 26/34 as large.
    np.testing.assert_allclose(WIDE.mouth, ((0.538, 0.714), (0.347, 0.653)), atol=5e-4)
    np.testing.assert_allclose(Frame(0.4, 0.5).region(1, 2, 0.5), ((0.7, 0.9), (0.4, 0.6)))


def test_a_chin_is_inside_of_the_wide_frame_only():
    # 1.8 eye distances below the eyes: the chin of a screaming mouth.
    assert TIGHT.eye_y + 1.8 * TIGHT.eye_distance > 1 > WIDE.eye_y + 1.8 * WIDE.eye_distance + 0.1


def test_the_config_chooses():
    config = config_lib.default_config()
    assert of(config) is TIGHT and set(FRAMES) == {'tight', 'wide'}
    config.data.frame = 'wide'
    assert of(config) is WIDE
    # A model that was stored before there was a choice is tight.
    del config.data['frame']
    assert of(config_lib.from_json(config_lib.to_json(config))) is TIGHT
