"""What must hold of the pure functions for any input: hypothesis looks for one for which it does not."""

import itertools
import math

import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import strategies as st
from scipy import ndimage

from fvae_jax import bundle as bundle_lib, config as config_lib, errors, fields, losses
from fvae_jax.data import align, pairs, people
from fvae_jax.editing import latent, portrait
from fvae_jax.errors import InputError
from fvae_jax.ops import color, flow_color, image as image_ops, warp
from fvae_jax.photo.photo import Photo

# The same examples every time, and nothing kept between runs.
properties = hypothesis.settings(max_examples=40, deadline=None, derandomize=True, database=None)
# A few shapes only: each is compiled.
SHAPES = [(1, 1), (1, 7), (5, 1), (4, 6), (9, 9)]
seeds = st.integers(0, 2**32 - 1)


def random_image(seed, *shape):
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)


def scipy_sample(source, x, y):
    """Bilinear samples with repeated borders, by another library."""
    return np.stack(
        [
            ndimage.map_coordinates(source[..., c].astype(np.float64), [y, x], order=1, mode='nearest')
            for c in range(source.shape[-1])
        ],
        axis=-1,
    )


@properties
@hypothesis.given(seeds, st.sampled_from(SHAPES), st.floats(0.1, 3))
def test_the_sampler_is_that_of_scipy_and_stays_between_the_source_s_extremes(seed, shape, reach):
    height, width = shape
    source, flow = random_image(seed, *shape, 2), reach * random_image(seed + 1, *shape, 2)
    found = np.asarray(warp.bilinear_sample(source, flow))
    x, y = (
        (flow[..., 0].astype(np.float64) + 1) * (width - 1) / 2,
        (flow[..., 1].astype(np.float64) + 1) * (height - 1) / 2,
    )
    np.testing.assert_allclose(found, scipy_sample(source, x, y), atol=2e-5)
    assert found.min() >= source.min() - 1e-6 and found.max() <= source.max() + 1e-6


@properties
@hypothesis.given(seeds, st.sampled_from(SHAPES), st.integers(-12, 12), st.integers(-12, 12))
def test_whole_displacements_shift_exactly_and_none_changes_nothing(seed, shape, dx, dy):
    source = random_image(seed, *shape, 2)
    rows, columns = (np.clip(np.arange(size) + step, 0, size - 1) for size, step in zip(shape, (dy, dx)))
    displacement = np.broadcast_to(np.float32([dx, dy]), (*shape, 2))
    np.testing.assert_array_equal(warp.warp_by_displacement(source, displacement), source[np.ix_(rows, columns)])
    sizes = np.float32(shape[::-1])
    wanted = displacement * (sizes > 1)  # along an axis of a single pixel there is nowhere to go
    flow = np.asarray(warp.identity_grid(*shape)) + wanted * 2 / np.maximum(sizes - 1, 1)
    np.testing.assert_allclose(warp.flow_to_displacement(flow), wanted, atol=1e-5)


@properties
@hypothesis.given(seeds, st.sampled_from([(4, 6), (9, 9)]), st.sampled_from([np.nan, np.inf, -np.inf, 1e30, -3e38]))
def test_positions_that_are_none_spoil_their_own_pixel_only(seed, shape, value):
    source, flow = random_image(seed, *shape, 2), random_image(seed + 1, *shape, 2)
    row, column = (int(place) for place in np.random.default_rng(seed).integers(0, shape))
    spoiled = flow.copy()
    spoiled[row, column, seed % 2] = value
    clean, found = (np.array(warp.bilinear_sample(source, field)) for field in (flow, spoiled))
    assert np.isnan(found[row, column]).all() == bool(np.isnan(value))
    found[row, column] = clean[row, column]
    np.testing.assert_array_equal(found, clean)


@properties
@hypothesis.given(
    st.sampled_from([((4, 4), (9, 13)), ((3, 5), (3, 5)), ((8, 8), (4, 2))]),
    st.floats(-50, 50, width=32),
    st.floats(-50, 50, width=32),
)
def test_a_constant_flow_stays_constant_when_it_is_resized(sizes, x, y):
    (h, w), (height, width) = sizes
    resized = np.asarray(warp.upsample_flow(np.broadcast_to(np.float32([x, y]), (h, w, 2)), height, width))
    assert (resized == resized[0, 0]).all()
    np.testing.assert_allclose(resized[0, 0], [x * width / w, y * height / h], rtol=1e-6)


@properties
@hypothesis.given(seeds, st.integers(1, 6), st.integers(1, 6))
def test_colors_come_back_and_take_on_the_statistics_of_the_target(seed, height, width):
    source = random_image(seed, height, width, 3).astype(np.float64)
    np.testing.assert_allclose(np.stack(color.lab_to_rgb(color.rgb_to_lab(source)), -1), source, atol=1e-9)
    target = 0.2 * random_image(seed + 1, 5, 5, 3).astype(np.float64)
    moved = color.transfer_color(source, target)
    assert np.isfinite(moved).all() and np.abs(moved).max() <= 1
    if np.abs(moved).max() < 1:
        for ours, theirs in zip(color.rgb_to_lab(moved), color.rgb_to_lab(target)):
            assert ours.mean() == pytest.approx(theirs.mean(), abs=1e-6)
    np.testing.assert_allclose(color.transfer_color(target, target), target, atol=1e-9)


@properties
@hypothesis.given(st.binary(min_size=1, max_size=64), st.lists(st.floats(width=32), min_size=1, max_size=20))
def test_eight_bits_come_back_and_any_number_becomes_eight_bits(data, values):
    pixels = np.frombuffer(data, np.uint8)
    floats = image_ops.to_float(pixels)
    assert np.abs(floats).max() <= 1
    np.testing.assert_array_equal(image_ops.to_uint8(floats), pixels)
    finite = np.float32([value for value in values if not math.isnan(value)])
    order = np.sort(finite)
    assert (np.diff(image_ops.to_uint8(order).astype(int)) >= 0).all()


@properties
@hypothesis.given(seeds)
def test_measures_of_likeness_are_symmetric_and_best_for_equal_images(seed):
    a, b = random_image(seed, 12, 13, 3), random_image(seed + 1, 12, 13, 3)
    for measure, best in ((image_ops.psnr, np.inf), (image_ops.ssim, 1)):
        assert float(measure(a, a)) == pytest.approx(best, rel=1e-5)
        assert float(measure(a, b)) == pytest.approx(float(measure(b, a)), rel=1e-5)
        assert float(measure(a, b)) < best


@properties
@hypothesis.given(
    st.lists(st.tuples(st.floats(width=32), st.floats(width=32)), min_size=1, max_size=12), st.floats(0.01, 1e6)
)
def test_any_flow_has_a_color_and_its_opposite_another(vectors, maximum):
    field = np.float32(vectors)[None]
    drawn = flow_color.flow_to_color(field, maximum)
    finite = np.isfinite(field).all(-1)
    assert drawn.dtype == np.uint8 and (drawn[~finite] == 0).all()
    # White where nothing moves; a color of full brightness elsewhere.
    assert (drawn[finite].max(-1) == 255).all() and (drawn[(field == 0).all(-1)] == 255).all()
    long = finite & (np.hypot(*np.moveaxis(field.astype(np.float64), -1, 0)) >= maximum)
    assert (drawn[long] != flow_color.flow_to_color(-field, maximum)[long]).any(-1).all()


@properties
@hypothesis.given(seeds, st.floats(0, 1), st.sampled_from(['logit', 'softmax']), st.floats(0, 60))
def test_weights_of_a_frame_sum_to_one(seed, t, blend, scale):
    first, second = scale * random_image(seed, 3, 4), scale * random_image(seed + 1, 3, 4)
    w1, w2 = (np.asarray(w) for w in latent.blend_weights(jnp.asarray(first), jnp.asarray(second), t, blend))
    np.testing.assert_allclose(w1 + w2, 1, atol=1e-6)
    assert w1.min() >= 0 and w2.min() >= 0
    back, forth = latent.blend_weights(jnp.asarray(second), jnp.asarray(first), 1 - t, blend)
    np.testing.assert_allclose(forth, w1, atol=2e-5)
    np.testing.assert_allclose(back, w2, atol=2e-5)


@properties
@hypothesis.given(seeds, st.floats(-latent.STRONGEST, latent.STRONGEST), st.floats(0, 1))
def test_the_ends_of_a_path_are_exact_and_strengths_are_linear(seed, strength, t):
    first, second = random_image(seed, 4, 4, 3), random_image(seed + 1, 4, 4, 3)
    np.testing.assert_array_equal(latent.interpolate(first, second, 0), first)
    np.testing.assert_array_equal(latent.interpolate(first, second, 1), second)
    for end, weights in ((0, (1, 0)), (1, (0, 1))):
        for weight, expected in zip(latent.blend_weights(jnp.asarray(first), jnp.asarray(second), end), weights):
            assert (np.asarray(weight) == expected).all()
    stats = bundle_lib.LatentStatistics({'neutral': first, 'smile': second}, {}, {'neutral': 3, 'smile': 2})
    assert not latent.combine(stats, {'smile': 0.0}).any() and not latent.combine(stats, {'neutral': strength}).any()
    np.testing.assert_allclose(
        latent.combine(stats, {'smile': strength}), strength * (second - first), rtol=1e-4, atol=1e-4
    )
    assert not latent.neutralize(first, stats).any()
    relaxed = latent.neutralize(np.asarray(latent.interpolate(first, second, t)), stats)
    np.testing.assert_allclose(relaxed, latent.AT_REST * t * (first - second), atol=1e-4)


augmentations = st.builds(
    pairs.Augmentation,
    degrees=st.floats(-45, 45),
    scale=st.floats(0.5, 1.5),
    shift_x=st.floats(-0.5, 0.5),
    shift_y=st.floats(-0.5, 0.5),
    flip=st.booleans(),
    gains=st.tuples(*[st.floats(0.5, 1.5)] * 3),
)


@properties
@hypothesis.given(augmentations, st.integers(2, 300))
def test_an_augmentation_can_be_taken_back_and_keeps_shapes(augmentation, size):
    matrix = pairs.augmentation_matrix(augmentation, size)
    points = np.random.default_rng(size).uniform(0, size, (5, 2))
    back = align.transform_points(align.invert(matrix), align.transform_points(matrix, points))
    np.testing.assert_allclose(back, points, atol=1e-8 * size)
    # A similarity: all distances change by one factor, and orientation by a flip alone.
    assert np.linalg.det(matrix[:, :2]) == pytest.approx((-1 if augmentation.flip else 1) * augmentation.scale**2)
    moved = align.transform_points(matrix, points)
    np.testing.assert_allclose(
        np.linalg.norm(moved[1:] - moved[:-1], axis=1),
        augmentation.scale * np.linalg.norm(points[1:] - points[:-1], axis=1),
        rtol=1e-9,
    )


@properties
@hypothesis.given(augmentations, seeds)
@hypothesis.example(pairs.Augmentation(scale=0.5, shift_x=0.2652587890625007), 34554)
def test_both_pictures_of_a_pair_are_augmented_alike(augmentation, seed):
    image = np.random.default_rng(seed).integers(0, 256, (16, 16, 3), np.uint8)
    both = pairs.augment(np.concatenate([image[..., :1], image[..., :1]], axis=-1), augmentation)
    np.testing.assert_array_equal(both[..., 0], both[..., 1])
    # OpenCV rounds one channel otherwise than two.
    np.testing.assert_allclose(
        pairs.augment(image[..., :1], augmentation).squeeze().astype(int), both[..., 0], rtol=0, atol=1
    )
    flat = np.full((16, 16, 3), image[0, 0])
    np.testing.assert_array_equal(pairs.augment(flat, augmentation), flat)
    turned = pairs.Augmentation(flip=True)
    np.testing.assert_array_equal(pairs.augment(pairs.augment(image, turned), turned), image)
    lit = pairs.relight(image_ops.to_float(image), augmentation)
    assert lit.max() <= 1 and lit.min() >= -1


coherence_of = jax.jit(losses.coherence)


@properties
@hypothesis.given(seeds, st.floats(1e-3, 100))
def test_losses_are_not_negative_and_zero_where_nothing_is_wrong(seed, scale):
    a, b = random_image(seed, 2, 8, 8, 3), random_image(seed + 1, 2, 8, 8, 3)
    flow, truth = scale * a[..., :2], scale * b[..., :2]
    exposed = a[..., 0] > 0.5
    everywhere, nowhere = np.ones_like(exposed), np.zeros_like(exposed)
    close = dict(rel=1e-4, abs=1e-4)
    np.testing.assert_allclose(losses.reconstruction(a, b), losses.reconstruction(b, a), rtol=1e-6)
    assert not np.asarray(losses.reconstruction(a, a)).any()
    assert (np.asarray(losses.prior(flow, truth)) >= 0).all()
    assert not np.asarray(losses.prior(np.zeros_like(a), np.zeros_like(a))).any()
    coherence = np.asarray(coherence_of(flow, a))
    assert (coherence > 0).all()
    same = np.broadcast_to(flow[:, :1, :1], flow.shape)
    assert np.asarray(coherence_of(same, a)) == pytest.approx(0, abs=1e-5 * scale**2 * 64)
    shifted = np.asarray(coherence_of(flow + np.float32(3), a))
    np.testing.assert_allclose(shifted, coherence, rtol=1e-3 + 1e-5 / scale**2)
    assert (np.asarray(losses.content_price(flow[..., 0])) >= 0).all()
    assert (np.asarray(losses.exposure(flow[..., 0], exposed, everywhere)) >= 0).all()
    assert not np.asarray(losses.exposure(flow[..., 0], exposed, nowhere)).any()
    assert not np.asarray(losses.flow_error(flow, flow, exposed, everywhere)).any()
    assert not np.asarray(losses.flow_error(flow, truth, everywhere, everywhere)).any()
    assert not np.asarray(losses.flow_error(flow, truth, exposed, nowhere)).any()
    np.testing.assert_allclose(
        losses.flow_error(flow, truth, exposed, everywhere),
        losses.flow_error(truth, flow, exposed, everywhere),
        rtol=1e-6,
    )
    label = np.asarray(losses.soft_label(a, b, scale))
    assert (label >= 0).all() and (label <= 1).all() and (np.asarray(losses.soft_label(a, a, scale)) == 1).all()
    # No mask does better than the labels themselves.
    entropy = np.asarray(losses.binary_entropy(label)).sum((1, 2))
    assert (np.asarray(losses.mask_cross_entropy(label, flow[..., 0])) >= entropy * (1 - 1e-4) - 1e-4).all()
    exact = jax.scipy.special.logit(np.clip(label, 1e-6, 1 - 1e-6))
    assert np.asarray(losses.mask_cross_entropy(label, exact)).tolist() == [pytest.approx(e, **close) for e in entropy]


similarities = st.tuples(st.floats(-math.pi, math.pi), st.floats(0.05, 20), st.floats(-200, 200), st.floats(-200, 200))


def similarity(angle, scale, x, y):
    c, s = scale * math.cos(angle), scale * math.sin(angle)
    return np.array([[c, -s, x], [s, c, y]])


@properties
@hypothesis.given(
    similarities,
    st.integers(1, 90),
    st.integers(1, 90),
    st.sampled_from([np.uint8, np.uint16]),
    st.sampled_from([4, 16, 64]),
    seeds,
)
def test_a_face_is_edited_within_its_box_and_not_at_all_by_zero(where, height, width, dtype, size, seed):
    rng, matrix = np.random.default_rng(seed), similarity(*where)
    pixels = rng.integers(0, np.iinfo(dtype).max, (height, width, 3), dtype, endpoint=True)
    photo = Photo(pixels, rng.integers(0, np.iinfo(dtype).max, (height, width), dtype, endpoint=True))
    box, field = portrait.photo_displacement(np.zeros((size, size, 2), np.float32), matrix, pixels.shape)
    y0, y1, x0, x1 = box
    assert 0 <= y0 <= y1 <= height and 0 <= x0 <= x1 <= width and not field.any()
    still = portrait.warp_photo(photo, box, field)
    np.testing.assert_array_equal(still.pixels, pixels)
    np.testing.assert_array_equal(still.alpha, photo.alpha)
    displacement = rng.normal(0, 3, (size, size, 2)).astype(np.float32)
    box, field = portrait.photo_displacement(displacement, matrix, pixels.shape)
    moved = portrait.warp_photo(photo, box, field)
    outside = np.ones((height, width), bool)
    outside[y0:y1, x0:x1] = False
    assert (moved.pixels[outside] == pixels[outside]).all() and (moved.alpha[outside] == photo.alpha[outside]).all()
    unmoved = ~field.any(-1)
    assert (moved.pixels[y0:y1, x0:x1][unmoved] == pixels[y0:y1, x0:x1][unmoved]).all()


def _values(path):
    """Values that a field may have, of its type, and its default."""
    field = fields.FIELDS[path]
    kinds = {
        bool: st.booleans(),
        int: st.integers(-5, 2**31),
        float: st.floats(-1, 1e6),
        str: st.text(max_size=8),
        tuple: st.lists(st.text(max_size=4) | st.floats(0, 1), max_size=3).map(tuple),
    }
    return kinds[type(field.default)] | st.just(field.default)


changes = st.dictionaries(st.sampled_from(sorted(fields.FIELDS)), st.none(), max_size=6).flatmap(
    lambda chosen: st.fixed_dictionaries({path: _values(path) for path in chosen})
)


@properties
@hypothesis.given(changes)
def test_a_config_comes_back_from_its_file_or_is_refused_by_name(changes):
    config = config_lib.default_config()
    for path, value in changes.items():
        group, _, name = path.rpartition('.')
        (config[group] if group else config)[name] = value
    back = config_lib.from_json(config_lib.to_json(config))
    assert back.to_dict() == config.to_dict() and config_lib.differences(config, back) == []
    wrong = [path for path, value in changes.items() if not fields.FIELDS[path].rule.allows(value)]
    try:
        config_lib.check_fields(back)
        assert not wrong
    except InputError as error:
        assert len(str(error).splitlines()) == 1 and 'config.' in str(error)
        assert not wrong or any(f'config.{path} = ' in str(error) for path in wrong)


@properties
@hypothesis.given(st.text(max_size=200))
def test_texts_that_are_no_config_are_refused_in_a_line(text):
    with pytest.raises(InputError) as error:
        config_lib.from_json(text + '}')
    assert len(str(error.value).splitlines()) == 1


@properties
@hypothesis.given(st.text(st.characters(exclude_categories=()), max_size=60))
def test_errors_are_one_line_whatever_they_quote(text):
    for shown in (errors.printable(text), str(InputError(f"photo '{text}'"))):
        assert shown.isprintable() and len(shown.splitlines()) <= 1
        shown.encode()
    assert errors.printable(text) == text or not text.isprintable()


@properties
@hypothesis.given(
    st.lists(st.text(min_size=1, max_size=8), min_size=3, max_size=40, unique=True),
    st.floats(0.01, 0.9),
    st.floats(0.01, 0.9),
)
def test_nobody_is_in_two_parts(names, test_share, validation_share):
    split = people.split_identities(names, test_share, validation_share)
    assert sorted(itertools.chain(*split)) == sorted(names) and all(split)
