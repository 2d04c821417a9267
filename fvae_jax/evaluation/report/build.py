"""The report of a run: every table and figure of the paper's section 6, on the run's own held-out people."""

import logging
import os
import pathlib
import platform

import ml_collections

from fvae_jax.evaluation import runs
from fvae_jax.evaluation.methods import base
from fvae_jax.evaluation.report import Context, algorithm1, figure6, page, pictures, table1, table2, true_flow
from fvae_jax.evaluation.tables import Report, Section, Table, number, shown
from fvae_jax.photo import output

_LOG = logging.getLogger('fvae_jax')
_SECTIONS = (table1, figure6, algorithm1, pictures, true_flow, table2)


def report(config: ml_collections.ConfigDict, workdir: str | os.PathLike) -> pathlib.Path:
    """Writes RUN/report: index.html, report.json, a CSV for each table, figures; returns the page.

    `runs.open_run` tells of arguments and errors. VAEs to compare with are in the run's folders vae and vae_pyramid.
    """
    run = runs.open_run(config, workdir)
    methods = runs.open_methods(run)
    with output.scratch(run.workdir) as drawings:
        context = Context(run, methods, drawings)
        sections = []
        for module in _SECTIONS:
            found = module.section(context)
            if found is not None:
                _LOG.info('%s: done', found.title)
                sections.append(found)
        result = Report(f'FVAE report: {config.name}', _summary(sections[0], methods), _facts(run), sections)
        return page.write(result, run.workdir / 'report')


def _summary(first: Section, methods: runs.Methods) -> str:
    """One paragraph from Table 1."""
    table: Table = first.tables[0]
    names = [column.name for column in table.columns]
    row = {r.label: dict(zip(names, map(number, r.cells))) for r in table.rows if not r.note}
    fvae, copy = row[methods.fvae.name], row[base.Copy.name]
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


def _facts(run: runs.Run) -> dict[str, str | int | float]:
    packages = ' '.join(f'{name} {__import__(name).__version__}' for name in ('jax', 'flax', 'cv2'))
    facts = run.facts()
    return {
        **facts,
        'software': f'{facts["software"]}, {packages}',
        'machine': f'{os.cpu_count()} × {platform.machine()}, {platform.system()}, Python {platform.python_version()}',
        'made by': f'`fvae report {run.workdir}`',
    }
