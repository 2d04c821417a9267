"""Tables of what Algorithm 1 does to people kept out of training: how far it goes, who it still is, what skin keeps."""

from collections.abc import Mapping

import cv2
import numpy as np

from fvae_jax.data import index
from fvae_jax.evaluation import landmarks, metrics, scoring
from fvae_jax.evaluation.cases import Cases, Edit, by_target
from fvae_jax.evaluation.methods.base import Method
from fvae_jax.evaluation.methods.fvae import Network
from fvae_jax.evaluation.statistics import bootstrap_interval
from fvae_jax.evaluation.tables import Column, Row, Table
from fvae_jax.ops.frame import Frame

STRENGTHS = (0.5, 1.0, 1.5)
_TEXTURE_STRENGTHS = (-1.0, 0.5, 1.0, 1.5)

Ways = Mapping[str, Cases[Edit]]  # 'neutral → smile' and back


def strength_table(moved: Mapping[str, Mapping[str, scoring.Movement]]) -> Table:
    """How far mouth corners and the width of the mouth follow the strength.

    By the changes at `STRENGTHS`: {what is edited: {measure: its changes}}.
    """
    rows = []
    for way, by_measure in moved.items():
        for name, label in (('mouth_corner_lift', 'mouth-corner lift'), ('mouth_width', 'mouth width')):
            measure = by_measure[name]
            sizes = np.sign(measure.real.mean()) * measure.made
            grows = [
                'yes' if np.all(np.diff(sizes.mean(axis=1)) > 0) else 'no',
                bootstrap_interval(np.all(np.diff(sizes, axis=0) > 0, axis=0), measure.people).percent(),
            ]
            cells = [len(set(measure.people)), measure.own(), *measure.shares(), *measure.right(), *grows]
            rows.append(Row(f'{way}: {label}', cells))
    columns = [
        Column('people', '', 0),
        Column('own change', '% of the distance of the eyes', 1),
        *(Column(f'at {s:g}', '% of the own change', 0, group='edit') for s in STRENGTHS),
        *(Column(f'at {s:g}', '% of people', 0, group='right way') for s in STRENGTHS),
        Column('grows', 'means'),
        Column('grows', '% of people', 0),
    ]
    ordered = ' > '.join(f'{s:g}' for s in reversed(STRENGTHS))
    caption = (
        'Algorithm 1, one edit of each person and strength. Own: from one image of the person to the other. Change of '
        '68 landmarks as a share of the own change, sums over people divided by sums; the right way is that of the '
        f'mean own change; what grows has {ordered}, in the means and in each person.'
    )
    return Table('strengths', 'How far a smile goes', caption, columns, rows, row_heading='edit and measure')


def identity_table(method: Method, ways: Ways, frame: Frame) -> Table:
    """How far dlib sees an edit at strength 1 from its source, beside the person's own two images."""
    rows = []
    for way, edits in ways.items():
        faces = [
            metrics.descriptors([edit.start, edit.made_by(method), edit.truth], frame)
            for (edit,) in edits.batches(1, f'identity, {way}')
        ]
        start, *others = np.swapaxes(faces, 0, 1)
        changed, own = (metrics.identity_distance(other, start) for other in others)
        *distances, within = (bootstrap_interval(values, edits.people) for values in (changed, own, changed <= own))
        rows.append(Row(way, [len(set(edits.people)), *distances, within.percent()]))
    columns = [
        Column('people', '', 0),
        Column('source to edit', '', 3, group='distance'),
        Column("the person's own two images", '', 3, group='distance'),
        Column('edit ≤ own', '% of people', 0),
    ]
    caption = (
        "Algorithm 1 at strength 1. Distances of dlib's face descriptors; images less than 0.6 apart count as "
        'one person.'
    )
    return Table('identity', 'Identity', caption, columns, rows, row_heading='edit')


def texture_table(method: Method, network: Network, ways: Ways) -> Table:
    """What is left of the detail of skin, and what a content layer lays over it."""
    rows = []
    for way, edits in ways.items():
        found = [
            [_outside(method, network, edit, strength) for strength in _TEXTURE_STRENGTHS]
            for (edit,) in edits.batches(1, f'texture, {way}')
        ]
        for strength, values in zip(_TEXTURE_STRENGTHS, np.transpose(found, (1, 2, 0))):
            cells = [bootstrap_interval(column, edits.people) for column in values]
            rows.append(Row(f'{way}, strength {strength:g}'.replace('-', '−'), [len(set(edits.people)), *cells]))
    columns = [
        Column('people', '', 0),
        *(Column(place, '× source', 2, 'nearest 1', 'texture') for place in ('face', 'crop')),
    ]
    caption = (
        'Outside mouth and eyes (68 landmarks of the source and of the edit, and a tenth of the distance of the '
        'eyes around), in the face from the brows down to the chin, and in the whole crop. Texture: variance of '
        'the Laplacian, edit by source.'
    )
    if network.editor.bundle.config.model.content:
        columns += [Column(place, 'mean', 4, 'lower', 'alpha') for place in ('face', 'crop')]
        caption += ' Alpha: how much the content layer covers.'
    return Table('texture', 'Texture', caption, columns, rows, row_heading='edit')


def _outside(method: Method, network: Network, edit: Edit, strength: float) -> list[float]:
    """Texture of face and crop outside mouth and eyes; with a content layer also its mean alpha there."""
    made = edit.made_by(method, strength)
    before, after = (landmarks.landmarks(crop, network.editor.frame) for crop in (edit.start, made))
    side = len(made)
    crop = ~(landmarks.features_area(before, side) | landmarks.features_area(after, side))
    areas = (crop & landmarks.face_area(before, side), crop)
    values = [texture(made, area) / texture(edit.start, area) for area in areas]
    latent = network.editor.edited_latent(network.encode(edit.start), {edit.target: strength}, source=edit.source)
    content = network.change(edit.start, latent).content
    return values if content is None else [*values, *(float(content.alpha[area].mean()) for area in areas)]


def texture(image: np.ndarray, area: np.ndarray) -> float:
    """`image_ops.laplacian_variance` of an area (H, W) bool, of any shape, of an image (H, W, 3) float32 in [-1, 1].

    The outermost pixels, of which nothing lies beyond, never count.
    """
    laplacian = cv2.Laplacian(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.CV_32F, ksize=1)
    return float(np.var(laplacian[1:-1, 1:-1][area[1:-1, 1:-1]]))


def expression_table(method: Method, edits: Cases[Edit], origins: Mapping[str, str], frame: Frame) -> Table:
    """What every expression of the test people moves in edits from neutral at strength 1.

    `origins` says whether images of an expression are real or synthetic.
    """
    rows = []
    for expression, chosen in by_target(edits).items():
        count, label = len(set(chosen.people)), f'{expression} ({origins[expression]})'
        moving = {
            name: measure
            for name, measure in scoring.movements(method, chosen, (1.0,), frame).items()
            if measure.moves() and not measure.own().low <= 0 <= measure.own().high
        }
        if not moving:
            rows.append(Row(label, note=f'no measure moves in the own images of {count} people'))
        for name, measure in moving.items():
            cells = [count, measure.own(), *measure.shares(), *measure.right()]
            rows.append(Row(f'{label}: {name.replace("_", " ")}', cells))
    columns = [
        Column('people', '', 0),
        Column('own change', '% of the distance of the eyes', 1),
        Column('edit', '% of the own change', 0),
        Column('the right way', '% of people', 0),
    ]
    caption = (
        f"Algorithm 1 from {index.NEUTRAL}, strength 1, against the person's own image of the expression: change "
        f'of 68 landmarks, sums over people divided by sums. Shown is what moves: {scoring.MOVES}, and 0 is '
        'outside the interval.'
    )
    return Table('expressions', 'Every expression', caption, columns, rows, row_heading='expression and measure')
