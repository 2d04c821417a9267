"""Tables of what Algorithm 1 does to people kept out of training: how far it goes, who it still is, what skin keeps."""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from fvae_jax.data import index
from fvae_jax.editing import editor as editor_lib
from fvae_jax.evaluation import cases, landmarks, metrics, statistics
from fvae_jax.evaluation.baselines.base import Method
from fvae_jax.evaluation.report import Cell, Column, Row, Table, Value
from fvae_jax.evaluation.sections import editing, interval, progress
from fvae_jax.evaluation.sections.editing import Edit

STRENGTHS = (0.5, 1.0, 1.5)
FULL = STRENGTHS.index(1.0)
LIFT = landmarks.Measures._fields.index('mouth_corner_lift')
_WIDTH = landmarks.Measures._fields.index('mouth_width')
_TEXTURE_STRENGTHS = (-1.0, 0.5, 1.0, 1.5)

# {what is edited: (edits, real changes, changes of the edits at `STRENGTHS`)}, as `editing.movements` measures them.
Movements = Mapping[str, tuple[Sequence[Edit], np.ndarray, np.ndarray]]


def both_ways(smiles: Sequence[cases.Change]) -> dict[str, list[Edit]]:
    """The edits from neutral to an expression, and those back."""
    ways = (editing.edits(smiles), editing.edits(smiles, back=True))
    return {f'{way[0].source} → {way[0].target}': way for way in ways}


def movements(method: Method, ways: Mapping[str, Sequence[Edit]]) -> Movements:
    """Measures the edits at `STRENGTHS`."""
    return {way: (edits, *editing.movements(method, edits, STRENGTHS)) for way, edits in ways.items()}


def strength_table(moved: Movements) -> Table:
    """How far mouth corners and the width of the mouth follow the strength."""
    rows = []
    for way, (edits, real, made) in moved.items():
        people = [edit.identity for edit in edits]
        for j, label in ((LIFT, 'mouth-corner lift'), (_WIDTH, 'mouth width')):
            shares = [statistics.bootstrap_ratio(made[:, k, j], real[:, j], people) for k in range(len(STRENGTHS))]
            right = [editing.right_way(made[:, k, j], real[:, j]) for k in range(len(STRENGTHS))]
            sizes = np.sign(real[:, j].mean()) * made[:, :, j]
            grows = np.all(np.diff(sizes, axis=1) > 0, axis=1)
            rows.append(
                Row(
                    f'{way}: {label}',
                    [
                        len(set(people)),
                        _percent(statistics.bootstrap_interval(real[:, j], people)),
                        *map(_percent, shares),
                        *(_share(held, people) for held in right),
                        'yes' if np.all(np.diff(sizes.mean(axis=0)) > 0) else 'no',
                        _share(grows, people),
                    ],
                )
            )
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


def identity_table(judge: metrics.Judge, method: Method, ways: Mapping[str, Sequence[Edit]]) -> Table:
    """How far dlib sees an edit at strength 1 from its source, beside the person's own two images."""
    rows = []
    for way, edits in progress(ways.items(), 'identity'):
        people = [edit.identity for edit in edits]
        made = [method.edit(edit.start, edit.source, edit.target, 1.0) for edit in edits]
        start, truth, edited = (
            judge.descriptors(images)
            for images in ([edit.start for edit in edits], [edit.truth for edit in edits], made)
        )
        changed, own = metrics.identity_distance(edited, start), metrics.identity_distance(truth, start)
        rows.append(
            Row(
                way,
                [len(set(people)), interval(changed, people), interval(own, people), _share(changed <= own, people)],
            )
        )
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


def texture_table(method: Method, editor: editor_lib.Editor, ways: Mapping[str, Sequence[Edit]]) -> Table:
    """What is left of the detail of skin, and what a content layer lays over it."""
    rows = []
    for way, edits in ways.items():
        people = [edit.identity for edit in edits]
        for strength in progress(_TEXTURE_STRENGTHS, f'texture, {way}'):
            values = np.asarray([_outside(method, editor, edit, strength) for edit in edits])
            rows.append(
                Row(
                    f'{way}, strength {strength:g}'.replace('-', '−'),
                    [len(set(people)), *(interval(column, people) for column in values.T)],
                )
            )
    columns = [
        Column('people', '', 0),
        *(Column(place, '× source', 2, 'nearest 1', 'texture') for place in ('face', 'crop')),
    ]
    caption = (
        'Outside mouth and eyes (68 landmarks of the source and of the edit, and a tenth of the distance of the '
        'eyes around), in the face from the brows down to the chin, and in the whole crop. Texture: variance of '
        'the Laplacian, edit by source.'
    )
    if editor.bundle.config.model.content:
        columns += [Column(place, 'mean', 4, 'lower', 'alpha') for place in ('face', 'crop')]
        caption += ' Alpha: how much the content layer covers.'
    return Table('texture', 'Texture', caption, columns, rows, row_heading='edit')


def _outside(method: Method, editor: editor_lib.Editor, edit: Edit, strength: float) -> list[float]:
    """Texture of face and crop outside mouth and eyes; with a content layer also its mean alpha there."""
    made = method.edit(edit.start, edit.source, edit.target, strength)
    before, after = landmarks.landmarks(edit.start), landmarks.landmarks(made)
    side = len(made)
    crop = ~(landmarks.features_area(before, side) | landmarks.features_area(after, side))
    areas = (crop & landmarks.face_area(before, side), crop)
    values = [texture(made, area) / texture(edit.start, area) for area in areas]
    face = editor.encode(edit.start)
    content = editor.change(face, editor.edited_latent(face, {edit.target: strength}, source=edit.source))[1]
    return values if content is None else [*values, *(float(content.alpha[area].mean()) for area in areas)]


def texture(image: np.ndarray, area: np.ndarray) -> float:
    """`image_ops.laplacian_variance` of an area of any shape.

    Args:
      image: (H, W, 3) float32 in [-1, 1].
      area: (H, W) bool; the outermost pixels, of which nothing lies beyond, never count.
    """
    laplacian = cv2.Laplacian(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.CV_32F, ksize=1)
    return float(np.var(laplacian[1:-1, 1:-1][area[1:-1, 1:-1]]))


def expression_table(method: Method, changes: Sequence[cases.Change], origins: Mapping[str, str]) -> Table:
    """What every expression moves at strength 1.

    Args:
      method: Makes the edits.
      changes: All expressions of the test people.
      origins: Whether images of an expression are real or synthetic.
    """
    rows = []
    for expression in sorted({change.expression for change in changes}):
        edits = editing.edits([change for change in changes if change.expression == expression])
        real, made = editing.movements(method, edits, (1.0,))
        people = [edit.identity for edit in edits]
        label = f'{expression} ({origins[expression]})'
        own = [statistics.bootstrap_interval(column, people) for column in real.T]
        moving = [j for j, (_, low, high) in enumerate(own) if editing.moves(real[:, j]) and not low <= 0 <= high]
        if not moving:
            rows.append(Row(label, note=f'no measure moves in the own images of {len(set(people))} people'))
        for j in moving:
            cells: list[Cell] = [
                len(set(people)),
                _percent(own[j]),
                _percent(statistics.bootstrap_ratio(made[:, 0, j], real[:, j], people)),
                _share(editing.right_way(made[:, 0, j], real[:, j]), people),
            ]
            rows.append(Row(f'{label}: {landmarks.Measures._fields[j].replace("_", " ")}', cells))
    columns = [
        Column('people', '', 0),
        Column('own change', '% of the distance of the eyes', 1),
        Column('edit', '% of the own change', 0),
        Column('the right way', '% of people', 0),
    ]
    caption = (
        f"Algorithm 1 from {index.NEUTRAL}, strength 1, against the person's own image of the expression: change "
        f'of 68 landmarks, sums over people divided by sums. Shown is what moves: {editing.MOVES}, and 0 is '
        'outside the interval.'
    )
    return Table('expressions', 'Every expression', caption, columns, rows, row_heading='expression and measure')


def _percent(value: tuple[float, float, float]) -> Value:
    return Value(*(100 * part for part in value))


def _share(held: np.ndarray, people: Sequence[str]) -> Value:
    """For how many people something holds, %."""
    return _percent(statistics.bootstrap_interval(held.astype(float), people))
