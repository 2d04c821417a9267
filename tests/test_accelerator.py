"""The script for a machine with an accelerator, on a CPU."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[1]


def _script(*arguments, **environment):
    inherited = {name: value for name, value in os.environ.items() if name != 'OUT'}
    return subprocess.run(
        ['bash', ROOT / 'launch' / 'accelerator.sh', *map(str, arguments)],
        env={**inherited, 'PYTHON': sys.executable, **environment},
        capture_output=True,
        text=True,
    )


def test_its_plan(tmp_path):
    found = _script('--dry-run', '--out', tmp_path / 'out')
    assert found.returncode == 0, found.stderr
    stages = dict(line.split(': ', 1) for line in found.stdout.splitlines())
    for precision in ('float32', 'tf32', 'bfloat16'):
        assert {f'numbers {precision}', f'step paper {precision}', f'step shipped {precision}'} <= stages.keys()
        assert f'torch step paper {precision}' in stages
    assert list(stages)[-1] == 'training' and 'tests/ops' in stages['tests, full precision']
    assert not (tmp_path / 'out').exists()


@pytest.mark.slow
def test_it_runs_on_a_cpu(tmp_path):
    quickly = {'XLA_FLAGS': '--xla_backend_optimization_level=0', 'JAX_PLATFORMS': 'cpu'}
    found = _script('--small', '--minutes', 30, '--out', tmp_path, **quickly)
    assert found.returncode == 0, found.stdout + found.stderr
    report = json.loads((tmp_path / 'accelerator.json').read_text())
    assert not any('failed' in facts for facts in report.values())
    assert report['numbers bfloat16']['loss_apart'] < 0.02
    for model in ('paper', 'shipped'):
        assert report[f'step {model} bfloat16']['pairs_per_second'] > 0
    assert 0 < report['step paper bfloat16']['share_of_peak'] < 2
    assert report['sampler and Eq. 6']['sampler_ms'] > 0 and 'passed' in report['tests, full precision']['said']
    assert report['training']['evaluation']['step'] > 0
    assert set(os.listdir(tmp_path)) == {'accelerator.json', 'samples.png', 'steps.png'}
