"""What makes a package of the sources: the citation, the lowest versions, wheel and source archive."""

import configparser
import os
import pathlib
import re
import subprocess
import sys

import pytest
import yaml

import fvae_jax
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
