"""`fvae card` on a run of drawn faces, and the Markdown that it writes."""

import json

import numpy as np
import pytest
from editing import models

from fvae_jax import bundle as bundle_lib, cli, config as config_lib
from fvae_jax.errors import InputError
from fvae_jax.evaluation import tables as tables_lib
from fvae_jax.evaluation.tables import Column, Report, Row, Section, Table, Value
from fvae_jax.training import rundir


def test_markdown_holds_what_a_table_holds(tmp_path):
    columns = [Column('PSNR', 'dB', 1, 'higher', 'whole'), Column('n', '', 0), Column('x')]
    table = Table(
        't',
        'Title',
        'Caption.',
        columns,
        [
            Row('a|b', [Value(-1.25, -2, np.nan), 3, None], ours=True),
            Row('c', [Value(np.inf, -2, 1), 4, 'text'], left_out='why'),
            Row('d', note='not done'),
        ],
    )
    report = Report('T', 'S.', {'fact': 1}, [Section('One', 'First\nline.\n\nSecond.', [table])])
    tables_lib.write_markdown(report, tmp_path / 'card.md')
    lines = (tmp_path / 'card.md').read_text().splitlines()
    assert lines[lines.index('### Title') + 4 :] == [
        '| method | whole, PSNR, dB ↑ | n | x |',
        '| --- | ---: | ---: | ---: |',
        '| **a\\|b** | −1.2 [−2.0] | 3 | – |',
        '| c (why) | ∞ [−2.0, 1.0] | 4 | text |',
        '| d | not done |  |  |',
    ]
    assert 'First line.' in lines and '- fact: 1' in lines
    rows = json.loads((tmp_path / 'card.json').read_text())['tables']['t']
    assert rows['a|b']['whole, PSNR, dB'] == {'mean': -1.25, 'low': -2, 'high': 'nan'}
    assert rows['d'] == {'note': 'not done'}
    assert {path.name for path in tmp_path.iterdir()} == {'card.md', 'card.json'}


@pytest.fixture(scope='module')
def people(tmp_path_factory, drawn_config):
    """A table of the drawn people."""
    path = tmp_path_factory.mktemp('people') / 'people.csv'
    rows = [
        f'synthetic_{i:04d},{20 + i},{("female", "male")[i % 2]},drawn,more'
        for i in range(drawn_config.data.identities)
    ]
    path.write_text('identity,age,gender,ethnicity,more\n' + '\n'.join(rows))
    return path


def command(run, people, out):
    assert cli.main(['card', str(run), '--people', str(people), '--out', str(out)]) == 0


def test_the_command(content_run, people, tmp_path, capsys):
    command(content_run, people, tmp_path / 'card.md')
    assert capsys.readouterr().out.splitlines()[-1] == str(tmp_path / 'card.md')
    text = (tmp_path / 'card.md').read_text()
    assert str(tmp_path) not in text and str(content_run) not in text and 'nan' not in text
    content = json.loads((tmp_path / 'card.json').read_text())
    tables = content['tables']
    assert list(tables) == [
        'reconstruction',
        'strengths',
        'identity',
        'texture',
        'expressions',
        'composition',
        'groups',
        'true-flow',
        'exposed',
    ]
    rows = tables['reconstruction']
    assert {
        'copy',
        'FVAE',
        'FVAE, bilinear (Eq. 5)',
        'FVAE with content',
        'FVAE with content, bilinear (as trained)',
    } < set(rows)
    assert '4 ordered pairs of 2 people: neutral (synthetic) ↔ smile (synthetic)' in text
    assert rows['copy']['PSNR, whole, dB']['mean'] > rows['FVAE']['PSNR, whole, dB']['mean']
    assert 'alpha, face, mean' in tables['texture']['smile → neutral, strength −1']
    assert (
        tables['groups']['everyone']['people']['mean'] == 2 == tables['identity']['smile → neutral']['people']['mean']
    )
    assert (tables['exposed']['all']['people']['mean'], tables['exposed']['all']['pairs']['mean']) == (2, 10)
    before = (tmp_path / 'card.json').read_bytes()
    with pytest.raises(InputError, match='card.md. exists'):
        command(content_run, people, tmp_path / 'card.md')
    (tmp_path / 'card.md').unlink()
    with pytest.raises(InputError, match='card.json. exists'):
        command(content_run, people, tmp_path / 'card.md')
    assert (tmp_path / 'card.json').read_bytes() == before


def test_runs_that_cannot_be_measured(content_run, people, tmp_path):
    with pytest.raises(InputError, match='holds no run'):
        command(tmp_path, people, tmp_path / 'card.md')
    (tmp_path / 'people.csv').write_text('identity,age,gender,ethnicity\nsynthetic_0000,20,male,drawn\n')
    with pytest.raises(InputError, match='lacks synthetic_0001, synthetic_0002'):
        command(content_run, tmp_path / 'people.csv', tmp_path / 'card.md')
    with pytest.raises(InputError, match='use one of .md'):
        command(content_run, people, tmp_path / 'card.html')
    rundir.open_workdir(tmp_path / 'unfinished', config_lib.of_run(content_run))
    with pytest.raises(InputError, match='let the training of .* end first'):
        command(tmp_path / 'unfinished', people, tmp_path / 'card.md')
    bundle = models.random_bundle(content=True)
    for kept in (bundle.statistics.class_means, bundle.statistics.counts, bundle.statistics.within_identity):
        kept.pop('smile', None)
    bundle_lib.save(tmp_path / 'unfinished' / 'model.safetensors', bundle)
    with pytest.raises(InputError, match='has both a neutral image and a smile'):
        command(tmp_path / 'unfinished', people, tmp_path / 'card.md')
    assert not (tmp_path / 'card.md').exists()
