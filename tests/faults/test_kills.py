"""The short form of `python -m faults`, and that it can fail."""

import pytest

from faults import __main__ as faults, trial


@pytest.mark.slow
# Read without a target on purpose: Orbax then takes the stored shapes, and says so.
@pytest.mark.filterwarnings('ignore:Sharding info not provided')
def test_a_run_that_is_killed_six_times_ends_with_the_same_bits(capsys):
    counts = faults.main(['--kills', '6', '--seed', '1'])
    assert sum(counts.values()) == 6
    assert sum(counts[number, trial.IN_SAVE] for number in ('SIGKILL', 'SIGTERM')) >= 1
    assert '6 kills in' in capsys.readouterr().out


@pytest.mark.parametrize(
    'name',
    [
        'manifests/12.unfinished',
        'manifests/.12.77.tmp.json',
        'checkpoints/12.orbax-checkpoint-tmp/state/a',
        'damaged/4/state/a',
        'samples/.0000004.77.tmp.png',
        '.model.77.tmp.safetensors',
        'mask/0000012/unknown',
        'mask/0000012/checkpoints/8.orbax-checkpoint-tmp/a',
    ],
)
def test_what_is_left_behind_is_seen(tmp_path, name):
    known = [
        'checkpoints/12/state/a',
        'manifests/12.json',
        '.lock',
        'samples/0000004.png',
        'samples/test.png',
        'model.safetensors',
        'mask/0000012/beta.txt',
        'mask/0000012/checkpoints/8/state/a',
        'tensorboard/events',
    ]
    for file in (*known, name):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text('')
    assert trial.left_over(tmp_path) == [name]
