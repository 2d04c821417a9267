"""The Colab demo: kept without outputs, and runs from the first cell to the last."""

import base64
import io
import os
import pathlib

import nbclient
import nbformat
import numpy as np
import pytest
from PIL import Image

ROOT = pathlib.Path(__file__).parents[1]
NOTEBOOK = ROOT / 'launch' / 'colab_demo.ipynb'


def _leftovers(notebook):
    """What running a notebook leaves behind in it."""
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type == 'code' and (cell.outputs or cell.execution_count is not None):
            yield f'cell {number}'
    if 'widgets' in notebook.metadata:
        yield 'widgets'


def _pictures(cell):
    """The pictures that a cell shows, (H, W, 3) uint8 RGB."""
    for output in cell.outputs:
        if 'image/png' in output.get('data', {}):
            yield np.asarray(Image.open(io.BytesIO(base64.b64decode(output.data['image/png']))).convert('RGB'))


def _cell(notebook, words):
    [found] = [cell for cell in notebook.cells if cell.cell_type == 'code' and words in cell.source]
    return found


def test_it_is_a_notebook_without_outputs():
    notebook = nbformat.read(NOTEBOOK, as_version=nbformat.NO_CONVERT)
    nbformat.validate(notebook)
    assert not list(_leftovers(notebook))
    for cell in notebook.cells:
        if cell.cell_type == 'code':
            compile(cell.source, cell.id, 'exec')
            assert len(cell.source.splitlines()) <= 25, cell.id  # a screen


def test_outputs_would_be_found():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == 'code']
    code[0].execution_count = 1
    code[1].outputs.append(nbformat.v4.new_output('stream', text='x'))
    notebook.metadata.widgets = {}
    assert len(list(_leftovers(notebook))) == 3


@pytest.mark.slow
@pytest.mark.filterwarnings('default')  # of Jupyter's own parts
def test_it_runs_to_the_end(tmp_path):
    """As in Colab: on all devices of the machine, not on the eight that the tests pretend to have."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    environment = {
        name: value for name, value in os.environ.items() if name not in ('XLA_FLAGS', 'JAX_NUMPY_RANK_PROMOTION')
    }
    environment |= {'PYTHONPATH': str(ROOT), 'FVAE_CACHE': str(tmp_path / 'cache')}
    client = nbclient.NotebookClient(
        notebook, timeout=3000, kernel_name='python3', resources={'metadata': {'path': str(tmp_path)}}
    )
    client.execute(env=environment)  # an error of a cell is one here
    for words, count in [
        ("PHOTO = 'photo.png'", 1),
        ('edits = [', 1),
        ('flow_picture()', 3),
        ('teeth=photo', 1),
        ('film.save', 1),
        ('run/samples/test.png', 1),
        ('mine = fvae_jax.load', 1),
    ]:
        pictures = list(_pictures(_cell(notebook, words)))
        assert len(pictures) == count, words
        assert all(picture.std() > 20 for picture in pictures), words
    for words in ('film.save', 'open_film'):
        outputs = _cell(notebook, words).outputs
        assert any('video/mp4' in output.get('data', {}).get('text/html', '') for output in outputs), words
    for made in ('smiling.png', 'film.mp4', 'edited.mp4', 'run/model.safetensors'):
        assert (tmp_path / made).stat().st_size > 10_000
    photo, smiling = (np.asarray(Image.open(tmp_path / name)).astype(int) for name in ('photo.png', 'smiling.png'))
    moved = np.abs(photo - smiling).max(axis=-1) > 0
    assert 0.01 < moved.mean() < 0.5
    state = notebook.metadata.widgets['application/vnd.jupyter.widget-state+json'].state
    assert any(widget.model_name == 'ImageModel' and widget.buffers for widget in state.values())
