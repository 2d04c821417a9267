"""A run that is killed again and again: bash launch/faults.sh [--kills 200] [--seed 0]

SIGKILL and SIGTERM at random times, many of them inside saves. Then the run is left to end, and must have the bytes
of one that nobody disturbed, and nothing in its directory but what WORKSPACE.md lists. Prints a table as Markdown.
"""

import argparse
import collections
import pathlib
import signal
import sys
import tempfile
import time

import numpy as np
from tqdm import tqdm

from faults import trial
from fvae_jax.errors import InputError

_STEPS_PER_KILL = 5  # about what a run gains before the next kill; a run that ends too early is followed by another


def main(arguments: list[str] | None = None) -> dict[tuple[str, str], int]:
    """Kills, compares, prints; returns how often by signal and place."""
    parser = argparse.ArgumentParser(prog='bash launch/faults.sh', description=__doc__.partition('\n')[0])
    parser.add_argument('--kills', type=int, default=200, help='how many (200)')
    parser.add_argument('--seed', type=int, default=0, help='of the times and signals (0)')
    args = parser.parse_args(arguments)
    if args.kills < 1:
        raise InputError(f'--kills = {args.kills} must be at least 1')
    steps = max(12, args.kills * _STEPS_PER_KILL)
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix='faults-') as folder:
        folder = pathlib.Path(folder)
        print(f'a run of {steps} steps, undisturbed', file=sys.stderr)
        trial.run(folder / 'whole', folder / 'cache', steps)
        expected, took = trial.result_of(folder / 'whole'), time.monotonic() - begin
        kills, runs = _kill(folder, steps, args.kills, np.random.default_rng(args.seed))
        for workdir in runs:
            trial.run(workdir, folder / 'cache', steps)
            _check(workdir, expected)
    counts = collections.Counter((kill.number.name, kill.place) for kill in kills)
    print(_table(counts))
    print(
        f'\n{len(kills)} kills in {len(runs)} run(s) of {steps} steps, seed {args.seed}, '
        f'{(time.monotonic() - begin) / 60:.0f} minutes '
        f'(undisturbed: {took / 60:.1f}): {len(expected)} arrays and files with the same bits, nothing left behind'
    )
    return counts


def _kill(
    folder: pathlib.Path, steps: int, count: int, rng: np.random.Generator
) -> tuple[list[trial.Kill], list[pathlib.Path]]:
    kills, runs = [], []
    with tqdm(total=count, unit=' kills', smoothing=0.05) as bar:
        while len(kills) < count:
            runs.append(folder / f'killed{len(runs)}')
            run = trial.Run(runs[-1], folder / 'cache', steps, rng)
            while len(kills) < count and (kill := run.start_and_kill()):
                kills.append(kill)
                bar.update()
                bar.set_postfix_str(f'{kill.number.name} in {kill.place}')
    return kills, runs


def _check(workdir: pathlib.Path, expected: dict[str, bytes]) -> None:
    found = trial.result_of(workdir)
    assert found.keys() == expected.keys(), found.keys() ^ expected.keys()
    other = [name for name in expected if found[name] != expected[name]]
    assert not other, f'other bytes than those of the undisturbed run: {", ".join(other)}'
    assert (left := trial.left_over(workdir)) == [], f'left behind: {", ".join(left)}'


def _table(counts: collections.Counter) -> str:
    rows = [f'| | {" | ".join(trial.PLACES)} | in all |', '|---' * (len(trial.PLACES) + 2) + '|']
    for number in (signal.SIGKILL, signal.SIGTERM):
        row = [counts[number.name, place] for place in trial.PLACES]
        rows.append(f'| {number.name} | {" | ".join(map(str, row))} | {sum(row)} |')
    return '\n'.join(rows)


if __name__ == '__main__':
    main()
