"""What makes a package of the sources: the citation, the lowest versions, wheel and source archive."""

import configparser
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest
import yaml

import fvae_jax
from configs import synthetic
from fvae_jax import runtime
from launch import lower_bounds

ROOT = pathlib.Path(__file__).parents[1]
SETUP = (ROOT / 'setup.cfg').read_text()


def test_the_citation():
    citation = yaml.safe_load((ROOT / 'CITATION.cff').read_text())
    assert citation['cff-version'] == '1.2.0' and citation['type'] == 'software' and citation['title'] == 'fvae_jax'
    assert citation['message'] and citation['authors'] == [{'name': 'fvae_jax contributors'}]
    setup = configparser.ConfigParser()
    setup.read_string(SETUP)
    assert setup['metadata']['version'] == 'attr: fvae_jax.version.__version__'
    assert str(citation['version']) == fvae_jax.__version__
    assert citation['license'] == setup['metadata']['license']
    [paper] = citation['references']
    assert [author['family-names'] for author in paper['authors']] == ['Yeh', 'Liu', 'Goldman', 'Agarwala']
    assert paper['year'] == 2016 and paper['url'].endswith('1611.09961') and paper['type'] == 'article'


def test_the_workflow_runs_what_ci_runs():
    """As far as can be seen without GitHub: valid YAML, the keys that a workflow needs, a script that exists."""
    [path] = (ROOT / '.github' / 'workflows').iterdir()
    workflow = yaml.load(path.read_text(), yaml.BaseLoader)  # where `on` is a word and not true
    assert set(workflow['on']) == {'push', 'pull_request'} and workflow['permissions'] == {'contents': 'read'}
    [job] = workflow['jobs'].values()
    assert job['runs-on'] and int(job['timeout-minutes']) > 60
    uses = [step['uses'] for step in job['steps'] if 'uses' in step]
    assert uses[0].startswith('actions/checkout@') and all(re.fullmatch(r'[\w-]+/[\w-]+@v\d+', use) for use in uses)
    libraries, command = (step['run'] for step in job['steps'] if 'run' in step)
    assert libraries.startswith('apt-get ') and command == '.ci/run'
    assert os.access(ROOT / command, os.X_OK)
    assert job['container'] == 'python:3.11-bookworm' and 'Debian' in (ROOT / command).read_text()


def test_the_hooks_before_a_commit():
    """Those that test_repository.py demands of the whole tree, with the ruff of the environment."""
    [repository] = yaml.safe_load((ROOT / '.pre-commit-config.yaml').read_text())['repos']
    assert repository['repo'] == 'local' and all(hook['language'] == 'system' for hook in repository['hooks'])
    assert [hook['entry'] for hook in repository['hooks']] == ['ruff check --fix', 'ruff format']


def test_the_issue_form():
    [path] = (ROOT / '.github' / 'ISSUE_TEMPLATE').iterdir()
    form = yaml.safe_load(path.read_text())
    assert form['name'] and form['description']
    ids = [field['id'] for field in form['body']]
    assert len(set(ids)) == len(ids) == 3
    assert all(field['type'] in ('input', 'textarea') and field['attributes']['label'] for field in form['body'])


def _versions(text):
    """{version: the kinds of its changes} of a changelog in the form of keepachangelog.com, the newest first."""
    parts = re.split(r'(?m)^## \[([^]]+)\](?: - \d{4}-\d\d-\d\d)?$', text)
    return {version: re.findall(r'(?m)^#{2,3} (.*)$', part) for version, part in zip(parts[1::2], parts[2::2])}


def test_the_changelog():
    versions = _versions((ROOT / 'CHANGELOG.md').read_text())
    assert list(versions)[:2] == ['Unreleased', fvae_jax.__version__]
    assert list(versions)[1:] == sorted(list(versions)[1:], key=_numbers, reverse=True)
    order = ['Added', 'Changed', 'Deprecated', 'Removed', 'Fixed', 'Security']
    for version, kinds in versions.items():
        assert kinds == [kind for kind in order if kind in kinds], version
        assert kinds or version == 'Unreleased'


def test_a_changelog_in_another_form_is_found():
    assert _versions('## [0.2.0] - 2026-01-01\n\n### Added\n') == {'0.2.0': ['Added']}
    assert '0.1.0' not in _versions('## [0.2.0]\n\n## 0.1.0 (unreleased)\n')


def test_every_dependency_has_its_reason():
    text = (ROOT / 'WORKSPACE.md').read_text().partition('## Dependencies')[2]
    setup = configparser.ConfigParser()
    setup.read_string(SETUP)
    lines = setup['options']['install_requires'] + '\n'.join(setup['options.extras_require'].values())
    names = {re.match(r'[\w-]+', line)[0] for line in lines.split()} - {'fvae-jax'}
    assert len(names) > 30
    assert {name for name in names if not re.search(rf'\b{name}\b', text)} == set()


def test_the_lower_bounds_are_those_of_setup_cfg():
    assert lower_bounds.FILE.read_text() == lower_bounds.bounds(SETUP), 'run python launch/lower_bounds.py'


@pytest.mark.parametrize('requirement', ['numpy', 'numpy==2.1', 'numpy>=2.1,<3', 'numpy<3'])
def test_a_dependency_without_a_lower_bound_is_refused(requirement):
    with pytest.raises(SystemExit, match='needs a lower bound'):
        lower_bounds.bounds(re.sub(r'(?m)numpy>=.*$', requirement, SETUP))


def test_the_tested_versions_are_within_the_bounds():
    pinned = dict(line.split('==') for line in (ROOT / 'launch' / 'constraints.txt').read_text().split())
    pinned = {_canonical(name): version for name, version in pinned.items()}
    for line in lower_bounds.FILE.read_text().split():
        name, lowest = line.split('==')
        assert _numbers(pinned[_canonical(name)]) >= _numbers(lowest), name


def _without_extras(*lines, cwd):
    """Runs commands, one after the other, as where no extra is installed."""
    code = (
        'import json, sys\nfrom fvae_jax import cli, runtime\nsys.modules.update(dict.fromkeys(runtime.EXTRAS))\n'
        'for line in json.loads(sys.argv[1]): runtime.exit_on_error(lambda: cli.main(line.split()))'
    )
    environment = {**os.environ, 'PYTHONPATH': str(ROOT)}
    command = [sys.executable, '-c', code, json.dumps(lines)]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)


def test_photos_are_edited_without_extras(tmp_path):
    shutil.copy(ROOT / 'docs' / 'composite_face.jpg', tmp_path / 'me.jpg')
    found = _without_extras(
        'edit me.jpg --smile 1 --steps 2 --show-flow --show-mask --out steps.png',
        'interpolate me.jpg me.jpg --frames 2 --out film.mp4',
        'info me.jpg',
        'info',
        cwd=tmp_path,
    )
    assert (found.returncode, found.stderr) == (0, '')
    assert {path.name for path in tmp_path.iterdir()} >= {'steps.png', 'steps_flow.png', 'film.mp4'}


@pytest.mark.parametrize(
    'line, extra',
    [
        ('figure7 me.jpg --smile 1 --out figure7.png', 'train'),
        ('report run', 'train'),
        ('export --to onnx --out onnx', 'export'),
        ('export --to stablehlo --out stablehlo', 'export'),
    ],
)
def test_what_needs_an_extra_says_which(tmp_path, line, extra):
    (tmp_path / 'run').mkdir()
    (tmp_path / 'run' / 'config.json').write_text(synthetic.get_config('tiny').to_json())
    found = _without_extras(line, cwd=tmp_path)
    (told,) = found.stderr.splitlines()
    assert found.returncode == 2 and told.endswith(f"pip install 'fvae-jax[{extra}]' (in a checkout '.[{extra}]')")


def test_what_editing_does_without_is_what_the_extras_bring():
    setup = configparser.ConfigParser()
    setup.read_string(SETUP)
    own = setup['options']['install_requires'].replace('-', '_')
    extras = setup['options.extras_require']
    for module, extra in runtime.EXTRAS.items():
        assert f'\n{module}>' in extras[extra].replace('-', '_') and f'\n{module}>' not in own


@pytest.mark.slow
def test_wheel_and_source_archive():
    """Built, installed into an environment of its own, and tested from another folder."""
    found = subprocess.run(
        ['bash', 'launch/check_wheel.sh'],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, 'PYTHON': sys.executable},
    )
    assert found.returncode == 0, found.stdout[-3000:] + found.stderr[-3000:]


def _canonical(name):
    return re.sub(r'[-_.]+', '-', name).lower()


def _numbers(version):
    return [int(part) for part in re.findall(r'\d+', version)]
