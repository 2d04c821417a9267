"""Numbers and speed on one accelerator, in a few minutes and without network: `bash launch/accelerator.sh`.

Every stage is a process of its own with its share of the minutes, so that one that fails or hangs costs no other, and
the memory that it reports is its own. After each the results are written to OUT/accelerator.json. It runs on a CPU as
well, where it is only tried (`--small`).
"""

import argparse
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time
from typing import Any, NamedTuple

_ROOT = pathlib.Path(__file__).parents[2]
_RUN = _ROOT / 'build' / 'accelerator-run'
# Of matrix products in float32, and the type of the network's arithmetic.
_PRECISIONS = {'float32': ('highest', 'float32'), 'tf32': ('default', 'float32'), 'bfloat16': ('default', 'bfloat16')}
# Loss, and gradients (distance of the vectors over the length): rounding tips samples and rectifiers over their kinks,
# so that even full precision leaves a hundredth of the gradients.
_ALLOWED = {'float32': (1e-5, 0.03), 'tf32': (2e-3, 0.1), 'bfloat16': (2e-2, 0.4)}
_MODELS = ('paper', 'shipped')
_CLOSING = 30  # seconds for what a stopped training has to save
_TRAINING = 120  # seconds that are kept for it


class Stage(NamedTuple):
    """A process and the most seconds that it may take."""

    name: str
    command: tuple[str, ...]
    seconds: int
    environment: dict[str, str] = {}


def plan(small: bool) -> list[Stage]:
    """The stages, by worth: what a short time leaves out comes last. The training takes what is left.

    Args:
      small: Whether sizes are those that a CPU can do in seconds.
    """
    own = lambda what, *rest: (sys.executable, '-m', 'benchmarks.accelerator', '--stage', what, *rest)
    size, precisions = (('--small',), ('bfloat16',)) if small else ((), tuple(_PRECISIONS))
    stages = [Stage(f'numbers {name}', own('numbers', name, *size), 90) for name in precisions]
    full = {'JAX_DEFAULT_MATMUL_PRECISION': 'highest', 'JAX_NUMPY_RANK_PROMOTION': 'raise'}
    if 'JAX_PLATFORMS' not in os.environ and os.path.exists('/dev/nvidia0'):
        full['JAX_PLATFORMS'] = 'cuda'
    tests = ['tests/test_losses.py'] if small else ['tests/ops', 'tests/models', 'tests/test_losses.py']
    # Without the settings for CPUs, and without those that make a warning of a library an error.
    pytest = (sys.executable, '-m', 'pytest', '-q', '--noconftest', '-c', os.devnull, '--rootdir', str(_ROOT), *tests)
    stages.append(Stage('tests, full precision', pytest, 150, full))
    stages += [Stage(f'step {m} {p}', own('step', m, p, *size), 60) for m in _MODELS for p in precisions]
    stages += [Stage(f'torch step paper {p}', own('torch_step', p, *size), 90) for p in precisions]
    stages.append(Stage('sampler and Eq. 6', own('operations', *size), 60))
    settings = ['--config=configs/synthetic.py:tiny'] if small else [
        '--config=configs/synthetic.py:content', '--config.data.image_size=128', '--config.model.shading=True',
        '--config.train.batch_size=64', '--config.train.evaluate_every=250', '--config.train.steps=20000',
    ]  # fmt: skip
    train = (sys.executable, '-m', 'fvae_jax.main', *settings, f'--workdir={_RUN}')
    return [*stages, Stage('training', train, 600)]


def main() -> int:
    """Runs all stages, or one of them; 1 if one has failed."""
    parser = argparse.ArgumentParser('bash launch/accelerator.sh', description=__doc__.partition('\n')[0])
    parser.add_argument('--out', type=pathlib.Path, default=pathlib.Path(os.environ.get('OUT', 'build/accelerator')))
    parser.add_argument('--minutes', type=float, default=9.5, help='for all stages together (9.5)')
    parser.add_argument('--small', action='store_true', help='sizes for a CPU, to try it')
    parser.add_argument('--dry-run', action='store_true', help='print the stages only')
    parser.add_argument('--stage', nargs='+', help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.stage:
        from benchmarks import accelerator_stages

        print(json.dumps(accelerator_stages.run(args.stage, args.small)))
        return 0
    stages = plan(args.small)
    if args.dry_run:
        for stage in stages:
            print(f'{stage.name}: at most {stage.seconds} s: {" ".join(stage.command)}')
        return 0
    args.out.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(_RUN, ignore_errors=True)
    end, report = time.monotonic() + 60 * args.minutes, {}
    for stage in stages:
        left = end - time.monotonic() - _CLOSING - (_TRAINING if stage is not stages[-1] else 0)
        report[stage.name] = (
            _run(stage, left if args.small else min(stage.seconds, left)) if left > 5 else {'left out': 'no time'}
        )
        print(f'{stage.name}: {json.dumps(report[stage.name])}', flush=True)
        (args.out / 'accelerator.json').write_text(json.dumps(report, indent=1) + '\n')
    report['training'] |= _training(_RUN, args.out)
    (args.out / 'accelerator.json').write_text(json.dumps(report, indent=1) + '\n')
    _draw(report, args.out / 'steps.png')
    return int(any('failed' in facts for facts in report.values()))


def _run(stage: Stage, seconds: float) -> dict[str, Any]:
    """What a stage says in its last line, or why it failed; a training is asked to stop and saves."""
    environment = {'FVAE_CACHE': str(_ROOT / 'build' / 'cache'), 'XLA_PYTHON_CLIENT_PREALLOCATE': 'false'}
    begin = time.monotonic()
    with subprocess.Popen(
        stage.command,
        cwd=_ROOT,
        env={**os.environ, **environment, **stage.environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            said, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGTERM)
            try:
                said, _ = process.communicate(timeout=_CLOSING)
            except subprocess.TimeoutExpired:
                process.kill()
                said, _ = process.communicate()
    lines = said.strip().splitlines() or ['']
    facts: dict[str, Any] = {'seconds': round(time.monotonic() - begin, 1)}
    if process.returncode == 0 and lines[-1].startswith('{'):
        return facts | json.loads(lines[-1])
    if process.returncode in (0, 75):  # 75: a training that was stopped by the clock, and can go on
        return facts | {'said': lines[-1]}
    return facts | {'failed': '\n'.join(lines[-12:]), 'status': process.returncode}


def _training(run: pathlib.Path, out: pathlib.Path) -> dict[str, Any]:
    """How far the training came, how good it was, and its pictures, into the folder of the results."""
    facts: dict[str, Any] = {}
    if (run / 'metrics.jsonl').exists():
        rows = [json.loads(line) for line in (run / 'metrics.jsonl').read_text().splitlines()]
        facts = {key: value for row in rows for key, value in row.items()}
    if (run / 'evaluation.json').exists():
        facts['evaluation'] = json.loads((run / 'evaluation.json').read_text())
    samples = sorted((run / 'samples').glob('*.png'), key=lambda path: path.stat().st_mtime)
    if samples:
        shutil.copy(samples[-1], out / 'samples.png')
    return facts


def _draw(report: dict[str, dict[str, Any]], path: pathlib.Path) -> None:
    """Bars of pairs per second."""
    import matplotlib

    matplotlib.use('Agg')
    from matplotlib import pyplot as plt

    rates = {name: facts['pairs_per_second'] for name, facts in report.items() if 'pairs_per_second' in facts}
    if not rates:
        return
    figure, axes = plt.subplots(figsize=(7, 0.4 * len(rates) + 1), layout='constrained')
    bars = axes.barh(list(rates), list(rates.values()), color=['#c44' if 'torch' in name else '#47a' for name in rates])
    axes.bar_label(bars, fmt='%.3g', padding=3)
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.set(xlabel='training pairs per second')
    figure.savefig(path, dpi=120)
    plt.close(figure)


if __name__ == '__main__':
    sys.exit(main())
