"""What Algorithm 1 does to people: what is known comes out as known, and what is wrong would show."""

import cv2
import numpy as np
import pytest
from editing import models
from evaluation.card.drawn_people import PEOPLE, SIZE, cells, drawn, smiling

from fvae_jax.editing import editor as editor_lib
from fvae_jax.evaluation import cases, landmarks, scoring
from fvae_jax.evaluation.card import edits
from fvae_jax.evaluation.cases import Cases
from fvae_jax.evaluation.methods.base import Method
from fvae_jax.evaluation.methods.fvae import Network
from fvae_jax.ops import image as image_ops
from fvae_jax.ops.frame import TIGHT


@pytest.fixture(scope='module')
def smiles():
    return Cases(smiling())


class Artist(Method):
    """Knows the people, and draws them with what is wanted; `share` is how much of it."""

    def __init__(self, smiles, share):
        self._start = {change.start.tobytes(): i for i, change in enumerate(smiles)}
        self._back = {change.truth.tobytes(): i for i, change in enumerate(smiles)}
        self._share = share

    def edit(self, crop, source, target, strength):
        if source == 'neutral':
            return drawn(self._start[crop.tobytes()], target, self._share(strength))
        return drawn(self._back[crop.tobytes()], source, 1 - self._share(strength))


class Copy(Method):
    def edit(self, crop, source, target, strength):
        return crop


class Changed(Method):
    """Does the same to every crop."""

    def __init__(self, change):
        self._change = change

    def edit(self, crop, source, target, strength):
        return self._change(crop).astype(np.float32)


def strengths(method, ways):
    moved = {way: scoring.movements(method, wanted, edits.STRENGTHS, TIGHT) for way, wanted in ways.items()}
    return cells(edits.strength_table(moved))


def test_the_strength_of_a_perfect_edit_and_of_none(smiles):
    ways = {'neutral → smile': smiles, 'smile → neutral': smiles.map(cases.back)}
    perfect = strengths(Artist(smiles, lambda s: min(s, 1)), ways)
    for way in ways:
        row = perfect[f'{way}: mouth-corner lift']
        assert row['people']['mean'] == PEOPLE
        full = row['edit, at 1, % of the own change']
        assert full == row['edit, at 1.5, % of the own change'] and full['mean'] == full['low'] == pytest.approx(100)
        assert 20 < row['edit, at 0.5, % of the own change']['mean'] < 80
        assert row['right way, at 1, % of people']['mean'] == 100
        # 1.5 is no more than 1.
        assert row['grows, means'] == 'no' and row['grows, % of people']['mean'] == 0
    assert perfect['neutral → smile: mouth width']['own change, % of the distance of the eyes']['mean'] > 2
    ways = {'smile → neutral': ways['smile → neutral']}
    growing = strengths(Artist(smiles, lambda s: s / 1.5), ways)
    for row in growing.values():
        assert row['grows, means'] == 'yes' and row['grows, % of people']['mean'] > 50
        assert row['edit, at 1.5, % of the own change']['mean'] == pytest.approx(100)
    still = strengths(Copy(), ways)
    for row in still.values():
        assert row['edit, at 1, % of the own change']['mean'] == row['right way, at 1, % of people']['mean'] == 0
        assert row['grows, means'] == 'no'


def test_identity_of_the_person_and_of_nobody(smiles):
    ways = {'way': Cases(smiles.heads[:2])}
    own, copied, nobody = (
        cells(edits.identity_table(method, ways, TIGHT))['way']
        for method in (Artist(smiles, lambda s: s), Copy(), Changed(lambda crop: -crop[::-1]))
    )
    real = own["distance, the person's own two images"]
    assert own['distance, source to edit'] == real and real['mean'] > 0.02
    assert own['edit ≤ own, % of people']['mean'] == copied['edit ≤ own, % of people']['mean'] == 100
    assert copied['distance, source to edit']['mean'] == 0
    assert nobody['edit ≤ own, % of people']['mean'] == 0


def test_texture_is_that_of_skin(smiles):
    image = smiles[0].start
    assert edits.texture(image, np.ones((SIZE, SIZE), bool)) == pytest.approx(
        float(image_ops.laplacian_variance(image)), rel=1e-4
    )
    features = landmarks.features_area(landmarks.landmarks(image, TIGHT), SIZE)

    def blurred(crop):
        return cv2.GaussianBlur(crop, (0, 0), 0.8)

    def in_the_mouth(crop):
        hidden = crop.copy()
        rows, columns = (np.flatnonzero(features[SIZE // 2 :].any(axis)) for axis in (1, 0))
        middle = np.s_[SIZE // 2 + rows[2] : SIZE // 2 + rows[-2], columns[2] : columns[-2]]
        hidden[middle] = np.where(features[middle][..., None], hidden[middle] + 0.05, hidden[middle])
        return hidden

    network = Network(editor_lib.Editor(models.random_bundle(mask=False)))
    ways = {'way': Cases(smiles.heads[:1])}
    found = {}
    for name, method in (('copy', Copy()), ('blurred', Changed(blurred)), ('mouth', Changed(in_the_mouth))):
        row = cells(edits.texture_table(method, network, ways))['way, strength 1']
        found[name] = row['texture, face, × source']['mean'], row['texture, crop, × source']['mean']
    assert found['copy'] == (1, 1)
    assert max(found['blurred']) < 0.7
    assert found['mouth'] == pytest.approx((1, 1), abs=0.03)


def test_alpha_is_counted_outside_mouth_and_eyes(smiles):
    editor = editor_lib.Editor(models.random_bundle(mask=False, content=True))
    wanted = Cases(smiles.heads[:1])
    row = cells(edits.texture_table(Copy(), Network(editor), {'way': wanted}))['way, strength 1.5']
    face = editor.encode(wanted[0].start)
    alpha = editor.change(face, editor.edited_latent(face, {'smile': 1.5}))[1].alpha
    points = landmarks.landmarks(wanted[0].start, TIGHT)
    area = ~landmarks.features_area(points, SIZE)
    assert 0.5 < area.mean() < 0.95
    assert row['alpha, crop, mean']['mean'] == pytest.approx(float(alpha[area].mean()), rel=1e-5)
    inside = area & landmarks.face_area(points, SIZE)
    assert row['alpha, face, mean']['mean'] == pytest.approx(float(alpha[inside].mean()), rel=1e-5)
    assert abs(alpha.mean() - alpha[area].mean()) > 1e-3 < abs(alpha[inside].mean() - alpha[area].mean())


def test_mouth_and_eyes_are_where_the_landmarks_are(smiles):
    points = landmarks.landmarks(smiles[0].truth, TIGHT)
    features, face = landmarks.features_area(points, SIZE), landmarks.face_area(points, SIZE)
    marked = [features[tuple(np.rint(points[i]).astype(int)[::-1])] for i in range(68)]
    assert all(marked[36:]) and not any(marked[:36])
    center = points[27:36].mean(axis=0).round().astype(int)
    assert face[tuple(center[::-1])] and not features[tuple(center[::-1])] and not face[0].any()


def test_only_what_moves_is_told_of_an_expression(smiles):
    surprised = smiling('surprise')
    bored = [edit._replace(target='bored', truth=edit.start) for edit in smiles]
    origins = {'smile': 'real', 'surprise': 'synthetic', 'bored': 'real'}
    perfect = Artist(smiles, lambda s: s)
    found = cells(edits.expression_table(perfect, Cases([*smiles, *surprised]), origins, TIGHT))
    assert {
        'smile (real): mouth corner lift',
        'smile (real): mouth width',
        'surprise (synthetic): mouth opening',
        'surprise (synthetic): brow height',
    } <= set(found)
    assert 'smile (real): brow height' not in found
    for row in found.values():
        assert row['edit, % of the own change']['mean'] == pytest.approx(100)
    copied = cells(edits.expression_table(Copy(), Cases([*smiles, *bored]), origins, TIGHT))
    assert 'no measure moves' in copied.pop('bored (real)')['note']
    assert {row['edit, % of the own change']['mean'] for row in copied.values()} == {0}
