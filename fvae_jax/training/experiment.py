"""`train`, `train_mask` and `evaluate`: the entries of the command and of the tests."""

import functools
import logging
import math
import pathlib
from collections.abc import Callable

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np

from fvae_jax import bundle as bundle_lib, config as config_lib
from fvae_jax.data import pairs as pairs_lib, pipeline, survey
from fvae_jax.data.people import Faces, open_faces
from fvae_jax.errors import InputError, printable
from fvae_jax.photo import output, write
from fvae_jax.training import (
    checkpoint,
    evaluate as evaluate_lib,
    exemplars,
    folds,
    lips,
    loop,
    mask,
    parallel,
    publish,
    rundir,
    steps,
)

_LOG = logging.getLogger('fvae_jax')


def train(config: ml_collections.ConfigDict, workdir: str | pathlib.Path) -> dict[str, float]:
    """Trains, or goes on training: the FVAE, then, unless switched off, the mask; scores the test people.

    Args:
      config: The experiment.
      workdir: The run directory; see WORKSPACE.md, "A run directory".

    Returns:
      The FVAE's test scores, as in evaluation.json.

    Raises:
      InputError: The config, the data or the directory cannot be used.
      Diverged: The loss became NaN or infinite.
      DiskFull: No space is left; what was saved before is whole.
      Stopped: A signal came; the state of that step is saved.
    """
    workdir = pathlib.Path(workdir)
    config_lib.validate(config)
    parallel.check_batch_size(config)
    if config.model.dtype == 'float64' and not jax.config.jax_enable_x64:
        raise InputError("config.model.dtype = 'float64' needs the environment variable JAX_ENABLE_X64=1")
    with rundir.claim(workdir):
        faces = _open_training(config, workdir)
        counts = len(faces.split.train), len(faces.pairs('train')), len(faces.split.validation), len(faces.split.test)
        _LOG.info('%d people to train on (%d pairs), %d to validate, %d to test', *counts)
        if parallel.is_main_process():
            _LOG.info('%s', survey.table(faces.data, faces.split._asdict()))
            for doubt in survey.doubts(faces.data):
                _LOG.warning('warning: %s', printable(doubt))
        # Who cannot be taken is told now, not when training ends.
        exemplars.collect(config, faces)
        folds.people(config, faces)
        lips.people(config, faces)
        table = rundir.parameter_table(config)
        if parallel.is_main_process():
            output.write(workdir / 'parameters.txt', table)
        _LOG.info('networks:\n%s', table)

        task = _fvae_task(config, faces)
        loop.fit(task, config, workdir)
        step, state = loop.load_best(task, workdir)
        scores = _score_test(task, workdir, step, state)
        if config.confidence.enabled:
            _train_mask(config, workdir, faces, step, state)
        else:
            publish.publish(config, workdir, faces, state.variables, None, {'step': step})
    return scores


def train_mask(config: ml_collections.ConfigDict, workdir: str | pathlib.Path) -> dict[str, float]:
    """Trains, or goes on training, the confidence mask of the run's best FVAE (3.2).

    Each FVAE step has its own folder, RUN/mask/STEP, so that a mask never judges another FVAE than its own.

    Returns:
      The mask's scores on the test people.

    Raises:
      InputError: The run has no FVAE yet.
    """
    workdir = _existing_run(config, workdir)
    if config.model.decoder != 'flow':
        raise InputError("--mode=mask needs config.model.decoder = 'flow'; the mask judges a flow")
    parallel.check_batch_size(config)
    with rundir.claim(workdir):
        faces = _open_training(config, workdir)
        return _train_mask(config, workdir, faces, *loop.load_best(_fvae_task(config, faces), workdir))


def evaluate(config: ml_collections.ConfigDict, workdir: str | pathlib.Path) -> dict[str, float]:
    """Scores the best step of a run on the test people; writes evaluation.json and samples/test.png.

    Raises:
      InputError: There is no checkpoint, or it belongs to another config.
    """
    workdir, faces = open_run(config, workdir)
    task = _fvae_task(config, faces)
    return _score_test(task, workdir, *loop.load_best(task, workdir))


def open_run(config: ml_collections.ConfigDict, workdir: str | pathlib.Path) -> tuple[pathlib.Path, Faces]:
    """Opens the people of a run that is there already.

    Raises:
      InputError: There is no run, it belongs to another config, or the images are not those it began with.
    """
    workdir = _existing_run(config, workdir)
    faces = open_faces(config)
    rundir.check_people(workdir, faces)
    return workdir, faces


def _existing_run(config: ml_collections.ConfigDict, workdir: str | pathlib.Path) -> pathlib.Path:
    workdir = pathlib.Path(workdir)
    config_lib.validate(config)
    if not (workdir / 'config.json').exists():
        lost = ', but checkpoints: its config.json is missing; restore it' if checkpoint.is_begun(workdir) else ''
        raise InputError(f'{workdir} holds no run{lost or "; train first with --mode=train"}')
    rundir.check_config(workdir, config)
    return workdir


def _open_training(config: ml_collections.ConfigDict, workdir: pathlib.Path) -> Faces:
    """Makes or opens the run directory to train in it; returns its people."""
    rundir.open_workdir(workdir, config)
    faces = parallel.main_first(lambda: open_faces(config))
    rundir.check_people(workdir, faces)
    return faces


def _stored_beta(place: pathlib.Path) -> float:
    """The β that was measured before; 0 when it is still to be measured."""
    stored = place / 'beta.txt'
    if not stored.exists():
        return 0.0
    try:
        beta = float(stored.read_text())
        if not 0 < beta < math.inf:
            raise ValueError(f'{beta} is not a β')
        return beta
    except (OSError, ValueError) as error:
        raise InputError(
            f'{stored} is damaged ({error}); restore it, or delete {place}: its mask is then trained again'
        ) from error


def _batches(config: ml_collections.ConfigDict, faces: Faces, step: int = 0):
    """This host's share of the training batches from a step on."""
    rows = parallel.local_rows(config.train.batch_size)
    pairs = pairs_lib.emphasize(faces.pairs('train'), faces.data.records, config.data.emphasized)
    return pipeline.training_batches(faces.data, pairs, config, rows, step)


def _fvae_task(config: ml_collections.ConfigDict, faces: Faces) -> loop.Task:
    create = jax.jit(functools.partial(steps.create_state, config))
    return loop.Task(
        name='FVAE' if config.model.decoder == 'flow' else 'VAE',
        create_state=create,
        first_state=functools.partial(_first_state, config, create),
        train_step=steps.make_train_step(config),
        batches=functools.partial(_batches, config, faces),
        evaluator=evaluate_lib.FVAEEvaluator(faces, config),
        steps=config.train.steps,
    )


def _first_state(config: ml_collections.ConfigDict, create: Callable[[], steps.TrainState]) -> steps.TrainState:
    """The state that a new run begins with: `train.start`, random where that has no weights, or random weights."""
    state = create()
    if not config.train.start:
        return state
    begun = bundle_lib.load(config.train.start)
    variables, layers = begun.fvae, begun.config.model
    # The channels of g lie in this order: flow, content, shading.
    goes_on = layers.content or not (layers.shading and config.model.content)
    if goes_on and layers.decoder == config.model.decoder:
        last, new = variables['params']['decoder'], state.params['decoder']
        last['out'] = jax.tree.map(_with_new_channels, last['out'], new['out'])
    if jax.tree.map(jnp.shape, variables) != jax.tree.map(jnp.shape, state.variables):
        raise InputError(
            f'train.start: the networks of {config.train.start} are not those of this config; take its '
            'data.image_size and its model fields (model.content and model.shading may be new)'
        )
    # As JAX arrays: what is restored over them is then placed alike.
    return state.replace(**jax.tree.map(jnp.asarray, variables))


def _with_new_channels(begun: np.ndarray, new: jax.Array) -> np.ndarray:
    """Weights of the last layer, to which a content or shading layer that the start lacks adds channels."""
    if begun.shape[:-1] != new.shape[:-1]:
        return begun
    return np.concatenate([begun, np.asarray(new)[..., begun.shape[-1] :]], -1)


def _train_mask(
    config: ml_collections.ConfigDict, workdir: pathlib.Path, faces: Faces, step: int, state: steps.TrainState
) -> dict[str, float]:
    place = workdir / 'mask' / f'{step:07d}'
    rundir.open_workdir(place, config)
    # Measured once: a resumed mask goes on with the same labels.
    beta = parallel.from_main(config.confidence.beta or _stored_beta(place))
    if not beta:
        pairs = faces.pairs('train', config.eval.max_pairs)
        beta = parallel.from_main(mask.measure_beta(faces.data, pairs, config, state.variables))
        if parallel.is_main_process():
            output.write(place / 'beta.txt', f'{beta!r}\n')
    _LOG.info('mask of the FVAE at step %d, β = %.4g', step, beta)
    create = jax.jit(functools.partial(steps.create_mask_state, config))
    task = loop.Task(
        name='mask',
        create_state=create,
        first_state=create,
        train_step=mask.make_mask_train_step(config),
        batches=functools.partial(_batches, _mask_data(config), faces),
        evaluator=mask.MaskEvaluator(faces, config),
        steps=config.confidence.steps,
        frozen={'fvae': state.variables, 'beta': np.float32(beta)},
    )
    loop.fit(task, config, place)
    mask_step, mask_state = loop.load_best(task, place)
    scores = _score_test(task, place, mask_step, mask_state)
    facts = {'step': step, 'beta': beta, 'mask_removed': scores['removed']}
    publish.publish(config, workdir, faces, state.variables, mask_state.variables, facts)
    return scores


def _mask_data(config: ml_collections.ConfigDict) -> ml_collections.ConfigDict:
    """The config with the pairs that a mask learns from.

    S = T pairs are no lesson: y is 1 all over, and they draw the mask away from the pairs it is for. Jitter is
    doubled, because a mask learns the training people by heart sooner than the FVAE does (docs/notes.md).
    """
    config = config.copy_and_resolve_references()
    config.data.identity_pairs, config.data.true_flow = 0.0, False
    for name in ('jitter_degrees', 'jitter_scale', 'jitter_shift'):
        config.data[name] *= 2
    return config


def _score_test(task: loop.Task, workdir: pathlib.Path, step: int, state: steps.TrainState) -> dict[str, float]:
    evaluator, pairs = task.evaluator, task.evaluator.pairs['test']
    scores, people = evaluator.score(state, pairs), evaluator.people(pairs)
    if parallel.is_main_process():
        evaluate_lib.write_evaluation(workdir, scores, people=people, pairs=len(pairs), step=step, split='test')
        write.write_png(workdir / 'samples' / 'test.png', evaluator.samples(state, pairs))
        _LOG.info('%s, step %d, %d test people: %s', task.name, step, people, evaluator.summary(scores))
    return scores
