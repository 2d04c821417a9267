"""Maps of crops move as displacements say, and steps are level at both ends."""

import numpy as np

from fvae_jax.ops import maps


def test_a_step_is_level_at_both_ends_and_beyond():
    steps = maps.smooth_step(np.array([-5.0, 2.0, 2.001, 3.0, 3.999, 4.0, 9.0]), 2, 4)
    np.testing.assert_allclose(steps, [0, 0, 0, 0.5, 1, 1, 1], atol=1e-5)
    assert maps.smooth_step(0.25) < 0.25


def test_the_extent_of_what_shows_ends_with_the_map():
    shows = np.arange(10) == 7
    assert maps.extent(shows, 1) == slice(6, 9) and maps.extent(shows, 5) == slice(2, 10)
    assert maps.extent(shows & False, 5) == slice(0, 0)


def test_a_map_is_read_where_a_displacement_points_and_is_0_outside():
    values = np.arange(12, dtype=np.float32).reshape(3, 4)
    displacement = np.zeros((3, 4, 2), np.float32)
    np.testing.assert_array_equal(maps.moved(values, displacement), values)
    displacement[..., 0] = 1
    np.testing.assert_array_equal(maps.moved(values, displacement)[:, :3], values[:, 1:])
    assert not maps.moved(values, displacement)[:, 3].any()
