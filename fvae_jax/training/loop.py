"""The training loop: steps, evaluations, checkpoints, early stopping; the same for the FVAE and for the mask."""

import contextlib
import dataclasses
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
from fvae_jax.photo import write
from fvae_jax.training import checkpoint, devices, evaluate, parallel, writers
from fvae_jax.training.steps import TrainState

# `timeout`, for one, sends SIGTERM to a process and again to its group: signals this close are one.
_SAME_SIGNAL_SECONDS = 1.0

_LOG = logging.getLogger('fvae_jax')


class Task(NamedTuple):
    """What is trained.

    Attributes:
      name: For people.
      create_state: Makes a state from `config.seed`; its shapes can be had with `jax.eval_shape`.
      first_state: Makes the state that a new run begins with.
      train_step: `(state, batch, *, axis_name=None) -> (state, metrics)`.
      batches: Opens this host's share of the training batches from a step on.
      evaluator: Scores states.
      steps: Steps at most.
      frozen: What the state reads and never changes; it is not part of checkpoints.
    """

    name: str
    create_state: Callable[[], TrainState]
    first_state: Callable[[], TrainState]
    train_step: Callable[..., tuple[TrainState, dict[str, Any]]]
    batches: Callable[[int], Iterator[dict[str, np.ndarray]]]
    evaluator: evaluate.Evaluator
    steps: int
    frozen: Any = {}


def fit(task: Task, config: ml_collections.ConfigDict, workdir: pathlib.Path) -> None:
    """Trains a task, or goes on with it, until `task.steps` or early stopping.

    The run directory gets checkpoints, manifests, metrics, samples and evaluation.json.

    Raises:
      Diverged: The loss became NaN or infinite.
      Stopped: SIGTERM or SIGINT came; the state of that step is saved.
    """
    # Resume ladder: 1. the newest step whose files agree with its manifest; 2. the one before it, when that one is
    # damaged; 3. the first state. Weights, Adam, early stopping and the step come back, and with the step the place in
    # the input and every random stream, so a resumed run ends with the same bits.
    strategy = devices.make_strategy(config.parallel)
    checkpoints = checkpoint.Checkpoints(workdir)
    if steps := checkpoints.steps():
        state, known = checkpoints.restore(steps[-1], strategy.template(jax.eval_shape(task.create_state)))
        progress = Progress(**known)
        _LOG.info('%s resumed at step %d', task.name, progress.step)
    else:
        state, progress = task.first_state(), Progress()
    state = strategy.place(state.replace(frozen=task.frozen))
    writer = writers.MetricsWriter(workdir, progress.step) if parallel.is_main_process() else None
    try:
        run = _Run(task, config, workdir, strategy, checkpoints, writer)
        parallel.with_hosts(lambda: run.train(state, progress))
    finally:
        if writer:
            writer.close()
        checkpoints.close()


def load_best(task: Task, workdir: pathlib.Path) -> tuple[int, TrainState]:
    """Returns the best step of a task and its state, on one device.

    Raises:
      InputError: There is no checkpoint, or it belongs to another config.
    """
    with contextlib.closing(checkpoint.Checkpoints(workdir, read_only=True)) as checkpoints:
        step = checkpoints.best_step()
        template = devices.single_device().template(jax.eval_shape(task.create_state))
        return step, checkpoints.restore(step, template)[0].replace(frozen=task.frozen)


@dataclasses.dataclass
class Progress:
    """What early stopping remembers.

    Attributes:
      step: Steps done.
      best_loss: The lowest validation loss so far.
      best_step: Its step.
      stale: Evaluations since then.
    """

    step: int = 0
    best_loss: float = math.inf
    best_step: int = 0
    stale: int = 0

    def note(self, loss: float) -> None:
        """Takes in an evaluation of the current step."""
        if loss < self.best_loss:
            self.best_loss, self.best_step, self.stale = loss, self.step, 0
        else:
            self.stale += 1


@dataclasses.dataclass(frozen=True)
class _Run:
    """The loop itself and what it writes; `writer` is that of the main process."""

    task: Task
    config: ml_collections.ConfigDict
    workdir: pathlib.Path
    strategy: devices.Strategy
    checkpoints: checkpoint.Checkpoints
    writer: writers.MetricsWriter | None

    def train(self, state: Any, progress: Progress) -> None:
        settings, stop = self.config.train, _StopSignal()
        train_step, batches = self.strategy.compile(self.task.train_step), self.task.batches(progress.step)
        pending: list[dict[str, Any]] = []
        bar = tqdm(
            desc=self.task.name,
            total=self.task.steps * settings.batch_size,
            initial=progress.step * settings.batch_size,
            unit=' pairs',
            smoothing=0.05,
            dynamic_ncols=True,
            mininterval=1,
            disable=not parallel.is_main_process(),
        )
        with bar, stop:
            while progress.step < self.task.steps and progress.stale < settings.patience:
                state, metrics = train_step(state, self.strategy.shard(next(batches)))
                pending.append(metrics)
                # Dispatch runs ahead of the device; two steps are enough to keep it busy, and with more the bar
                # would show steps that are not done and a stop would wait for all of them.
                jax.block_until_ready(pending[-3:-2])
                progress.step += 1
                bar.update(settings.batch_size)
                last = progress.step == self.task.steps
                evaluating = progress.step % settings.evaluate_every == 0 or last
                stopping = parallel.any_process(bool(stop.asked), progress.step)
                if evaluating or stopping or progress.step % settings.log_every == 0:
                    pending = self._log(progress.step, pending, bar)
                if evaluating:
                    self._evaluate(state, progress, bar)
                elif stopping:
                    self._save(state, progress, -math.inf)
                if stopping:
                    raise stop.as_error(progress.step)
            if parallel.any_process(bool(stop.asked), 0):  # asked in the last evaluation
                raise stop.as_error(progress.step)
        if progress.stale >= settings.patience:
            told = '%s: early stopping at step %d, no gain in %d evaluations'
            _LOG.info(told, self.task.name, progress.step, progress.stale)

    def _log(self, step: int, pending: list[dict[str, Any]], bar) -> list:
        """Writes the mean of the steps since the last line; stops the run at the first that is not finite."""
        fetched = jax.device_get([self.strategy.fetch(metrics) for metrics in pending])
        for i, metrics in enumerate(fetched):
            wrong = [f'{name} is {float(value)}' for name, value in metrics.items() if not np.isfinite(value)]
            if wrong:
                bad, saved = step - len(fetched) + 1 + i, self.checkpoints.steps()
                kept = f'the checkpoint of step {saved[-1]} is kept' if saved else 'there is no checkpoint yet'
                raise Diverged(
                    f'step {bad}: {", ".join(wrong)}; {kept}. Lower train.learning_rate in a new '
                    f'--workdir; {self.workdir / "metrics.jsonl"} shows how it came'
                )
        means = {name: np.mean([m[name] for m in fetched]) for name in fetched[0]}
        if self.writer:
            rate = bar.format_dict['rate']
            speed = {'pairs_per_second': rate} if rate else {}
            self.writer.write(step, {f'train/{name}': mean for name, mean in means.items()} | speed)
        bar.set_postfix(loss=f'{means["loss"]:.1f}', refresh=False)
        return []

    def _evaluate(self, state: Any, progress: Progress, bar) -> None:
        started = time.monotonic()
        evaluator, pairs = self.task.evaluator, self.task.evaluator.pairs['validation']
        fetched = self.strategy.fetch(state)
        scores = evaluator.score(fetched, pairs)
        loss = parallel.from_main(scores['loss'])
        progress.note(loss)
        if self.writer:
            self.writer.write(progress.step, {f'validation/{name}': score for name, score in scores.items()})
            samples = evaluator.samples(fetched, pairs)
            write.write_png(self.workdir / 'samples' / f'{progress.step:07d}.png', samples)
            self.writer.picture(progress.step, 'samples', samples)
            facts = {'people': evaluator.people(pairs), 'pairs': len(pairs), 'step': progress.step}
            evaluate.write_evaluation(self.workdir, scores, **facts, split='validation')
        self._save(state, progress, -loss)
        bar.clear()
        told = 'step %d, %d validation people: %s'
        _LOG.info(told, progress.step, evaluator.people(pairs), evaluator.summary(scores))
        # Evaluating is no part of the training rate.
        if not bar.disable:
            bar.start_t += time.monotonic() - started

    def _save(self, state: Any, progress: Progress, score: float) -> None:
        state = self.strategy.save_form(state.replace(frozen={}))
        if all(bool(np.isfinite(np.asarray(leaf)).all()) for leaf in jax.tree.leaves(state.params)):
            self.checkpoints.save(progress.step, state, dataclasses.asdict(progress), score)


class _StopSignal:
    """Remembers the first SIGTERM or SIGINT instead of dying of it, so that the step is finished and saved first.

    Another one, a second later, is obeyed.
    """

    def __init__(self):
        self.asked = ''
        self._since = 0.0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> '_StopSignal':
        for number in (signal.SIGTERM, signal.SIGINT):
            try:
                self._before[number] = signal.signal(number, self._remember)
            except ValueError:
                # Not the main thread (a notebook's worker, say): signals stay as they are.
                break
        return self

    def __exit__(self, *unused: object) -> None:
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
