"""Models, photos of every kind, and a way to run commands on them."""

import forked
import numpy as np
import pytest
from cli.commands import ASTRONAUT
from editing import models
from PIL import Image

from fvae_jax import bundle as bundle_lib, cli


@pytest.fixture(scope='session')
def things(tmp_path_factory):
    """A folder with models and with photos of every kind."""
    folder = tmp_path_factory.mktemp('things')
    model = models.random_bundle()
    bundle_lib.save(folder / 'model.safetensors', model)
    bundle_lib.save(folder / 'bare.safetensors', model._replace(mask=None))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bundle_lib, 'VERSION', 2)
        bundle_lib.save(folder / 'newer.safetensors', model)
    photo = Image.fromarray(ASTRONAUT)
    photo.save(folder / 'me.png')
    photo.save(folder / 'me.jpg', quality=95)
    photo.convert('CMYK').save(folder / 'cmyk.jpg', quality=95)
    Image.fromarray(np.hstack([ASTRONAUT, ASTRONAUT])).save(folder / 'two.png')
    Image.fromarray(ASTRONAUT[300:500, :200]).save(folder / 'suit.png')
    Image.new('RGB', (1, 1)).save(folder / 'dot.png')
    photo.save(folder / 'film.gif', save_all=True, append_images=[photo.rotate(3)])
    (folder / 'cut.jpg').write_bytes((folder / 'me.jpg').read_bytes()[:20_000])
    (folder / 'text.jpg').write_text('Dear diary')
    (folder / 'empty.png').write_bytes(b'')
    return folder


@pytest.fixture(scope='session')
def process(things, tmp_path_factory):
    """Runs a command as a process of its own, as `forked` does; `@` stands for the folder of `things`."""
    with forked.parent(tmp_path_factory.mktemp('said'), 'fvae_jax.cli.edit', 'fvae_jax.editing.editor') as started:
        yield lambda line, **options: started(
            'from fvae_jax import cli; cli.run()', ['fvae', *line.replace('@', f'{things}/').split()], **options
        )


@pytest.fixture
def run(things, tmp_path, monkeypatch):
    """Runs a command in a folder of its own, where `@` stands for the folder of `things`."""
    monkeypatch.chdir(tmp_path)
    return lambda line: cli.main(line.replace('@', f'{things}/').split())
