"""The report of a run: every table and figure of the paper's section 6, on the run's own held-out people."""

import logging
import os
import pathlib
import platform
import tempfile

import ml_collections

import fvae_jax
from fvae_jax.editing import editor as editor_lib
from fvae_jax.errors import InputError
from fvae_jax.evaluation import methods as methods_lib, metrics
from fvae_jax.evaluation.baselines import fading, learned
from fvae_jax.evaluation.report import Report, Section, Table, number, page
from fvae_jax.evaluation.sections import Context, editing, flow, gallery, interpolation, perception, reconstruction
from fvae_jax.training import experiment

_LOG = logging.getLogger('fvae_jax')
_SECTIONS = (reconstruction, interpolation, editing, gallery, flow, perception)


def report(config: ml_collections.ConfigDict, workdir: str | os.PathLike) -> pathlib.Path:
    """Writes RUN/report: index.html, report.json, a CSV for each table, figures.

    Args:
      config: The experiment, as the run's config.json has it.
      workdir: The run directory; VAEs to compare with are in its folders vae and vae_pyramid.

    Returns:
      The page.

    Raises:
      InputError: There is no finished run, or its images are not there.
    """
    workdir, faces = experiment.open_run(config, workdir)
    model = workdir / 'model.safetensors'
    if not model.exists():
        raise InputError(f'{model} is missing; let the training of {workdir} end first')
    editor = editor_lib.load(model)
    methods = methods_lib.open_methods(workdir, faces, config, editor)
    with tempfile.TemporaryDirectory(dir=workdir, prefix='.report') as drawings:
        context = Context(workdir, config, faces, editor, methods, metrics.Judge(), pathlib.Path(drawings))
        sections = []
        for module in _SECTIONS:
            found = module.section(context)
            if found is not None:
                _LOG.info('%s: done', found.title)
                sections.append(found)
        result = Report(f'FVAE report: {config.name}', _summary(sections[0]), _facts(context), sections)
        return page.write(result, workdir / 'report')


def _summary(first: Section) -> str:
    """One paragraph from Table 1."""
    table: Table = first.tables[0]
    names = [column.name for column in table.columns]
    row = {r.label: dict(zip(names, map(number, r.cells))) for r in table.rows if not r.note}
    fvae, copy = row[learned.FVAE.name], row[fading.Copy.name]
    text = (
        f'With the latent of the true target, the FVAE reaches {fvae["PSNR"].mean:.2f} dB where copying the source has '
        f'{copy["PSNR"].mean:.2f} dB, {fvae["share of the way"].mean:.0f} % of the way to optical flow that is computed '
        'from the true target.'
    )
    if fvae['LPIPS']:
        better = [name for name in row if row[name]['LPIPS'] and row[name]['LPIPS'].mean < fvae['LPIPS'].mean]
        text += f' In LPIPS ({fvae["LPIPS"].mean:.3f}) ' + (
            f'{", ".join(better)} did better.' if better else 'no other method did better.'
        )
    return text


def _facts(context: Context) -> dict[str, str | int | float]:
    config, split = context.config, context.faces.split
    info = context.editor.bundle.info
    packages = ' '.join(f'{name} {__import__(name).__version__}' for name in ('jax', 'flax', 'cv2'))
    return {
        'run': config.name,
        'data': f'{config.data.set} {info.get("data") or ""}'.strip(),
        'people': f'{len(split.train)} to train, {len(split.validation)} to validate, {len(split.test)} to test',
        'size': f'{config.data.image_size} px, width {config.model.width}',
        'seed': config.seed,
        'steps': f'{info["step"]} (the best of {config.train.steps})',
        'machine': f'{os.cpu_count()} × {platform.machine()}, {platform.system()}, Python {platform.python_version()}',
        'software': f'fvae_jax {fvae_jax.__version__}, {packages}',
        'made by': f'`fvae report {context.workdir}`',
    }
