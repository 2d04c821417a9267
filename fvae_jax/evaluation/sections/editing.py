"""Algorithm 1 on people kept out of training: what an edit changes, beside what the person's own face did."""

from collections.abc import Sequence

import numpy as np

from fvae_jax.data import index
from fvae_jax.evaluation import cases, landmarks, metrics, statistics
from fvae_jax.evaluation.baselines.base import Method
from fvae_jax.evaluation.report import Column, Figure, Row, Section, Table, Value, figures
from fvae_jax.evaluation.sections import COLUMNS, IDENTITY, Context, interval, progress

STRENGTHS = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5)
_FULL = STRENGTHS.index(1.0)
# A measure belongs to an expression if most people's own photos change it one way, by a visible amount.
_AGREE = 0.75
_VISIBLE = 0.02  # of the distance of the eyes
_METRICS = ('psnr', 'psnr_mouth', 'lpips', 'sharpness', IDENTITY)

_TEXT = '''From a person's neutral photo alone, Algorithm 1 adds an expression; the person's own photo with that expression is
the truth, though nobody smiles the same twice. The table scores the edits at strength 1 against it (identity distance
and sharpness: against the neutral photo; the last row is how far the person's own two photos are apart).

The plots tell how far the edit goes: the change of 68 landmarks from the neutral photo to the edit, as a share of the
change to the person's own expression, sums over people divided by sums. The diagonal is an edit that does at strength
1 just what the people did. Only measures are shown that most of the people's own photos change one way.'''


def section(context: Context) -> Section | None:
    """Edits every neutral photo of the test people; None if nobody has a neutral photo and another."""
    changes = list(cases.changes(context.faces, context.editor.expressions))
    if not changes:
        return None
    tables = [_scores(context, changes)]
    table, drawn = _landmarks(context, changes)
    return Section('Editing (Algorithm 1)', _TEXT, [*tables, *table], drawn)


def _scores(context: Context, changes: Sequence[cases.Change]) -> Table:
    methods = context.methods
    people = [change.identity for change in changes]
    neutral, truth = (np.stack([getattr(change, name) for change in changes]) for name in ('neutral', 'expressive'))
    own = context.judge.descriptors(neutral)
    copy = {**context.judge.score(neutral, truth, neutral), IDENTITY: np.zeros(len(changes))}
    rows = [Row('the neutral photo', _cells(copy, people), left_out='no edit')]
    entries: list[Method] = [methods.average, *methods.vaes, *methods.ours]
    for method in progress(entries, 'edits'):
        edits = [method.edit(change.neutral, index.NEUTRAL, change.expression, 1.0) for change in changes]
        if any(edit is None for edit in edits):
            rows.append(Row(method.name, note='has no edit for one of the expressions'))
            continue
        edits = np.stack(edits)
        scores = context.judge.score(edits, truth, neutral)
        scores[IDENTITY] = metrics.identity_distance(context.judge.descriptors(edits), own)
        rows.append(Row(method.name, _cells(scores, people), ours=method in methods.ours))
    rows += [Row(name, note=note) for name, note in methods.missing.items()]
    real = {**context.judge.score(truth, truth, neutral),
            IDENTITY: metrics.identity_distance(context.judge.descriptors(truth), own)}
    cells = [None if name.startswith('psnr') or name == 'lpips' else cell
             for name, cell in zip(_METRICS, _cells(real, people))]
    rows.append(Row("the person's own expression", cells, left_out='the truth'))
    caption = f'{len(changes)} edits of {len(set(people))} people, neutral to each of their expressions, strength 1.'
    return Table('edits', 'Edits against the truth', caption, [COLUMNS[name] for name in _METRICS], rows)


def _cells(scores: dict[str, np.ndarray], people: Sequence[str]) -> list:
    return [interval(scores[name], people) if name in scores else metrics.LPIPS_MISSING for name in _METRICS]


def _landmarks(context: Context, changes: Sequence[cases.Change]) -> tuple[list[Table], list[Figure]]:
    rows, drawn = [], []
    for number, expression in enumerate(sorted({change.expression for change in changes})):
        chosen = [change for change in changes if change.expression == expression]
        real, made = _measured(context, chosen)
        curves = {}
        for j, name in enumerate(landmarks.Measures._fields):
            sign = np.sign(real[:, j].mean())
            if abs(real[:, j].mean()) < _VISIBLE or np.mean(np.sign(real[:, j]) == sign) < _AGREE:
                continue
            people = [change.identity for change in chosen]
            shares = [_percent(statistics.bootstrap_ratio(made[:, k, j], real[:, j], people))
                      for k in range(len(STRENGTHS))]
            label = name.replace('_', ' ')
            curves[label] = figures.Curve(*zip(*shares))
            right = 100 * float(np.mean(np.sign(made[:, _FULL, j]) == sign))
            rows.append(Row(f'{expression}: {label}', [shares[STRENGTHS.index(0.5)], shares[_FULL], shares[-1], right]))
        if curves:
            # Numbered: a label need not be a file name.
            path = context.drawings / f'strength{number + 1}.png'
            figures.strength_plot(STRENGTHS, curves, path)
            drawn.append(Figure(f'Strength of {expression}', f'{len(chosen)} people; bands are 95 % intervals.', path,
                                f'Landmark change of {expression} against the strength of the edit.'))
    if not rows:
        return [], []
    columns = [Column(f'strength {s:g}', '% of the real change', 0) for s in (0.5, 1.0, STRENGTHS[-1])]
    columns.append(Column('right way', '% of people', 0))
    return [Table('landmarks', 'Landmark change of the edits', 'People as above; strength 1 is right at 100 %.', columns,
                  rows, row_heading='expression and measure')], drawn


def _measured(context: Context, changes: Sequence[cases.Change]) -> tuple[np.ndarray, np.ndarray]:
    """Real changes (people, measures) and those of the edits (people, strengths, measures)."""
    def of(crop: np.ndarray) -> np.ndarray:
        return np.asarray(landmarks.measure(landmarks.landmarks(crop)))

    real, made = [], []
    for change in progress(changes, f'landmarks of {changes[0].expression}'):
        start = of(change.neutral)
        real.append(of(change.expressive) - start)
        made.append([of(context.methods.ours[-1].edit(change.neutral, index.NEUTRAL, change.expression, s)) - start
                     for s in STRENGTHS])
    return np.asarray(real), np.asarray(made)


def _percent(share: tuple[float, float, float]) -> Value:
    return Value(*(100 * x for x in share))
