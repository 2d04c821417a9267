"""What must always be true of the tree: it compiles, imports point one way, scripts parse, help works."""

import ast
import compileall
import configparser
import pathlib
import re
import subprocess
import sys
import time

import pytest

from fvae_jax import fields as fields_lib

ROOT = pathlib.Path(__file__).parents[1]
PACKAGE = ROOT / 'fvae_jax'

# DESIGN: data flows one way. A module may import its own layer and those before it.
LAYERS = [
    'assets',
    'version',
    'errors',
    'fields',
    'config',
    'cache',
    'runtime',
    'ops',
    'models',
    'losses',
    'photo',
    'data',
    'bundle',
    'editing',
    'training',
    'evaluation',
    'export',
    'main',
    'cli',
    '__main__',
    '__init__',
]
# Libraries with one door each.
DOORS = {
    'tensorflow_datasets': {'data/builder.py'},
    'grain': {'data/pipeline.py'},
    'orbax': {'training/checkpoint.py', 'training/parallel.py'},  # the latter for its barrier
    'absl.flags': {'main.py'},
    'absl.app': {'main.py'},
    'ml_collections.config_flags': {'main.py'},
    'tensorboardX': {'training/writers.py'},
}
FORBIDDEN = {'tensorflow', 'torch', 'keras'}


def _imports(source):
    """Every module that a source imports, anywhere in it, as dotted names."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, 'a relative import'
            yield from (f'{node.module}.{alias.name}' for alias in node.names)


def _modules():
    return sorted(PACKAGE.rglob('*.py'))


def test_every_file_is_formatted_and_clean_by_ruff():
    for command in (['format', '--check'], ['check']):
        found = subprocess.run(
            [sys.executable, '-m', 'ruff', *command, '--no-cache', '.'], capture_output=True, text=True, cwd=ROOT
        )
        assert found.returncode == 0, found.stdout


def test_everything_compiles():
    for folder in ('fvae_jax', 'configs', 'examples', 'launch', 'tests'):
        assert compileall.compile_dir(ROOT / folder, quiet=1, force=True)


def _violations(here, source):
    """What a module, by its path in the package, must not import or ask."""
    layer = LAYERS.index(here.parts[0].removesuffix('.py'))
    for name in _imports(source):
        parts = name.split('.')
        if parts[0] in FORBIDDEN:
            yield f'imports {name}'
        if parts[0] == 'fvae_jax' and len(parts) > 1 and parts[1] in LAYERS and LAYERS.index(parts[1]) > layer:
            yield f'imports {name}, a later layer'
        for library, doors in DOORS.items():
            if (name == library or name.startswith(library + '.')) and here.as_posix() not in doors:
                yield f'imports {name}'
    if here.as_posix() not in ('training/parallel.py', 'training/devices.py'):
        for asked in re.findall(r'jax\.(?:local_)?device(?:s|_count)\(|jax\.process_\w+\(', source):
            yield f'asks {asked}'


@pytest.mark.parametrize('path', _modules(), ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_imports_point_one_way(path):
    assert list(_violations(path.relative_to(PACKAGE), path.read_text())) == []


@pytest.mark.parametrize(
    'source',
    [
        'from fvae_jax.training import loop',
        'import fvae_jax.cli',
        'import grain',
        'from orbax import checkpoint',
        'import torch',
        'def f():\n  import tensorflow as tf',
        'n = jax.device_count()',
    ],
)
def test_the_import_rule_can_fail(source):
    assert list(_violations(pathlib.Path('ops/warp.py'), source))
    assert not list(_violations(pathlib.Path('ops/warp.py'), 'import jax\nfrom fvae_jax.errors import InputError'))


def _graph(sources):
    """{file: the files that it imports}, for {path in the package: source}; a folder is its __init__.py."""
    files = {'.'.join(('fvae_jax', *path.with_suffix('').parts)).removesuffix('.__init__'): path for path in sources}

    def file(name):
        """The file that a dotted name is, or is defined in; no part of it counts that is a folder on the way."""
        return files.get(name) or files.get(name.rpartition('.')[0])

    return {path: {file(name) for name in _imports(source)} - {None, path} for path, source in sources.items()}


def _circles(graph):
    """The groups of files each of which imports, by way of the others, itself."""
    reached = {path: set(imported) for path, imported in graph.items()}
    for middle in graph:
        for path in graph:
            if middle in reached[path]:
                reached[path] |= reached[middle]
    return {frozenset(p for p in graph if path in reached[p] and p in reached[path]) for path in graph} - {frozenset()}


def test_no_files_import_each_other():
    """Anywhere in them: inside functions and for type checkers, too."""
    circles = _circles(_graph({path.relative_to(PACKAGE): path.read_text() for path in _modules()}))
    assert not circles, [sorted(path.as_posix() for path in circle) for circle in circles]


@pytest.mark.parametrize(
    'sources, circle',
    [
        ({'a': 'import fvae_jax.b', 'b': 'def f():\n  from fvae_jax import a'}, 'ab'),
        (
            {'a': 'from fvae_jax.b import f', 'b': 'from fvae_jax.c import g', 'c': 'if T:\n  from fvae_jax import a'},
            'abc',
        ),
        ({'a': 'from fvae_jax import b, c', 'b': 'from fvae_jax import c', 'c': 'import jax'}, ''),
    ],
)
def test_the_rule_against_circles_can_fail(sources, circle):
    graph = _graph({pathlib.Path(f'{name}.py'): source for name, source in sources.items()})
    assert _circles(graph) == ({frozenset(pathlib.Path(f'{name}.py') for name in circle)} if circle else set())


def test_configs_import_the_config_module_only():
    for path in (ROOT / 'configs').glob('*.py'):
        assert all(name.startswith('fvae_jax.config.') for name in _imports(path.read_text())), path


def test_importing_the_package_is_light():
    heavy = ['tensorflow_datasets', 'orbax', 'grain', 'matplotlib', 'dlib', 'tensorboardX', 'imageio', 'torch']
    code = f'import sys, fvae_jax, fvae_jax.ops.warp; print([m for m in {heavy} if m in sys.modules])'
    found = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert found.stdout.strip() == '[]'


def test_reading_photos_and_finding_faces_do_without_jax():
    code = 'import sys; from fvae_jax.data import align; from fvae_jax.photo import read; print("jax" in sys.modules)'
    found = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert found.stdout.strip() == 'False'


def test_an_installation_has_every_file_that_is_no_code():
    setup = configparser.ConfigParser()
    setup.read(ROOT / 'setup.cfg')
    shipped = set()
    for package, patterns in setup['options.package_data'].items():
        for pattern in patterns.split(','):
            found = set(ROOT.joinpath(*package.split('.')).glob(pattern.strip()))
            assert found, f'{package} has no {pattern.strip()}'
            shipped |= found
    files = {path for path in PACKAGE.rglob('*') if path.is_file() and '__pycache__' not in path.parts}
    assert shipped == {path for path in files if path.suffix not in ('.py', '.tmp')}


def test_help_of_the_training_command():
    found = subprocess.run([sys.executable, '-m', 'fvae_jax.main', '--help'], capture_output=True, text=True, cwd=ROOT)
    assert found.returncode == 0, found.stderr
    for word in ('--workdir', '--mode', '--config.train.steps', 'python -m fvae_jax.main --config='):
        assert word in found.stdout


@pytest.mark.parametrize(
    'script', sorted([*(ROOT / 'launch').glob('*.sh'), ROOT / '.ci' / 'run']), ids=lambda p: p.name
)
def test_scripts_parse_and_can_be_run(script):
    subprocess.run(['bash', '-n', script], check=True)
    assert script.read_text().startswith('#!/usr/bin/env bash')
    assert script.stat().st_mode & 0o100


def test_the_texts_name_what_exists():
    pages = [ROOT / name for name in ('README.md', 'WORKSPACE.md', 'CONTRIBUTING.md')] + [*(ROOT / 'docs').glob('*.md')]
    text = '\n'.join(page.read_text() for page in pages)
    for path in re.findall(r'configs/\w+\.py|launch/[\w.-]+\w|docs/\w+\.\w+', text):
        assert (ROOT / path).exists(), path
    for path in re.findall(r'`([\w/]+/\w+\.py)`', text):
        assert any((folder / path).exists() for folder in (ROOT, PACKAGE)), path
    groups = '|'.join({path.partition('.')[0] for path in fields_lib.FIELDS if '.' in path})
    fields = re.findall(r'--config\.([a-z]+\.[a-z_]+)', text) + re.findall(rf'`((?:{groups})\.[a-z_]+)`', text)
    assert len(fields) > 20
    assert set(fields) - {'model.safetensors', 'latent.js', 'model.js'} <= set(fields_lib.FIELDS)
    for command in ('bash launch/quickstart.sh', 'bash launch/test.sh'):
        assert command in pages[0].read_text()
    assert 'bash launch/test.sh' in (ROOT / '.ci' / 'run').read_text()


@pytest.mark.slow
def test_the_quick_start_runs_twice(tmp_path):
    command = ['bash', 'launch/quickstart.sh', '--config=configs/synthetic.py:tiny', f'--workdir={tmp_path}/run']
    for _ in range(2):
        started = time.time()
        found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        assert found.returncode == 0, found.stderr
        assert 'samples/test.png' in found.stdout and (tmp_path / 'run' / 'samples' / 'test.png').exists()
        smiling = ROOT / 'runs' / 'quickstart' / 'smiling.png'
        assert f'{smiling.relative_to(ROOT)} ' in found.stdout and smiling.stat().st_mtime > started
