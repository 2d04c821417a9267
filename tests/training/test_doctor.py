"""What the doctor says of a run that is whole, damaged, running or none."""

import pytest

from fvae_jax import cli
from fvae_jax.errors import InputError
from fvae_jax.training import doctor, rundir


@pytest.fixture(scope='module')
def run(tmp_path_factory, copy_run):
    folder = tmp_path_factory.mktemp('runs') / 'run'
    copy_run(folder)
    return folder


def _said(run):
    findings = doctor.examine(run)
    return doctor.report(findings), [finding.what for finding in findings if finding.damaged]


def test_a_run_that_ended_well(run, capsys):
    text, damaged = _said(run)
    assert damaged == [] and 'steps 8, 12 of 12 are saved and whole' in text and 'training has ended' in text
    assert 'model.safetensors, step' in text and 'no process trains here' in text
    assert cli.main(['doctor', str(run)]) == 0 and 'seed 0' in capsys.readouterr().out


def test_a_process_that_trains_is_seen(run):
    with rundir.claim(run):
        assert 'a process trains here now' in _said(run)[0]


def test_damage_is_named_and_nothing_is_moved(run, capsys):
    largest = max((run / 'checkpoints' / '12' / 'state').rglob('*'), key=lambda path: path.stat().st_size)
    whole = largest.read_bytes()
    largest.write_bytes(whole[:-1])
    text, damaged = _said(run)
    assert damaged == ['training'] and 'step 12 is damaged' in text and largest.name in text
    assert 'goes on at step 8 of 12' in text and (run / 'checkpoints' / '12').is_dir()
    assert cli.main(['doctor', str(run)]) == 1
    largest.write_bytes(whole)
    model = run / 'model.safetensors'
    content = model.read_bytes()
    model.write_bytes(content[:1000])
    assert _said(run)[1] == ['model']
    model.write_bytes(content)
    assert _said(run)[1] == []


@pytest.mark.parametrize('name', ['config.json', 'people.json', 'history.jsonl'])
def test_a_damaged_text_file_is_no_traceback(run, name):
    content = (run / name).read_bytes()
    (run / name).write_bytes(content[:-20] + b'\xff')
    text, _ = _said(run)
    assert f'{name} cannot be read' in text
    (run / name).write_bytes(content)


def test_no_run(tmp_path):
    with pytest.raises(InputError, match='holds no run'):
        doctor.examine(tmp_path)
