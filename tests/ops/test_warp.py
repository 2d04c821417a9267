"""The sampler against SciPy and finite differences; displacements that must be exact."""

import cv2
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.ndimage
from jax.sharding import NamedSharding, PartitionSpec

from fvae_jax.ops.warp import bilinear_sample, flow_to_displacement, identity_grid, upsample_flow, warp_by_displacement


def random_image(rng, *shape, dtype=np.float32):
    return rng.uniform(-1, 1, shape).astype(dtype)


def scipy_sample(source, x, y):
    """One (Hs, Ws, C) image at pixel positions (H, W), in float64."""
    planes = [
        scipy.ndimage.map_coordinates(source[..., c].astype(np.float64), [y, x], order=1, mode='nearest')
        for c in range(source.shape[-1])
    ]
    return np.stack(planes, axis=-1)


def in_pixels(flow, height, width):
    """The float32 pixel positions that a normalised flow means."""
    one, flow = np.float32(1), flow.astype(np.float32)
    return ((flow[..., 0] + one) * np.float32(0.5 * (width - 1)), (flow[..., 1] + one) * np.float32(0.5 * (height - 1)))


def as_flow(displacement):
    """The normalised flow that pixels of displacement mean; 0 along an axis of a single pixel."""
    *_, height, width, _ = displacement.shape
    scales = [2 / (size - 1) if size > 1 else 0.0 for size in (width, height)]
    return np.asarray(identity_grid(height, width)) + displacement * np.float32(scales)


@pytest.mark.parametrize(
    'source_size, flow_size',
    [((7, 7), (7, 7)), ((13, 9), (5, 17)), ((64, 64), (64, 64)), ((2, 3), (40, 40)), ((128, 101), (33, 20))],
)
@pytest.mark.parametrize('batch, channels', [((), 3), ((3,), 1), ((2, 2), 5)])
def test_equals_scipy_inside_and_across_the_border(source_size, flow_size, batch, channels):
    rng = np.random.default_rng(0)
    source = random_image(rng, *batch, *source_size, channels)
    flow = rng.uniform(-1.7, 1.7, (*batch, *flow_size, 2)).astype(np.float32)
    assert (abs(flow) > 1).any() and (abs(flow) < 1).any()
    result = np.asarray(bilinear_sample(source, flow))
    assert result.shape == (*batch, *flow_size, channels) and result.dtype == np.float32
    for index in np.ndindex(*batch):
        x, y = in_pixels(flow[index], *source_size)
        expected = scipy_sample(source[index], x, y)
        np.testing.assert_allclose(result[index], expected, rtol=0, atol=1e-5)


def test_identity_grid_is_where_pixels_are():
    np.testing.assert_array_equal(identity_grid(3, 5)[..., 0], np.tile([-1, -0.5, 0, 0.5, 1], (3, 1)))
    np.testing.assert_array_equal(identity_grid(3, 5)[..., 1], np.tile([[-1], [0], [1]], (1, 5)))
    np.testing.assert_array_equal(identity_grid(1, 1), np.zeros((1, 1, 2)))
    assert identity_grid(4, 4, jnp.bfloat16).dtype == jnp.bfloat16
    source = random_image(np.random.default_rng(1), 128, 128, 3)
    # The grid's rounding is worth up to 1e-5 px, and neighbours differ by up to 2.
    np.testing.assert_allclose(bilinear_sample(source, identity_grid(128, 128)), source, atol=4e-5)


def position_gradient(sample, source, field, cotangent):
    """The gradient of <cotangent, sample(source, field)> for the field."""
    return jax.jit(jax.grad(lambda f: jnp.sum(sample(source, f) * cotangent)))(field)


@pytest.mark.parametrize('source_size, flow_size', [((8, 8), (8, 8)), ((7, 11), (5, 4))])
def test_gradient_equals_finite_differences(source_size, flow_size):
    rng = np.random.default_rng(2)
    height, width = source_size
    source = random_image(rng, 2, height, width, 3)
    cotangent = random_image(rng, 2, *flow_size, 3)
    # Positions at least 0.05 px from an integer, some of them outside the image.
    shape = (2, *flow_size)
    x = rng.integers(-2, width + 1, shape) + rng.uniform(0.05, 0.95, shape)
    y = rng.integers(-2, height + 1, shape) + rng.uniform(0.05, 0.95, shape)
    flow = np.stack([2 * x / (width - 1) - 1, 2 * y / (height - 1) - 1], axis=-1)
    gradient = position_gradient(bilinear_sample, source, jnp.asarray(flow, jnp.float32), cotangent)

    step = 1e-3
    expected = np.empty(flow.shape)
    for axis, size in enumerate((width, height)):
        move = step * np.eye(2)[axis]
        ahead, behind = (
            np.stack([scipy_sample(source[n], x[n] + dx, y[n] + dy) for n in range(2)]) for dx, dy in (move, -move)
        )
        per_pixel = ((ahead - behind) / (2 * step) * cotangent).sum(-1)
        expected[..., axis] = per_pixel * 0.5 * (size - 1)
    np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-4)
    outside_x = (x < 0) | (x > width - 1)
    assert outside_x.any() and not np.asarray(gradient)[..., 0][outside_x].any()


def test_gradient_at_integers_edges_and_outside():
    # Along a row with distinct steps every one-sided slope can be told from the others.
    values = np.array([0, 1, 3, 7, 15], np.float32)
    positions = np.array([-3, -1e-6, 0, 1, 2, 3, 3.5, 4, 4 + 1e-6, 9])
    slopes = np.array([0, 0, 1, 2, 4, 8, 8, 8, 0, 0])
    for axis in (0, 1):
        source = np.broadcast_to(values[:, None] if axis else values, (5, 5))[..., None]
        # 2 px per unit of flow over 5 pixels: positions stay exact, except beside the border.
        field = np.full((1, 10, 2), 2.0)
        field[..., axis] = positions
        exact = np.array(positions % 0.5 == 0)
        flow = jnp.asarray(field / 2 - 1, jnp.float32)[:, exact]
        gradient = position_gradient(bilinear_sample, source, flow, 1.0)
        np.testing.assert_array_equal(gradient[0, :, axis], 2 * slopes[exact])

        # Positions beside the border are exact as displacements of the first pixel.
        beside = np.array([-1e-6, 0, 4, np.nextafter(np.float32(4), np.float32(5))], np.float32)
        displacement = np.zeros((4, 5, 5, 2), np.float32)
        displacement[:, 0, 0, axis] = beside
        sources = np.stack([source] * 4)
        gradient = position_gradient(warp_by_displacement, sources, displacement, 1.0)
        np.testing.assert_array_equal(gradient[:, 0, 0, axis], [0, 1, 8, 0])


def test_nan_gives_nan_there_and_nowhere_else_and_infinity_clamps():
    source = random_image(np.random.default_rng(3), 6, 5, 3)
    flow = np.array(identity_grid(6, 5))
    clean = np.asarray(bilinear_sample(source, flow))
    flow[1, 2, 0] = np.nan
    flow[4, 0, 1] = np.nan
    flow[0, 0] = [np.inf, -np.inf]
    result = np.asarray(bilinear_sample(source, flow))
    bad = np.isnan(flow).any(-1)
    assert np.isnan(result[bad]).all() and np.isfinite(result[~bad]).all()
    np.testing.assert_array_equal(result[0, 0], source[0, -1])
    bad[0, 0] = True
    np.testing.assert_array_equal(result[~bad], clean[~bad])


@pytest.mark.parametrize('size', [(1, 1), (1, 6), (6, 1)])
def test_source_one_pixel_wide(size):
    rng = np.random.default_rng(4)
    source = random_image(rng, *size, 3)
    flow = rng.uniform(-1.5, 1.5, (4, 4, 2)).astype(np.float32)
    x, y = in_pixels(flow, *size)
    np.testing.assert_allclose(bilinear_sample(source, flow), scipy_sample(source, x, y), atol=1e-5)
    gradient = np.asarray(position_gradient(bilinear_sample, source, flow, 1.0))
    for axis, length in enumerate(size[::-1]):
        assert gradient[..., axis].any() == (length > 1)
    displacement = rng.uniform(-2, 2, (*size, 2)).astype(np.float32)
    np.testing.assert_allclose(
        bilinear_sample(source, as_flow(displacement)), warp_by_displacement(source, displacement), atol=1e-5
    )


def test_the_source_is_a_constant_for_differentiation():
    rng = np.random.default_rng(5)
    source = random_image(rng, 2, 9, 7, 3)
    flow = rng.uniform(-1.3, 1.3, (2, 6, 8, 2)).astype(np.float32)
    gradients = jax.jit(jax.grad(lambda image, field: jnp.sum(bilinear_sample(image, field)), argnums=(0, 1)))
    by_source, by_flow = gradients(source, flow)
    assert by_flow.any() and not by_source.any()
    assert 'scatter' not in str(jax.make_jaxpr(gradients)(source, flow))


def test_neighbours_are_not_written_out():
    """XLA writes out what two loops use: shared by value and gradient, four neighbours take 12 numbers a pixel."""
    shape = 2, 64, 64

    def value_and_gradient(source, flow, cotangent):
        value, pull = jax.vjp(lambda field: bilinear_sample(source, field), flow)
        return value, pull(cotangent)

    arguments = [jax.ShapeDtypeStruct((*shape, channels), jnp.float32) for channels in (3, 2, 3)]
    memory = jax.jit(value_and_gradient).lower(*arguments).compile().memory_analysis()
    assert memory.temp_size_in_bytes < 4 * 4 * np.prod(shape)


def loss(source, flow, target):
    return jnp.mean(jnp.square(bilinear_sample(source, flow) - target), axis=(-3, -2, -1))


def test_every_way_to_run_it_agrees():
    rng = np.random.default_rng(6)
    source, target = random_image(rng, 8, 12, 10, 3), random_image(rng, 8, 12, 10, 3)
    flow = rng.uniform(-1.2, 1.2, (8, 12, 10, 2)).astype(np.float32)
    value_and_slope = jax.vmap(jax.value_and_grad(loss, argnums=1))
    single = jax.jit(jax.value_and_grad(loss, argnums=1))
    per_image = [single(*image) for image in zip(source, flow, target)]
    expected = jax.tree.map(lambda *leaves: np.stack(leaves), *per_image)

    mesh = jax.make_mesh((8,), ('data',), axis_types=(jax.sharding.AxisType.Auto,))
    split = PartitionSpec('data')
    sharded = NamedSharding(mesh, split)
    mapped = jax.shard_map(value_and_slope, mesh=mesh, in_specs=split, out_specs=split)
    ways = {
        'vmap': jax.jit(value_and_slope),
        'sharded jit': jax.jit(value_and_slope, in_shardings=sharded, out_shardings=sharded),
        'shard_map': jax.jit(mapped),
        'pmap': jax.pmap(jax.value_and_grad(loss, argnums=1)),
    }
    for way, function in ways.items():
        for got, wanted in zip(function(source, flow, target), expected):
            np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-7, err_msg=way)


def test_sharded_batch_stays_on_its_devices():
    mesh = jax.make_mesh((8,), ('data',), axis_types=(jax.sharding.AxisType.Auto,))
    sharded = NamedSharding(mesh, PartitionSpec('data'))

    def compiled(function):
        arguments = (jnp.zeros((8, 6, 6, 3)), jnp.zeros((8, 6, 6, 2)))
        jitted = jax.jit(function, in_shardings=sharded, out_shardings=sharded)
        return jitted.lower(*arguments).compile()

    gradient = jax.grad(lambda flow, source: jnp.sum(bilinear_sample(source, flow) ** 2))
    for function in (bilinear_sample, lambda source, flow: gradient(flow, source)):
        text = compiled(function).as_text()
        assert 'gather(' in text and 'all-gather' not in text and 'all-reduce' not in text
    # The control: one flat index over batch and pixels does make the compiler move the images.
    flat = compiled(
        lambda source, flow: source.reshape(-1, 3)[flow[..., 0].astype(jnp.int32) + 36 * jnp.arange(8)[:, None, None]]
    )
    assert 'all-gather' in flat.as_text()


def test_bfloat16_source_is_read_at_float32_positions():
    # 0, 1/256, 2/256, … are exact in bfloat16, positions near 250 of 300 are not.
    source = np.tile((np.arange(300) % 256 / 256).astype(np.float32)[None, :, None], (2, 1, 1))
    flow = np.zeros((1, 200, 2), np.float32)
    flow[..., 0] = np.linspace(0.5, 0.7, 200)
    result = bilinear_sample(jnp.asarray(source, jnp.bfloat16), flow)
    assert result.dtype == jnp.bfloat16
    expected = bilinear_sample(source, flow)
    np.testing.assert_array_equal(result, expected.astype(jnp.bfloat16))
    coarse = bilinear_sample(source, jnp.asarray(flow, jnp.bfloat16))
    assert np.abs(coarse - expected).max() > 1e-3
    # A coarse flow costs what its own rounding costs, and nothing more on the way to pixels.
    coarse_flow = jnp.asarray(flow, jnp.bfloat16)
    np.testing.assert_array_equal(coarse, bilinear_sample(source, coarse_flow.astype(jnp.float32)))

    noise = jnp.asarray(random_image(np.random.default_rng(11), 9, 9, 3), jnp.bfloat16)
    gradient = position_gradient(bilinear_sample, noise, flow, 1.0)
    assert gradient.dtype == jnp.float32
    expected = position_gradient(bilinear_sample, noise.astype(jnp.float32), flow, 1.0)
    np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-4)
    assert position_gradient(bilinear_sample, noise, coarse_flow, 1.0).dtype == jnp.bfloat16


def test_float64_runs_in_float64():
    rng = np.random.default_rng(7)
    source = random_image(rng, 21, 30, 3, dtype=np.float64)
    flow = rng.uniform(-1.4, 1.4, (10, 10, 2))
    x, y = (flow[..., 0] + 1) * 14.5, (flow[..., 1] + 1) * 10
    expected = scipy_sample(source, x, y)
    with jax.enable_x64(True):
        result = np.asarray(bilinear_sample(source, flow))
        for dtype in (np.float64, np.float32):
            gradient = position_gradient(bilinear_sample, source, flow.astype(dtype), 1.0)
            assert gradient.dtype == dtype
    assert result.dtype == np.float64
    np.testing.assert_allclose(result, expected, rtol=0, atol=1e-12)
    single = bilinear_sample(source.astype(np.float32), flow.astype(np.float32))
    assert np.abs(single - expected).max() > 1e-9


def test_whole_pixel_displacements_are_exact():
    rng = np.random.default_rng(8)
    source = random_image(rng, 2, 37, 128, 3)
    zero = np.zeros((2, 37, 128, 2), np.float32)
    np.testing.assert_array_equal(warp_by_displacement(source, zero), source)
    for dx, dy in ((3, 0), (0, -5), (-11, 7), (500, 0), (0, -500)):
        shifted = warp_by_displacement(source, zero + np.array([dx, dy], np.float32))
        rows, columns = np.clip(np.arange(37) + dy, 0, 36), np.clip(np.arange(128) + dx, 0, 127)
        np.testing.assert_array_equal(shifted, source[:, rows][:, :, columns])
    # The control: a normalised float32 grid does not return whole pixels.
    assert (np.asarray(bilinear_sample(source[0], identity_grid(37, 128))) != source[0]).any()


def test_a_flow_is_the_displacement_that_it_means():
    rng = np.random.default_rng(9)
    displacement = rng.uniform(-6, 6, (2, 19, 23, 2)).astype(np.float32)
    flow = as_flow(displacement)
    np.testing.assert_allclose(flow_to_displacement(flow), displacement, atol=1e-5)
    source = random_image(rng, 2, 19, 23, 3)
    np.testing.assert_allclose(bilinear_sample(source, flow), warp_by_displacement(source, displacement), atol=2e-5)
    assert not flow_to_displacement(identity_grid(19, 23)).any()


def test_upsampled_constants_are_exact():
    one = np.ones((128, 128, 2), np.float32)
    np.testing.assert_array_equal(upsample_flow(one, 512, 512), np.full((512, 512, 2), 4.0))
    np.testing.assert_array_equal(upsample_flow(0 * one, 701, 333), np.zeros((701, 333, 2)))
    odd = upsample_flow(0.3 * one, 701, 333)
    assert odd.shape == (701, 333, 2) and len(np.unique(odd[..., 0])) == 1
    np.testing.assert_allclose(odd[0, 0], [0.3 * 333 / 128, 0.3 * 701 / 128], rtol=1e-6)


@pytest.mark.parametrize(
    'small, large', [((8, 8), (32, 32)), ((9, 13), (50, 31)), ((1, 4), (6, 9)), ((20, 20), (7, 11))]
)
def test_upsampling_has_half_pixel_centers(small, large):
    rng = np.random.default_rng(10)
    field = rng.uniform(-3, 3, (2, *small, 2)).astype(np.float32)
    result = np.asarray(upsample_flow(field, *large))
    ratio = np.array([large[1] / small[1], large[0] / small[0]])
    x = np.clip((np.arange(large[1]) + 0.5) / ratio[0] - 0.5, 0, small[1] - 1)
    y = np.clip((np.arange(large[0]) + 0.5) / ratio[1] - 0.5, 0, small[0] - 1)
    for n in range(2):
        expected = scipy_sample(field[n], *np.meshgrid(x, y)) * ratio
        np.testing.assert_allclose(result[n], expected, rtol=1e-5, atol=1e-5)


def test_upsampled_field_moves_the_large_image_alike():
    # A smooth picture drawn at two sizes and moved by one smooth field stays the same picture.
    def picture(size):
        v, u = (np.mgrid[:size, :size] + 0.5) / size
        return np.stack([np.sin(7 * u + 3 * v), np.cos(5 * v)], axis=-1).astype(np.float32)

    v, u = (np.mgrid[:32, :32] + 0.5) / 32
    field = np.stack([1.5 * np.sin(3 * v) + 0.5, np.cos(2 * u)], axis=-1).astype(np.float32)
    small = np.asarray(warp_by_displacement(picture(32), field))

    def difference(large_field):
        large = np.asarray(warp_by_displacement(picture(128), large_field))
        reduced = cv2.resize(large, (32, 32), interpolation=cv2.INTER_AREA)
        return np.abs(reduced - small)[3:-3, 3:-3].max()

    large_field = upsample_flow(field, 128, 128)
    assert difference(large_field) < 0.01
    assert difference(large_field / 4) > 0.1
