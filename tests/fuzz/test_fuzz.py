"""A short form of `python -m fuzz`, and proof that it notices what it looks for."""

import os

import numpy as np
import pytest

from fuzz import craft, mutate, targets, trial


@pytest.mark.parametrize('numbers', [range(120), pytest.param(range(120, 350), marks=pytest.mark.slow)], ids=len)
def test_some_hundred_damaged_files(numbers):
    with trial.Worker(1) as worker:
        results = [worker.run(number) for number in numbers]
    failed = [result for result in results if result.outcome == trial.FAILED]
    assert not failed, failed[0].detail
    outcomes = {result.outcome for result in results}
    assert outcomes == {trial.TAKEN, trial.REFUSED}


def _raise(error):
    raise error


def _chatter(folder, file):
    os.write(2, b'libtiff: one\nlibtiff: two\n')


def _escape(folder, file):
    (folder.parent / 'escaped').write_text('')


@pytest.mark.parametrize(
    'enter, words',
    [
        (lambda folder, file: _raise(KeyError('x')), 'KeyError'),
        (lambda folder, file: _raise(SystemExit(1)), 'exit status 1'),
        (_chatter, 'libtiff: two'),
        (lambda folder, file: print('\ud800'), 'UnicodeEncodeError'),
        (_escape, 'outside the folder'),
        (lambda folder, file: file.write_text('new'), 'itself was changed'),
    ],
)
def test_what_is_looked_for_is_found(tmp_path, monkeypatch, enter, words):
    monkeypatch.chdir(tmp_path)  # files in the folder that a test is started from are nobody's fault
    outcome, detail = trial._attempt(targets.Target('x', {}, enter), 'a.jpg', b'old')
    assert outcome == trial.FAILED and words in detail


def test_damages_differ_and_can_be_made_again():
    good = bytes(range(256)) * 8
    copies = [mutate.mutated(good, np.random.default_rng(seed), [good]) for seed in range(50)]
    assert len(set(copies)) > 45 and good not in copies
    assert copies[7] == mutate.mutated(good, np.random.default_rng(7), [good])


def test_crafted_files_differ_and_can_be_made_again():
    for name, content in {
        name: content for target in targets.targets() for name, content in target.good.items()
    }.items():
        copies = [craft.crafted(name, content, np.random.default_rng(seed)) for seed in range(20)]
        assert len(set(copies)) > 5, name
        assert copies[7] == craft.crafted(name, content, np.random.default_rng(7)), name
