"""Reconstructions and flows with the latent of the true target, as a card tells of them."""

import numpy as np
import pytest
from evaluation.card.drawn_people import cells

from fvae_jax.evaluation import metrics
from fvae_jax.evaluation.card import build
from fvae_jax.evaluation.cases import Cases, Pair
from fvae_jax.evaluation.methods.base import Method
from fvae_jax.evaluation.statistics import Value


class Named(Method):
    def __init__(self, name):
        self.name = name


def test_the_share_of_the_way_is_between_copying_and_the_answer():
    people = ['a', 'a', 'b', 'b']
    base = np.asarray([20.0, 22.0, 24.0, 30.0])
    by_method = {
        Named(name): {
            'psnr': base + gain,
            'psnr_mouth': base + 2 * gain,
            'lpips': base / 100,
            'lpips_mouth': (base - gain) / 100,
        }
        for name, gain in (('copy', 0.0), ('FVAE', 3.0), ('optical flow', 4.0))
    }
    found = cells(build.reconstruction_table(by_method, people, 'faces'))
    shares = {name: row['share of the way, whole, %'] for name, row in found.items()}
    assert shares['FVAE'] == {'mean': 75, 'low': 75, 'high': 75}
    assert (shares['copy']['mean'], shares['optical flow']['mean']) == (0, 100)
    assert found['FVAE']['PSNR, mouth, dB']['mean'] == 30
    assert found['FVAE']['LPIPS, mouth']['mean'] == pytest.approx(0.21)
    for scores in by_method.values():
        del scores['lpips'], scores['lpips_mouth']
    without = cells(build.reconstruction_table(by_method, people, 'faces'))
    assert without['FVAE']['LPIPS, whole'] == without['FVAE']['LPIPS, mouth'] == metrics.LPIPS_MISSING
    assert without['FVAE']['PSNR, whole, dB'] == found['FVAE']['PSNR, whole, dB']


def test_precision_and_recall_of_alpha():
    exposed = np.zeros((3, 8, 8), bool)
    exposed[:2, :4] = True
    image = np.zeros((8, 8, 3), np.float32)
    known = [
        Pair(name, 'neutral', 'smile', image, image, exposed=shown, known=np.ones((8, 8), bool))
        for name, shown in zip('aab', exposed)
    ]
    people = np.asarray(['a', 'a', 'b'])

    def detected(alpha, of=known, chosen=np.s_[:]):
        # The maps in the order in which the pairs come.
        maps = iter(np.asarray(alpha, np.float32))
        counts = build.count_exposed(Cases(of), lambda pair: next(maps))
        return build.detected('x', people[chosen], counts[chosen]).cells

    assert detected(exposed * 0.6) == [2, 3, Value(1, np.nan, np.nan), Value(1, np.nan, np.nan), pytest.approx(100 / 3)]
    nothing = detected(exposed * 0.5)
    assert nothing[2] is None and nothing[3].mean == 0
    wrong = detected(1.0 - exposed)
    assert wrong[2].mean == wrong[3].mean == 0
    quarter = np.zeros((3, 8, 8))
    quarter[:, :4, :4] = 1
    assert [cell.mean for cell in detected(quarter)[2:4]] == [2 / 3, 1 / 2]
    assert detected(quarter, chosen=np.s_[2:]) == [1, 1, Value(0, np.nan, np.nan), None, 0]
    left = np.indices((8, 8))[1] < 4
    half = [case._replace(known=left) for case in known]
    assert [cell.mean for cell in detected(quarter, half)[2:4]] == [2 / 3, 1]
