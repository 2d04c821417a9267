"""Algorithms 1 and 2 on latents whose answer is known."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import optimize

from fvae_jax.bundle import LatentStatistics
from fvae_jax.editing import latent
from fvae_jax.errors import InputError

SHAPE = (4, 4, 3)
RNG = np.random.default_rng(0)
PERSON = {name: RNG.normal(size=SHAPE) for name in 'abcd'}
CHANGE = {'neutral': np.zeros(SHAPE), 'smile': RNG.normal(size=SHAPE), 'surprise': RNG.normal(size=SHAPE)}


def _statistics(images=None):
    """Z = person + change, so that every direction is exactly a change."""
    images = images or [(p, e, 1.0) for p in PERSON for e in CHANGE]
    latents = [PERSON[p] + CHANGE[e] for p, e, _ in images]
    return latent.statistics(np.asarray(latents), *zip(*images))


@pytest.mark.parametrize('kind', ['class_means', 'within_identity'])
def test_directions_of_a_balanced_set(kind):
    stats = _statistics()
    for target, source in [('smile', 'neutral'), ('neutral', 'smile'), ('surprise', 'smile')]:
        np.testing.assert_allclose(
            latent.direction(stats, target, source, kind), CHANGE[target] - CHANGE[source], atol=1e-6
        )


def test_within_identity_does_not_mind_who_smiles():
    """Only person a smiles: the class means mistake a's face for a smile, the change within a does not."""
    stats = _statistics([(p, 'neutral', 0.0) for p in PERSON] + [('a', 'smile', 1.0)])
    np.testing.assert_allclose(latent.direction(stats, 'smile', kind='within_identity'), CHANGE['smile'], atol=1e-6)
    assert np.abs(latent.direction(stats, 'smile') - CHANGE['smile']).max() > 0.1


def test_the_printed_form_divides_by_the_whole_set():
    stats = _statistics()
    whole = len(PERSON) * len(CHANGE)
    expected = sum(PERSON[p] + CHANGE['smile'] for p in PERSON) / whole - sum(PERSON.values()) / whole
    np.testing.assert_allclose(latent.direction(stats, 'smile', kind='paper'), expected, atol=1e-6)


def test_weak_examples_stay_out_of_the_means():
    images = [(p, e, 1.0) for p in PERSON for e in ('neutral', 'smile')] + [(p, 'surprise', 0.5) for p in PERSON]
    stats = _statistics(images)
    assert set(stats.class_means) == {'neutral', 'smile'} and stats.counts == {'neutral': 4, 'smile': 4}
    with pytest.raises(InputError, match="unknown expression 'surprise'; this model has neutral, smile"):
        latent.direction(stats, 'surprise')


def test_several_expressions_add_up_and_strengths_may_be_any_number():
    stats = _statistics()
    np.testing.assert_allclose(
        latent.combine(stats, {'smile': 0.7, 'surprise': -1.5}),
        0.7 * CHANGE['smile'] - 1.5 * CHANGE['surprise'],
        atol=1e-6,
    )
    assert not np.any(latent.combine(stats, {})) and not np.any(latent.combine(stats, {'smile': 0.0}))
    for bad in (float('nan'), float('inf')):
        with pytest.raises(InputError, match='strength of smile is .* finite'):
            latent.combine(stats, {'smile': bad})


def test_neutralize_takes_out_what_is_shown_and_nothing_else():
    stats = _statistics()
    mean = stats.class_means['neutral']
    relaxed = latent.neutralize(mean + 0.8 * CHANGE['smile'], stats)
    np.testing.assert_allclose(relaxed, -0.8 * latent.AT_REST * CHANGE['smile'], atol=1e-5)
    # The opposite of a smile is no expression of the set: it stays.
    np.testing.assert_allclose(latent.neutralize(mean - 0.8 * CHANGE['smile'], stats), 0, atol=0.3)
    # Beyond a full smile it is the person's own wide mouth.
    relaxed = latent.neutralize(mean + 3 * CHANGE['smile'], stats)
    np.testing.assert_allclose(relaxed, -latent.AT_REST * CHANGE['smile'], atol=1e-5)


@pytest.mark.parametrize('rank', [3, 9])
def test_shares_are_those_of_scipy(rank):
    rng = np.random.default_rng(rank)
    for _ in range(100):
        basis = rng.normal(size=(40, rank)) @ rng.normal(size=(rank, 9))  # of rank 3 many answers are as good
        offset = basis @ rng.normal(size=9) + 0.3 * rng.normal(size=40)
        expected, distance = optimize.nnls(basis, offset)
        found = latent._shares(basis.T @ basis, basis.T @ offset)
        assert (found >= 0).all() and np.linalg.norm(basis @ found - offset) <= distance + 1e-9
        if rank == 9:
            np.testing.assert_allclose(found, expected, atol=1e-9)


def test_a_studio_where_all_look_alike_is_no_expression():
    """People of one studio differ from the others by what resembles a pucker, and smile no less for it."""
    rng = np.random.default_rng(1)
    studio, smile, other = rng.normal(size=(3, *SHAPE))
    pucker = 0.4 * other + 0.2 * studio
    images, latents = [], []
    for number in range(100):
        face = rng.normal(0, 0.15, SHAPE) + rng.normal() * studio
        for name, change in (('neutral', 0), ('smile', smile), ('pucker', pucker)):
            images.append((f'person {number}', name, 1.0))
            latents.append(face + change)
    stats = latent.statistics(np.asarray(latents), *zip(*images))
    plain = stats._replace(spread=None)
    assert stats.spread.shape == (24, *SHAPE) and _statistics().spread is None  # too few images tell nothing
    stranger = stats.class_means['neutral'] + studio + 0.8 * smile
    assert latent.shown(stranger, plain)['pucker'] > 0.6
    found = latent.shown(stranger, stats)
    assert found['pucker'] < 0.3 and 0.7 < found['smile'] < 1.1
    # What is no one's studio is an expression.
    assert latent.shown(stats.class_means['neutral'] + pucker, stats)['pucker'] > 0.7


def test_neutralize_where_directions_overlap():
    """A smile with a little of everything else in its direction is found as a smile alone."""
    smile, noise = RNG.normal(size=(2, *SHAPE))
    mixed = {'neutral': np.zeros(SHAPE), 'smile': smile, 'grin': smile + 0.05 * noise}
    means = {name: change.astype(np.float32) for name, change in mixed.items()}
    stats = LatentStatistics(means, means, dict.fromkeys(means, 4))
    relaxed = latent.neutralize(0.9 * means['smile'] - 0.3 * noise, stats)
    assert np.abs(relaxed + 0.9 * latent.AT_REST * smile).max() < 0.3


def test_interpolation_ends_exactly():
    first, second = jnp.asarray(PERSON['a']), jnp.asarray(PERSON['b'])
    np.testing.assert_array_equal(latent.interpolate(first, second, 0), first)
    np.testing.assert_array_equal(latent.interpolate(first, second, 1), second)
    np.testing.assert_allclose(latent.interpolate(first, second, 0.25), 0.75 * first + 0.25 * second, rtol=1e-6)


LOGITS = jnp.asarray(RNG.normal(0, 4, (2, 8, 8)), jnp.float32)


@pytest.mark.parametrize('blend', ['softmax', 'logit'])
@pytest.mark.parametrize('t', [0.0, 0.3, 0.5, 1.0])
def test_weights_sum_to_one_everywhere(blend, t):
    w1, w2 = latent.blend_weights(*LOGITS, t, blend)
    np.testing.assert_allclose(w1 + w2, 1, atol=1e-6)


def test_logit_weights_are_the_formula_and_exact_at_the_ends():
    l1, l2 = np.asarray(LOGITS, np.float64)
    for t in (0.2, 0.5, 0.9):
        expected = (1 - t) * np.exp(l1) / ((1 - t) * np.exp(l1) + t * np.exp(l2))
        np.testing.assert_allclose(latent.blend_weights(*LOGITS, t, 'logit')[0], expected, atol=1e-6)
    for t in (0, 1):
        w1, w2 = latent.blend_weights(*LOGITS, t, 'logit')
        assert np.all(w1 == 1 - t) and np.all(w2 == t)


def test_paper_weights_are_as_printed_and_do_not_sum_to_one():
    m1, m2 = 1 / (1 + np.exp(-np.asarray(LOGITS, np.float64)))
    w1, w2 = latent.blend_weights(*LOGITS, 0.4, 'paper')
    np.testing.assert_allclose(w1, np.exp(m1) / np.exp(m1 + m2), rtol=1e-5)
    np.testing.assert_allclose(w2, np.exp(m2) / np.exp(m1 + m2), rtol=1e-5)
    assert np.abs(w1 + w2 - 1).max() > 0.1
    with pytest.raises(InputError, match="unknown blend 'mean'"):
        latent.blend_weights(*LOGITS, 0.4, 'mean')


def test_of_an_edit_its_strengths_are_told():
    rng = np.random.default_rng(0)
    means = {name: rng.normal(size=(4, 4, 8)).astype(np.float32) for name in ('neutral', 'smile', 'sad', 'squint')}
    stats = LatentStatistics(means, {}, dict.fromkeys(means, 3))
    change = latent.combine(stats, {'smile': 0.7, 'sad': -0.2})
    told = {name: float((row * change).sum()) for name, row in latent.gauge(stats).items()}
    assert told == pytest.approx({'smile': 0.7, 'sad': -0.2, 'squint': 0.0}, abs=1e-5)
    shown = latent.shown(means['neutral'] + change, stats)
    assert shown['smile'] > 0.5 and min(shown.values()) >= 0
