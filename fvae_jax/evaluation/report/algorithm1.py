"""Algorithm 1 on people kept out of training: what an edit changes, beside what the person's own face did."""

from fvae_jax.evaluation import cases, metrics, scoring
from fvae_jax.evaluation.cases import Cases, Edit
from fvae_jax.evaluation.report import Context, figures
from fvae_jax.evaluation.tables import Column, Figure, Row, Section, Table

STRENGTHS = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5)
_TOLD = (0.5, 1.0, STRENGTHS[-1])
_METRICS = ('psnr', 'psnr_mouth', 'lpips', 'sharpness', metrics.IDENTITY)
_COPY, _OWN = 'the neutral photo', "the person's own expression"

_TEXT = """From a person's neutral photo alone, Algorithm 1 adds an expression; the person's own photo with that
expression is the truth, though nobody smiles the same twice. The table scores the edits at strength 1 against it
(identity distance and sharpness: against the neutral photo; the last row is how far the person's own two photos are
apart).

The plots tell how far the edit goes: the change of 68 landmarks from the neutral photo to the edit, as a share of the
change to the person's own expression, sums over people divided by sums. The diagonal is an edit that does at strength
1 just what the people did. Only measures are shown that most of the people's own photos change one way."""


def section(context: Context) -> Section | None:
    """Edits every neutral photo of the test people; None if nobody has a neutral photo and another."""
    edits = cases.edits(context.run.faces, context.run.editor.expressions)
    if not len(edits):
        return None
    tables, drawn = _landmarks(context, edits)
    return Section('Editing (Algorithm 1)', _TEXT, [_scores(context, edits), *tables], drawn)


def _scores(context: Context, edits: Cases[Edit]) -> Table:
    methods = context.methods
    entries = [methods.average, *methods.vaes, *methods.ours]
    makers = {method: lambda edit, method=method: edit.made_by(method) for method in entries}
    makers = {_COPY: lambda edit: edit.start, **makers, _OWN: lambda edit: edit.truth}
    scores = scoring.score(edits, makers, 'edits', context.run.editor.frame, described=len(edits))
    cells = lambda made: metrics.cells(scores[made], _METRICS, edits.people) if made in scores else ()
    rows = [Row(_COPY, cells(_COPY), left_out='no edit')]
    rows += [method.row(cells(method), 'has no edit for one of the expressions') for method in entries]
    rows += methods.missing
    own = [None if name in ('psnr', 'psnr_mouth', 'lpips') else cell for name, cell in zip(_METRICS, cells(_OWN))]
    rows.append(Row(_OWN, own, left_out='the truth'))
    people = len(set(edits.people))
    caption = f'{len(edits)} edits of {people} people, neutral to each of their expressions, strength 1.'
    return Table('edits', 'Edits against the truth', caption, [metrics.COLUMNS[name] for name in _METRICS], rows)


def _landmarks(context: Context, edits: Cases[Edit]) -> tuple[list[Table], list[Figure]]:
    rows, drawn, method = [], [], context.methods.ours[-1]
    for number, (expression, chosen) in enumerate(cases.by_target(edits).items()):
        curves = {}
        for name, moved in scoring.movements(method, chosen, STRENGTHS, context.run.editor.frame).items():
            if moved.moves():
                label = name.replace('_', ' ')
                curves[label] = shares = moved.shares()
                told = [shares[STRENGTHS.index(strength)] for strength in _TOLD]
                rows.append(Row(f'{expression}: {label}', [*told, moved.right()[STRENGTHS.index(1.0)].mean]))
        if curves:
            # Numbered: a label need not be a file name.
            path = context.drawings / f'strength{number + 1}.png'
            figures.strength_plot(STRENGTHS, curves, path)
            caption = f'Edits by {method.name}, {len(chosen)} people; bands are 95 % intervals.'
            alt = f'Landmark change of {expression} against the strength of the edit.'
            drawn.append(Figure(f'Strength of {expression}', caption, path, alt))
    if not rows:
        return [], []
    columns = [Column(f'strength {s:g}', '% of the real change', 0) for s in _TOLD]
    columns.append(Column('right way', '% of people', 0))
    caption = f'Edits by {method.name}, people as above; strength 1 is right at 100 %.'
    title = 'Landmark change of the edits'
    return [Table('landmarks', title, caption, columns, rows, row_heading='expression and measure')], drawn
