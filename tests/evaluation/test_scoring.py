"""Scores of many cases: those of each, whatever the batch, with no more than a batch of images in memory."""

import weakref

import numpy as np
import pytest

from fvae_jax.evaluation import metrics, scoring
from fvae_jax.evaluation.cases import Cases, Edit, Pair
from fvae_jax.evaluation.methods.base import Method
from fvae_jax.ops import image as image_ops
from fvae_jax.ops.frame import TIGHT

SIZE = 32


def image(seed):
    return np.random.default_rng(seed).uniform(-1, 1, (SIZE, SIZE, 3)).astype(np.float32)


class Alive:
    """Reads edits, and counts how many of their images are in memory, at most."""

    def __init__(self):
        self.now = self.most = 0

    def read(self, head):
        images = [image(seed) for seed in head[3:]]
        for one in images:
            self.now += 1
            weakref.finalize(one, self._gone)
        self.most = max(self.most, self.now)
        return Edit(*head[:3], *images)

    def _gone(self):
        self.now -= 1


def edits(count, read):
    return Cases([Edit(f'p{i % 5}', 'neutral', 'smile', i, i + 1) for i in range(count)], read)


@pytest.mark.parametrize('count', [20, 60])
def test_only_a_batch_of_images_is_in_memory(count):
    alive = Alive()
    makers = {'copy': lambda edit: edit.start, 'half': lambda edit: (edit.start + edit.truth) / 2}
    scores = scoring.score(edits(count, alive.read), makers, 'edits', TIGHT, batch_size=8)
    assert all(len(values) == count for row in scores.values() for values in row.values())
    # Two images of each of eight cases, while the batch before is still held.
    assert alive.most <= 2 * 2 * 8 < 2 * count
    # The control: a list of them all.
    everything, kept = Alive(), []
    kept += edits(count, everything.read)
    assert everything.most == 2 * count == 2 * len(kept)


def test_scores_are_those_of_each_case_alone():
    found = edits(11, Alive().read)
    makers = {'half': lambda edit: (edit.start + edit.truth) / 2, 'truth': lambda edit: edit.truth}
    scores = scoring.score(found, makers, 'edits', TIGHT, batch_size=4)
    assert list(scores) == ['half', 'truth']
    for i in (0, 3, 4, 10):
        alone = metrics.score(
            *(x[None] for x in (makers['half'](found[i]), found[i].truth, found[i].start)), TIGHT, size=4
        )
        for name, values in alone.items():
            np.testing.assert_allclose(scores['half'][name][i], values[0], rtol=1e-5)
    assert np.isinf(scores['truth']['psnr']).all()


def test_a_method_without_an_answer_to_every_case_has_no_scores():
    makers = {'some': lambda edit: None if edit.identity == 'p3' else edit.start, 'all': lambda edit: edit.start}
    scores = scoring.score(edits(11, Alive().read), makers, 'edits', TIGHT, batch_size=4)
    assert set(scores) == {'all'} and len(scores['all']['psnr']) == 11


def test_identity_is_measured_of_some_cases_spread_over_all(monkeypatch):
    # A face for each image: its mean color stands for the person.
    monkeypatch.setattr(metrics, 'descriptors', lambda images, frame: np.reshape([x.mean() for x in images], (-1, 1)))
    found, makers = edits(9, Alive().read), {'copy': lambda edit: edit.start, 'truth': lambda edit: edit.truth}
    scores = scoring.score(found, makers, 'edits', TIGHT, described=3, batch_size=4)
    measured = ~np.isnan(scores['truth'][metrics.IDENTITY])
    assert np.flatnonzero(measured).tolist() == [0, 4, 8]
    assert (scores['copy'][metrics.IDENTITY][measured] == 0).all()
    expected = [abs(found[i].truth.mean() - found[i].start.mean()) for i in (0, 4, 8)]
    np.testing.assert_allclose(scores['truth'][metrics.IDENTITY][measured], expected, rtol=1e-5)


class Known(Method):
    """Says a flow, if it knows one."""

    def __init__(self, name, flow):
        self.name, self._flow = name, flow
        self.ours, self.left_out = name == 'true', 'sees the answer' * (name == 'none')

    def flow(self, pair):
        return self._flow


def test_end_point_errors_are_of_pixels_that_have_a_source():
    size = 64
    truth = np.zeros((size, size, 2), np.float32)
    truth[:, 32:, 0] = 3.0
    exposed = np.zeros((size, size), bool)
    exposed[:8] = True
    black = np.zeros((size, size, 3), np.float32)
    known = Cases([Pair('x', 'neutral', 'smile', black, black, None, truth, exposed, np.ones_like(exposed))])
    off = truth.copy()
    off[:8] += 100
    lower = off.copy()
    lower[40:] += [0, 4]
    flows = {'true': truth, 'none': np.zeros_like(truth), 'off': off, 'lower': lower, 'unknown': None}
    table = scoring.end_points([Known(*item) for item in flows.items()], known, size, TIGHT)
    found = {row.label: [cell.mean for cell in row.cells] for row in table.rows}
    assert found['true'] == found['off'] == [0, 0, 0] and found['none'][:2] == [1.5, 3]
    assert found['lower'][2] > found['lower'][0] > 0
    assert [row.note for row in table.rows][-1] == 'has no flow for some of the pairs'
    assert [row.label for row in table.rows if row.ours or row.left_out] == ['true', 'none']


def test_what_moves_goes_one_way_by_a_visible_amount():
    lift = np.asarray([0.03, 0.05, 0.04, -0.01])
    moves = lambda real: scoring.Movement(list('abcd'), real, real[None]).moves()
    assert moves(lift) and moves(-lift)
    assert not moves(lift / 3) and not moves(lift * [1, -1, 1, 1])
    movement = scoring.Movement(list('ab'), lift[:2], np.asarray([[0.1, -0.1], [0.04, 0.04]]))
    assert [value.mean for value in movement.right()] == [50, 100]
    assert [value.mean for value in movement.shares()] == pytest.approx([0, 100])


def test_the_mouth_has_an_lpips_of_its_own():
    truth = np.stack([image_ops.to_float(np.full((64, 64, 3), 128, np.uint8))] * 2)
    brow, mouth = truth[0].copy(), truth[0].copy()
    brow[5:25, 15:50], mouth[44:50, 26:38] = 1, 1
    scores = metrics.score(np.stack([brow, mouth]), truth, truth, TIGHT, mouths=True)
    whole, own = scores['lpips'], scores[metrics.MOUTH_LPIPS]
    assert whole[0] > 0.02 and own[0] < 1e-6 and own[1] > 0.02
    assert metrics.MOUTH_LPIPS not in metrics.score(truth, truth, truth, TIGHT)
