"""The training loop: steps, evaluations, checkpoints, early stopping; the same for the FVAE and for the mask."""

import logging
import math
import pathlib
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import ml_collections
import numpy as np
from tqdm import tqdm

from fvae_jax.errors import Diverged, Stopped
from fvae_jax.ops import image as image_ops
from fvae_jax.training import checkpoint, devices, evaluate, parallel, state as state_lib, writers

_LOG = logging.getLogger('fvae_jax')

# `timeout`, for one, sends SIGTERM to a process and again to its group: signals this close are one.
_SAME_SIGNAL_SECONDS = 1.0


class Task(NamedTuple):
    """What is trained.

    Attributes:
      name: For people.
      create_state: Makes the first state from `config.seed`; its shapes can be had with `jax.eval_shape`.
      train_step: `(state, batch, *, axis_name=None) -> (state, metrics)`.
      evaluator: Scores states.
      validation: (pairs, 2), the pairs of the validation people.
      steps: Steps at most.
      frozen: What the state reads and never changes; it is not part of checkpoints.
    """

    name: str
    create_state: Callable[[], state_lib.TrainState]
    train_step: Callable[..., tuple[state_lib.TrainState, dict[str, Any]]]
    evaluator: evaluate.Evaluator
    validation: np.ndarray
    steps: int
    frozen: Any = {}


def fit(
    task: Task, batches: Iterator[dict[str, np.ndarray]], config: ml_collections.ConfigDict, workdir: pathlib.Path
) -> None:
    """Trains a task, or goes on with it, until `task.steps` or early stopping.

    Args:
      task: What to train.
      batches: This host's share of the training batches, checkpointable.
      config: The experiment.
      workdir: Gets checkpoints, manifests, metrics, samples and evaluation.json.

    Raises:
      Diverged: The loss became NaN or infinite.
      Stopped: SIGTERM or SIGINT came; the state of that step is saved.
    """
    # Resume ladder: 1. the newest step whose files agree with its manifest; 2. the one before it, when that
    # one is damaged; 3. new weights from config.seed. Weights, Adam, the input position, early stopping and
    # the step (and so every random stream) come back, so a resumed run ends with the same bits.
    strategy = devices.make_strategy(config.parallel)
    checkpoints = checkpoint.Checkpoints(workdir)
    restored = checkpoints.restore(strategy.template(jax.eval_shape(task.create_state)), batches)
    state, progress = (task.create_state(), Progress()) if restored is None else (restored[0], Progress(**restored[1]))
    if progress.step:
        _LOG.info('%s resumed at step %d', task.name, progress.step)
    state = strategy.place(state.replace(frozen=task.frozen))
    writer = writers.MetricsWriter(workdir, progress.step) if parallel.is_main_process() else writers.NoWriter()
    try:
        run = _Run(task, config, workdir, strategy, checkpoints, writer)
        parallel.with_hosts(lambda: run.train(state, progress, batches))
    finally:
        writer.close()
        checkpoints.close()


def load_best(task: Task, workdir: pathlib.Path) -> tuple[int, state_lib.TrainState]:
    """Returns the best step of a task and its state, on one device.

    Raises:
      InputError: There is no checkpoint, or it belongs to another config.
    """
    checkpoints = checkpoint.Checkpoints(workdir, read_only=True)
    try:
        step = checkpoints.best_step()
        template = devices.single_device().template(jax.eval_shape(task.create_state))
        return step, checkpoints.restore_state(step, template).replace(frozen=task.frozen)
    finally:
        checkpoints.close()


class Progress:
    """What early stopping remembers.

    Args:
      step: Steps done.
      best_loss: The lowest validation loss so far.
      best_step: Its step.
      stale: Evaluations since then.
    """

    def __init__(self, step: int = 0, best_loss: float = math.inf, best_step: int = 0, stale: int = 0):
        self.step, self.best_loss, self.best_step, self.stale = step, best_loss, best_step, stale

    def note(self, loss: float) -> None:
        """Takes in an evaluation of the current step."""
        if loss < self.best_loss:
            self.best_loss, self.best_step, self.stale = loss, self.step, 0
        else:
            self.stale += 1


class _Run:
    """The loop itself and what it writes."""

    def __init__(self, task, config, workdir, strategy, checkpoints, writer):
        self._task = task
        self._config = config
        self._workdir = workdir
        self._strategy = strategy
        self._checkpoints = checkpoints
        self._writer = writer
        self._step = strategy.compile(task.train_step)

    def train(self, state: Any, progress: Progress, batches) -> None:
        settings = self._config.train
        pending: list[dict[str, Any]] = []
        stop = _StopSignal()
        bar = tqdm(
            desc=self._task.name,
            total=self._task.steps * settings.batch_size,
            initial=progress.step * settings.batch_size,
            unit=' pairs',
            smoothing=0.05,
            dynamic_ncols=True,
            mininterval=1,
            disable=not parallel.is_main_process(),
        )
        with bar, stop:
            while progress.step < self._task.steps and progress.stale < settings.patience:
                state, metrics = self._step(state, self._strategy.shard(next(batches)))
                pending.append(metrics)
                # Dispatch runs ahead of the device; two steps are enough to keep it busy, and with more the bar
                # would show steps that are not done and a stop would wait for all of them.
                jax.block_until_ready(pending[-3:-2])
                progress.step += 1
                bar.update(settings.batch_size)
                last = progress.step == self._task.steps
                evaluating = progress.step % settings.evaluate_every == 0 or last
                stopping = parallel.any_process(bool(stop.asked), progress.step)
                if evaluating or stopping or progress.step % settings.log_every == 0:
                    pending = self._log(progress.step, pending, bar)
                if evaluating:
                    self._evaluate(state, progress, batches, bar)
                elif stopping:
                    self._save(state, progress, batches, -math.inf)
                if stopping:
                    raise stop.as_error(progress.step)
            if parallel.any_process(bool(stop.asked), 0):  # asked in the last evaluation
                raise stop.as_error(progress.step)
        if progress.stale >= settings.patience:
            _LOG.info(
                '%s: early stopping at step %d, no gain in %d evaluations',
                self._task.name,
                progress.step,
                progress.stale,
            )

    def _log(self, step: int, pending: list[dict[str, Any]], bar) -> list:
        """Writes the mean of the steps since the last line; stops the run at the first that is not finite."""
        fetched = [self._strategy.first(metrics) for metrics in pending]
        for i, metrics in enumerate(fetched):
            if not all(np.isfinite(value) for value in metrics.values()):
                bad = step - len(fetched) + 1 + i
                saved = self._checkpoints.steps()
                kept = f'the checkpoint of step {saved[-1]} is kept' if saved else 'there is no checkpoint yet'
                raise Diverged(
                    f'step {bad}: {_not_finite(metrics)}; {kept}. Lower train.learning_rate in a new '
                    f'--workdir; {self._workdir / "metrics.jsonl"} shows how it came'
                )
        means = {name: np.mean([m[name] for m in fetched]) for name in fetched[0]}
        rate = bar.format_dict['rate']
        self._writer.write(
            step, {f'train/{k}': v for k, v in means.items()} | ({'pairs_per_second': rate} if rate else {})
        )
        bar.set_postfix(loss=f'{means["loss"]:.1f}', refresh=False)
        return []

    def _evaluate(self, state: Any, progress: Progress, batches, bar) -> None:
        started = time.monotonic()
        evaluator, pairs = self._task.evaluator, self._task.validation
        fetched = self._strategy.fetch(state)
        scores = evaluator.score(fetched, pairs)
        progress.note(parallel.from_main(scores['loss']))
        self._writer.write(progress.step, {f'validation/{k}': v for k, v in scores.items()})
        if parallel.is_main_process():
            grid = evaluator.samples(fetched, pairs)
            image_ops.write_png(self._workdir / 'samples' / f'{progress.step:07d}.png', grid)
            self._writer.picture(progress.step, 'samples', grid)
            evaluate.write_evaluation(
                self._workdir,
                scores,
                people=evaluator.people(pairs),
                pairs=len(pairs),
                step=progress.step,
                split='validation',
            )
        self._save(state, progress, batches, -parallel.from_main(scores['loss']))
        bar.clear()
        _LOG.info(
            'step %d, %d validation people: %s', progress.step, evaluator.people(pairs), evaluator.summary(scores)
        )
        # Evaluating is no part of the training rate.
        if not bar.disable:
            bar.start_t += time.monotonic() - started

    def _save(self, state: Any, progress: Progress, batches, score: float) -> None:
        state = self._strategy.save_form(state.replace(frozen={}))
        if all(bool(np.isfinite(np.asarray(leaf)).all()) for leaf in jax.tree.leaves(state.params)):
            self._checkpoints.save(progress.step, state, batches, vars(progress), score)


def _not_finite(metrics: dict[str, Any]) -> str:
    return ', '.join(f'{name} is {float(value)}' for name, value in metrics.items() if not np.isfinite(value))


class _StopSignal:
    """Remembers the first SIGTERM or SIGINT instead of dying of it; another one, a second later, is obeyed."""

    def __init__(self):
        self.asked = ''
        self._since = 0.0
        self._before: dict[int, Any] = {}

    def __enter__(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            try:
                self._before[number] = signal.signal(number, self._remember)
            except ValueError:
                # Not the main thread (a notebook's worker, say): signals stay as they are.
                break
        return self

    def __exit__(self, *unused):
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def as_error(self, step: int) -> Stopped:
        """What ends a training whose step is saved."""
        return Stopped(
            f'stopped by {self.asked or "a signal to another process"} at step {step}, which is saved; the same '
            'command goes on from there'
        )

    def _remember(self, number: int, frame):
        if not self.asked:
            self.asked, self._since = signal.Signals(number).name, time.monotonic()
        elif time.monotonic() - self._since > _SAME_SIGNAL_SECONDS:
            self.__exit__()
            signal.raise_signal(number)
