"""Table 2: what people say is real, once the answers of a study (6.3) lie in RUN/study."""

from fvae_jax.errors import InputError
from fvae_jax.evaluation.report import Context
from fvae_jax.evaluation.study import score
from fvae_jax.evaluation.tables import Section

_TEXT = """In the paper's study 25 people labelled 10 images of each method and 10 photos as real or fake; those below
50 % on the photos were dropped, and skipped images not counted. `fvae study build {run} --out {run}/study` makes the
page for such a study from this run; with the files that participants send back in `{run}/study/answers/` this section
has their answers, with intervals that allow for differences between people and between images. `FVAE` moves pixels
alone, as in the paper; a model with a content layer has a row of its own, beyond the paper."""


def section(context: Context) -> Section:
    """Reads RUN/study/key.json and RUN/study/answers, if they are there."""
    folder = context.run.workdir / 'study'
    answers = sorted((folder / 'answers').glob('*.json'))
    try:
        table = score.table(score.score(answers, folder / 'key.json') if answers else None)
    except InputError as error:
        table = score.table(None)._replace(caption=f"The answers cannot be scored ({error}); the paper's numbers.")
    return Section('Perception study (Table 2)', _TEXT.format(run=context.run.workdir), [table])
