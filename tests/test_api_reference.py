"""The API reference: made from the docstrings without a complaint, complete, and readable in a browser."""

import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[1]
SCRIPT = ROOT / 'launch' / 'api_reference.py'


@pytest.fixture(scope='module')
def reference(tmp_path_factory):
    """The folder of the pages, made once."""
    folder = tmp_path_factory.mktemp('reference') / 'api'
    found = subprocess.run(
        [sys.executable, SCRIPT, folder],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, 'PYTHONPATH': str(ROOT)},
    )
    assert found.returncode == 0, found.stderr
    assert str(folder / 'index.html') in found.stdout
    return folder


@pytest.mark.slow
def test_every_module_has_a_page(reference):
    modules = {path.relative_to(ROOT).with_suffix('') for path in (ROOT / 'fvae_jax').rglob('*.py')}
    modules = {path.parent if path.name == '__init__' else path for path in modules if path.name != '__main__'}
    pages = {path.relative_to(reference).with_suffix('') for path in reference.rglob('*.html')}
    assert pages == modules | {pathlib.Path('index')}
    for page in reference.rglob('*.*'):
        assert str(ROOT) not in page.read_text(), page


@pytest.mark.slow
def test_the_main_names_are_found(reference, open_page):
    page = open_page(reference / 'fvae_jax.html')
    for name in ('Editor', 'Editor.edit', 'Editor.interpolate', 'Editor.open', 'InputError', 'load'):
        assert page.locator(f'[id="{name}"]').is_visible(), name
    assert page.locator('.module-info pre code').count() == 4  # the examples of the docstring
    with page.expect_navigation():
        page.get_by_role('link', name='training', exact=True).click()
    assert page.locator('h1').inner_text() == 'fvae_jax.training'
    page.goto((reference / 'fvae_jax/editing/still.html').as_uri())
    assert 'Z_expression' in page.locator('[id="EditablePhoto.edit"]').locator('..').inner_text()


@pytest.mark.slow
def test_a_complaint_is_an_error(tmp_path):
    """A package of the same name whose annotation cannot be resolved."""
    package = tmp_path / 'fvae_jax'
    package.mkdir()
    (package / '__init__.py').write_text('"""F."""\n__version__ = "0"\n__all__ = []\n')
    (package / 'broken.py').write_text('"""B."""\n\n\ndef f(a: "Nowhere"):\n    """F."""\n')
    found = subprocess.run(
        [sys.executable, SCRIPT, tmp_path / 'api'],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, 'PYTHONPATH': str(tmp_path)},
    )
    assert found.returncode == 1 and 'Nowhere' in found.stderr
