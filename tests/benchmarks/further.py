"""What the table leaves out: arithmetic, memory, growth, compilation, and where a cold edit spends its time.

Whatever needs a process of its own (memory, cold starts) runs `python -m benchmarks.further WHAT ARGUMENTS`, which
prints one line of JSON.
"""

import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any

import jax
import jax.numpy as jnp
import matplotlib
import numpy as np
from benchmarks import harness, portraits, training

from fvae_jax import runtime
from fvae_jax.photo import write

_MATRIX = 2048
# Image size, width, batch: one varies at a time.
_BASE = (128, 32, 16)
_SIZES = [(64, 32, 16), _BASE, (256, 32, 4)]
_WIDTHS = [(128, 8, 16), (128, 16, 16), _BASE]
_BATCHES = [(128, 32, 4), (128, 32, 8), _BASE, (128, 32, 32)]


def matrix_peak() -> float:
    """Floating-point operations per second of the best of several products of square matrices, in torch or JAX."""
    import torch

    a = np.random.default_rng(0).normal(size=(_MATRIX, _MATRIX)).astype(np.float32)
    ours, theirs, product = jnp.asarray(a), torch.from_numpy(a), jax.jit(jnp.matmul)
    seconds = min(
        harness.turn(call, 3)
        for _ in range(5)
        for call in (lambda: product(ours, ours).block_until_ready(), lambda: theirs @ theirs)
    )
    return 2 * _MATRIX**3 / seconds


def growth() -> list[dict[str, float]]:
    """Time, working memory and arithmetic of the step at several sizes, widths and batches."""
    rows = []
    for size, width, batch in sorted({*_SIZES, *_WIDTHS, *_BATCHES}):
        facts = _own_process('step', size, width, batch)
        rows.append({'size': size, 'width': width, 'batch': batch, **facts, **training.arithmetic(size, width, batch)})
        print(f'  {size} px, w = {width}, batch {batch}: {facts["ms"]:.0f} ms, {facts["peak_mb"]:.0f} MB', flush=True)
    return rows


def plot_growth(rows: list[dict[str, float]], path: pathlib.Path) -> None:
    """Draws time against arithmetic, with the line of proportional growth through the base case."""
    matplotlib.use('Agg')
    from matplotlib import pyplot as plt

    found = {(row['size'], row['width'], row['batch']): row for row in rows}
    figure, axes = plt.subplots(figsize=(6, 4.2), layout='constrained')
    for cases, label, marker in (
        (_BATCHES, 'batch 4 to 32', 'o'),
        (_WIDTHS, 'width 8 to 32', 's'),
        (_SIZES, 'image 64 to 256 px (256 at batch 4)', '^'),
    ):
        axes.plot(
            [found[case]['printed'] / 1e9 for case in cases],
            [found[case]['ms'] for case in cases],
            marker=marker,
            label=label,
        )
    base = found[_BASE]
    reach = np.array([min(row['printed'] for row in rows), max(row['printed'] for row in rows)])
    axes.plot(
        reach / 1e9, base['ms'] * reach / base['printed'], color='gray', linestyle=':', label='as the arithmetic grows'
    )
    axes.set(
        xscale='log',
        yscale='log',
        xlabel='arithmetic of a step as printed, GFLOP',
        ylabel='time of a step, ms',
        title='Training step, 128 px, w = 32, batch 16, one of them varied',
    )
    axes.legend(fontsize=8)
    axes.grid(alpha=0.3, which='both')
    figure.savefig(path, dpi=120)
    plt.close(figure)


def compilation() -> dict[str, dict[str, float]]:
    """Seconds of a new process until its training state is there and until its first step is done."""
    with tempfile.TemporaryDirectory() as cache:
        return {name: _own_process('first_step', FVAE_CACHE=cache) for name in ('empty cache', 'filled cache')}


def cold_edit(model: pathlib.Path) -> dict[str, dict[str, float]]:
    """Seconds of each part of one edit of the 1920×1080 photo in a new process.

    Args:
      model: The model file.
    """
    with tempfile.TemporaryDirectory() as folder:
        photo, out = (os.path.join(folder, name) for name in ('photo.png', 'edited.png'))
        write.write_png(photo, portraits.photo_1080p())
        parts = {}
        for name in ('empty cache', 'filled cache'):
            parts[name] = _json_of('benchmarks.watch', model, photo, out, FVAE_CACHE=folder)
            os.remove(out)
        return parts


def _own_process(what: str, *arguments: Any, **environment: str) -> dict[str, float]:
    return _json_of('benchmarks.further', what, *arguments, **environment)


def _json_of(module: str, *arguments: Any, **environment: str) -> dict[str, float]:
    command = [sys.executable, '-m', module, *map(str, arguments)]
    found = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env={**os.environ, **environment})
    return json.loads(found.stdout.splitlines()[-1])


def _step(size: str, width: str, batch: str) -> dict[str, float]:
    step = training.Training(training.training_config(int(size), int(width), int(batch)))
    seconds = [harness.turn(step, 1) for _ in range(3)]
    return {
        'ms': 1000 * statistics.median(seconds),
        'peak_mb': _peak_memory() / 1024,
        'working_mb': step.compiled().memory_analysis().temp_size_in_bytes / 2**20,
    }


def _peak_memory() -> int:
    """The most memory that this process has held, kB. (That of `getrusage` counts the process that started it, too.)"""
    status = pathlib.Path('/proc/self/status').read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith('VmHWM')))


def _first_step() -> dict[str, float]:
    begin = time.perf_counter()
    step = training.Training(training.training_config())
    made = time.perf_counter()
    step()
    return {'state': made - begin, 'first step': time.perf_counter() - made}


if __name__ == '__main__':
    runtime.prepare()
    print(json.dumps({'step': _step, 'first_step': _first_step}[sys.argv[1]](*sys.argv[2:])))
