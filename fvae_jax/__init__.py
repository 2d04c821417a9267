"""Facial expression editing by flow variational autoencoders (Yeh et al. 2016) in JAX and Flax.

Edit a photo, by the model that comes with the package:

    import fvae_jax
    editor = fvae_jax.load()                    # or of a model file: fvae_jax.load('RUN/model.safetensors')
    print(editor.expressions)
    photo = editor.open('me.jpg')
    photo.edit(smile=1.0).save('smiling.png')   # 0 is the photo itself, -1 the opposite, more exaggerates
    photo.edit({'smile': 1.0, 'brow_raise': 0.5})     # the same by a mapping, for any name of an expression

A film, its frames edited as they come, with its sound; or the frames of another program:

    editor.open_film('clip.mp4').edit(smile=1.0).save('happier.mp4')
    frames = editor.edit_frames(frames, smile=1.0)    # an iterator of (H, W, 3) uint8 in, one out

A film from one photo of a person to another:

    editor.interpolate('a.jpg', 'b.jpg', frames=30).save('morph.mp4')

Work on aligned crops, with arrays instead of files:

    face = editor.encode(crop)                  # (size, size, 3), size = editor.size
    latent = editor.edited_latent(face, {'smile': 1.0})
    displacement = editor.displacement(face, latent)

Train a model of one's own, from a checkout: `python -m fvae_jax.main --help`, or in a program:

    from fvae_jax.training import experiment
    experiment.train(config, 'runs/mine')       # config: configs/photos.py, or fvae_jax.config.default_config()

Whatever cannot be used raises `InputError`, with one line that names the remedy. The commands for photos:
`fvae --help`.
"""

from typing import TYPE_CHECKING, Any

__all__ = ['Editor', 'InputError', 'load']

from fvae_jax.errors import InputError
from fvae_jax.version import __version__ as __version__

if TYPE_CHECKING:
    from fvae_jax.editing.editor import Editor, load


def __getattr__(name: str) -> Any:
    """Imports JAX and the editor when they are first asked for: `import fvae_jax` alone stays light."""
    if name in ('Editor', 'load'):
        from fvae_jax.editing import editor

        return getattr(editor, name)
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')


def __dir__() -> list[str]:
    """What completion and `help` list: the public names, those that are imported later among them."""
    return sorted({*globals(), *__all__})
