"""fvae_jax: facial expression editing by flow variational autoencoders (Yeh et al. 2016) in JAX and Flax.

    editor = fvae_jax.load()
    editor.open('me.jpg').edit(smile=1.0).save('smiling.png')
    editor.interpolate('a.jpg', 'b.jpg', frames=30).save('morph.mp4')
"""

from typing import TYPE_CHECKING

__version__ = '0.1.0'
__all__ = ['Editor', 'InputError', 'load']

from fvae_jax.errors import InputError

if TYPE_CHECKING:
    from fvae_jax.editing.editor import Editor, load


def __getattr__(name: str):
    """Imports JAX and the editor when they are first asked for: `import fvae_jax` alone stays light."""
    if name in ('Editor', 'load'):
        from fvae_jax.editing import editor
        return getattr(editor, name)
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
