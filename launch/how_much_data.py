"""How good does a model get with how many people? python launch/how_much_data.py DATA FOLDER

Trains `configs/photos.py:small` on all training people of DATA (a folder with index.csv, docs/training.md, "Own data")
and on 10, 20 and 40 of them, with the same number of steps and the same people to validate and to test, one run after
the other; then prints the table of docs/training.md. FOLDER holds the runs and the smaller sets; started again, the
script goes on where it was.
"""

import csv
import json
import pathlib
import random
import shutil
import subprocess
import sys
from collections.abc import Collection, Iterable

from fvae_jax import config as config_lib
from fvae_jax.data import index, lips
from fvae_jax.evaluation import cases, runs, scoring
from fvae_jax.evaluation.methods import base, fvae
from fvae_jax.evaluation.statistics import bootstrap_interval

COUNTS = (10, 20, 40)
# Of index.csv, and where `index.Entry` has them.
COLUMNS = {'path': 'file'} | {
    name: name for name in ('identity', 'expression', 'strength', 'origin', 'flow', 'reference')
}
SETTINGS = ('--config=configs/photos.py:small', '--config.train.steps=900', '--config.confidence.enabled=False')


def train(workdir: pathlib.Path, data: pathlib.Path, *settings: str) -> None:
    """Trains, or goes on training; a finished run is left as it is."""
    command = [*SETTINGS, f'--config.data.root={data}', *settings, f'--workdir={workdir}']
    subprocess.run([sys.executable, '-m', 'fvae_jax.main', *command], check=True)


def write_part(data: pathlib.Path, folder: pathlib.Path, kept: Collection[str]) -> None:
    """Copies what a set has of some people: photos, flows, and their rows of index.csv and lips.csv."""
    entries = [entry for entry in index.read_roots(str(data)) if entry.identity in kept]
    for file in {file for entry in entries for file in (entry.file, entry.flow) if file}:
        copy = folder / file
        copy.parent.mkdir(parents=True, exist_ok=True)
        if not copy.exists() and (data / file).exists():  # the training says what becomes of a photo that is gone
            shutil.copy2(data / file, copy)  # with its date, by which a set is known again
    rows = [[getattr(entry, field) for field in COLUMNS.values()] for entry in entries]
    write_table(folder / 'index.csv', [COLUMNS, *rows])
    if contours := [[entry.file, *entry.lips] for entry in entries if entry.lips]:
        write_table(folder / lips.FILE, [['path', *lips.COLUMNS], *contours])


def write_table(path: pathlib.Path, rows: Iterable[Iterable]) -> None:
    """Writes a CSV, its header first."""
    with open(path, 'w', newline='', encoding='utf-8') as file:
        csv.writer(file).writerows(rows)


def fewer(people: dict[str, list[str]], count: int) -> tuple[set[str], list[str]]:
    """Leaves `count` training people, the smaller numbers among the larger.

    Args:
      people: The parts of a run's people.json.
      count: How many train.

    Returns:
      Everybody who is left, and the settings with which the others validate and test as before.
    """
    train = sorted(people['train'])
    random.Random(0).shuffle(train)
    validation, test = people['validation'], people['test']
    share = len(validation) / (count + len(validation))
    settings = [f'--config.data.test_people={tuple(test)}', f'--config.data.validation_share={share:.4f}']
    return {*train[:count], *validation, *test}, settings


def row(workdir: pathlib.Path) -> str:
    """Scores a run on its test people; returns its row of the table, with intervals of the gain over copying, dB."""
    run = runs.open_run(config_lib.of_run(workdir), workdir)
    pairs = cases.pairs(run.faces, 'test', run.config)
    methods = {'ours': fvae.FVAE(fvae.Network(run.editor), bilinear=True), 'copy': base.Copy()}
    makers = {name: method.reconstruct for name, method in methods.items()}
    scores = scoring.score(pairs, makers, workdir.name, run.editor.frame)
    cells = [str(len(run.faces.split.train))]
    for name in ('psnr', 'psnr_mouth'):
        ours, copy = scores['ours'][name], scores['copy'][name]
        gain = bootstrap_interval(ours - copy, pairs.people)
        cells.append(f'{ours.mean():.2f} ({copy.mean():.2f}): +{gain.mean:.2f} [{gain.low:.2f}, {gain.high:.2f}]')
    return f'| {" | ".join(cells)} |'


def main() -> None:
    """Trains what is missing and prints the table."""
    data, folder = map(pathlib.Path, sys.argv[1:])
    workdirs = [folder / 'all']
    train(workdirs[0], data)
    people = json.loads((workdirs[0] / 'people.json').read_text())
    for count in reversed([count for count in COUNTS if count < len(people['train'])]):
        kept, settings = fewer(people, count)
        write_part(data, folder / f'data{count}', kept)
        workdirs.insert(0, folder / f'people{count}')
        train(workdirs[0], folder / f'data{count}', *settings)
    print('| people to train on | PSNR (copy): gain | mouth (copy): gain |\n|---|---|---|')
    for workdir in workdirs:
        print(row(workdir))


if __name__ == '__main__':
    main()
