"""Table 2: what people say is real, once the answers of a study (6.3) lie in RUN/study."""

from fvae_jax.errors import InputError
from fvae_jax.evaluation.report import Context
from fvae_jax.evaluation.statistics import Value
from fvae_jax.evaluation.study import score
from fvae_jax.evaluation.tables import Column, Row, Section, Table

_TEXT = """In the paper's study 25 people labelled 10 images of each method and 10 photos as real or fake; those below
50 % on the photos were dropped, and skipped images not counted. `fvae study build {run} --out {run}/study` makes the
page for such a study from this run; with the files that participants send back in `{run}/study/answers/` this section
has their answers, with intervals that allow for differences between people and between images. `FVAE` moves pixels
alone, as in the paper; a model with a content layer has a row of its own, beyond the paper."""


def section(context: Context) -> Section:
    """Reads RUN/study/key.json and RUN/study/answers, if they are there."""
    folder = context.run.workdir / 'study'
    answers = sorted((folder / 'answers').glob('*.json'))
    rows = []
    caption, result = "No answers yet; the paper's numbers.", None
    try:
        result = score.score(answers, folder / 'key.json') if answers else None
    except InputError as error:
        caption = f"The answers cannot be scored ({error}); the paper's numbers."
    if result:
        caption = f'{result.participants} participants; {len(result.dropped)} dropped.'
        for row in result.rows:
            share = Value(row.real / row.judged, *row.interval).percent() if row.judged else None
            rows.append(Row(row.method, [share, row.judged, score.PAPER.get(row.method.partition(' (')[0])]))
    else:
        rows = [Row(method, [None, None, share]) for method, share in score.PAPER.items()]
    columns = [Column('labelled real', '%', 1), Column('answers', '', 0), Column('paper', '%', 1)]
    return Section(
        'Perception study (Table 2)',
        _TEXT.format(run=context.run.workdir),
        [Table('table2', 'Table 2', caption, columns, rows)],
    )
