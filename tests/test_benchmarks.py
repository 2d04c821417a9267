"""What the benchmarks stand on: equal results are told from unequal ones, docs/speed.md shows the file."""

import json
import pathlib
import re
import sys

import numpy as np
import pytest
from benchmarks import films, harness, speed, training

from fvae_jax.errors import InputError

ROOT = pathlib.Path(__file__).parents[1]
NAMES = [
    'sampler_forward',
    'sampler_gradient',
    'coherence_gradient',
    'train_step',
    'decode',
    'warp_1080p',
    'pipeline',
    'slider_1080p',
]


def test_agreement_is_relative_to_the_largest_value_and_can_fail():
    values = np.linspace(-4, 4, 9)
    assert 'apart by 0.0025' in harness.agree('x', values + 0.01, values, 0.003)
    with pytest.raises(harness.Disagreement, match='x: apart by 0.0025'):
        harness.agree('x', values + 0.01, values, 0.002)
    with pytest.raises(harness.Disagreement, match='shapes'):
        harness.agree('x', values[1:], values, 1)
    with pytest.raises(harness.Disagreement):
        harness.agree('x', values * np.nan, values, 1)
    with pytest.raises(ValueError):
        harness.agree('x', [values], [values, values], 1)


def test_turns_of_both_sides_alternate_and_medians_decide(monkeypatch):
    monkeypatch.setattr(harness, '_TURN', 0)  # one call
    order = []
    result = harness.compare(
        'x',
        part='p',
        peer='q',
        bar=1,
        ours=lambda: order.append('a'),
        agreement='',
        theirs={'slow': lambda: sum(range(20_000)), 'quick': lambda: order.append('b')},
        seconds=0,
    )
    assert result.peer == 'q, quick' and result.notes['peer_slow_ms'] > result.notes['peer_quick_ms']
    rounds = ''.join(order).replace('ab', 'a b').replace('ba', 'b a').split()
    assert result.rounds >= 7 and len(rounds) > result.rounds
    assert result.ratio == pytest.approx(result.ours_ms / result.peer_ms)

    row = harness.summarize('x', 'p', 'q', 1, [0.001, 0.002, 0.030], [0.002, 0.002, 0.002], '')
    assert (row.ours_ms, row.peer_ms, row.ratio) == (2, 2, 1) and row.spread == pytest.approx(7.25)


def test_the_table_goes_between_its_markers():
    report = {
        'machine': {
            'date': '2026-01-01',
            'cores': 2,
            'cpu': 'CPU',
            'python': '3',
            'jax': '1',
            'torch': '2',
            'opencv': '5',
            'threads': {'jax': 2, 'torch': 2, 'opencv': 2},
        },
        'results': [
            {'part': 'p', 'peer': 'q', 'ours_ms': 1234.5, 'peer_ms': 0.5, 'ratio': 1.5, 'spread': 0.2, 'bar': 1.0}
        ],
    }
    text = 'before\n<!-- benchmarks -->\nold\n<!-- /benchmarks -->\nafter\n'
    once = speed.with_table(text, report)
    assert '| p | q | 1234 | 0.5 | 1.50 ± 0.10 | ≤ 1, missed |' in once and 'old' not in once
    assert once.startswith('before\n') and once.endswith('\nafter\n')
    assert speed.with_table(once, report) == once
    report['further'] = {
        'matrix_peak_gflops': 150.0,
        'share_of_peak_ours': 0.5,
        'share_of_peak_peer': 0.25,
        'share_of_peak_done_ours': 0.4,
        'compilation_s': {cache: {'state': 1.0, 'first step': 8.0} for cache in ('empty cache', 'filled cache')},
        'cold_edit_s': {cache: {'imports': 1.25, 'save': 0.5} for cache in ('empty cache', 'filled cache')},
        'growth': [{'size': 64, 'width': 32, 'batch': 16, 'ms': 500.0, 'peak_mb': 900.4, 'printed': 5e10}],
    }
    whole = speed.with_table(text, report)
    assert '50%' in whole and '| 64 px, 32, 16 | 500 | 900 | 100 |' in whole
    assert '| imports | save | all |' in whole and '| filled cache | 1.25 | 0.50 | 1.75 |' in whole
    with pytest.raises(InputError, match='0 places'):
        speed.with_table('no markers', report)


def test_the_page_of_speed_shows_what_was_measured_last():
    report = json.loads((ROOT / 'benchmarks.json').read_text())
    assert [row['name'] for row in report['results']] == NAMES
    for row in report['results']:
        assert row['ratio'] == pytest.approx(row['ours_ms'] / row['peer_ms']) and row['spread'] >= 0
    text = (ROOT / 'docs' / 'speed.md').read_text()
    assert speed.with_table(text, report) == text


def test_films_are_measured_whole_and_in_parts(monkeypatch, capsys):
    """On frames that are few, so that nothing but whether it runs is told by the numbers."""
    monkeypatch.setattr(films, '_START_UP', 2)
    monkeypatch.setattr(films, '_REPEATED', 1)
    monkeypatch.setattr(sys, 'argv', ['films', '--only', '640x360', '--frames', '4'])
    films.main()
    rows = [
        line.strip('| ').split(' | ') for line in capsys.readouterr().out.splitlines() if re.search(r'\d \|$', line)
    ]
    assert [row[0] for row in rows][:2] == ['640x360', 'find the face in the whole frame (every 50th)']
    assert len(rows) == 10 and float(rows[0][3]) > 100 and all(float(row[1]) > 0 for row in rows[1:])


@pytest.mark.slow
def test_the_network_in_torch_is_ours():
    pytest.importorskip('torch')
    from benchmarks import network

    assert 'allowed' in network.same_step(training.training_config(image_size=64, width=4, batch_size=2))
