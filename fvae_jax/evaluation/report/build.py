"""The report of a run: every table and figure of the paper's section 6, on the run's own held-out people."""

import logging
import os
import pathlib
import platform

import ml_collections

from fvae_jax.errors import InputError
from fvae_jax.evaluation import runs
from fvae_jax.evaluation.methods import base
from fvae_jax.evaluation.report import Context, algorithm1, figure6, page, pictures, table1, true_flow
from fvae_jax.evaluation.study import score
from fvae_jax.evaluation.tables import Report, Section, Table, number, shown
from fvae_jax.photo import output

_LOG = logging.getLogger('fvae_jax')
_TABLE2 = """In the paper's study 25 people labelled 10 images of each method and 10 photos as real or fake; those below
50 % on the photos were dropped, and skipped images not counted. `fvae study build {run} --out {run}/study` makes the
page for such a study from this run; with the files that participants send back in `{run}/study/answers/` this section
has their answers, with intervals that allow for differences between people and between images. `FVAE` moves pixels
alone, as in the paper; a model with a content layer has a row of its own, beyond the paper."""


def report(config: ml_collections.ConfigDict, workdir: str | os.PathLike) -> pathlib.Path:
    """Writes RUN/report: index.html, report.json, a CSV for each table, figures; returns the page.

    `runs.open_run` tells of arguments and errors. VAEs to compare with are in the run's folders vae and vae_pyramid.
    """
    run = runs.open_run(config, workdir)
    methods = runs.open_methods(run)
    with output.scratch(run.workdir) as drawings:
        context, sections = Context(run, methods, drawings), []
        parts = (table1.section, figure6.section, algorithm1.section, pictures.section, true_flow.section, table2)
        for section in parts:
            found = section(context)
            if found is not None:
                _LOG.info('%s: done', found.title)
                sections.append(found)
        packages = ' '.join(f'{name} {__import__(name).__version__}' for name in ('jax', 'flax', 'cv2'))
        machine = f'{os.cpu_count()} × {platform.machine()}, {platform.system()}'
        facts = run.facts()
        facts |= {
            'software': f'{facts["software"]}, {packages}',
            'machine': f'{machine}, Python {platform.python_version()}',
            'made by': f'`fvae report {run.workdir}`',
        }
        result = Report(f'FVAE report: {config.name}', _summary(sections[0], methods), facts, sections)
        return page.write(result, run.workdir / 'report')


def table2(context: Context) -> Section:
    """Table 2: what people say is real, once RUN/study has a key.json and the answers of a study (6.3)."""
    folder = context.run.workdir / 'study'
    answers = sorted((folder / 'answers').glob('*.json'))
    try:
        table = score.table(score.score(answers, folder / 'key.json') if answers else None)
    except InputError as error:
        table = score.table(None)._replace(caption=f"The answers cannot be scored ({error}); the paper's numbers.")
    return Section('Perception study (Table 2)', _TABLE2.format(run=context.run.workdir), [table])


def _summary(first: Section, methods: runs.Methods) -> str:
    """One paragraph from Table 1."""
    table: Table = first.tables[0]
    names = [column.name for column in table.columns]
    row = {r.label: dict(zip(names, map(number, r.cells))) for r in table.rows if not r.note}
    fvae, copy = row[methods.ours[0].name], row[base.Copy.name]
    text = (
        f'With the latent of the true target, the FVAE reaches {fvae["PSNR"].mean:.2f} dB where copying the source '
        f'has {copy["PSNR"].mean:.2f} dB, {shown(fvae["share of the way"].mean, 0)} % of the way to optical flow that '
        'is computed from the true target.'
    )
    if fvae['LPIPS']:
        better = [name for name in row if row[name]['LPIPS'] and row[name]['LPIPS'].mean < fvae['LPIPS'].mean]
        text += f' In LPIPS ({fvae["LPIPS"].mean:.3f}) ' + (
            f'{", ".join(better)} did better.' if better else 'no other method did better.'
        )
    return text
