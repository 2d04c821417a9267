"""What the page offers to try, and what it says of itself: sample.jpg and page.json."""

import json
import pathlib

import fvae_jax

FACTS = 'page.json'
_PHOTO = 'sample.jpg'
_CREDIT = 'Eileen Collins, NASA, public domain'


def write(folder: pathlib.Path) -> None:
    """Writes NASA's portrait, if scikit-image (extra `demo`), which brings it, is installed, and page.json.

    Args:
      folder: That of the page.
    """
    try:
        import skimage.data
    except ImportError:
        sample = None
    else:
        from PIL import Image

        sample = {'file': _PHOTO, 'credit': _CREDIT}
        Image.fromarray(skimage.data.astronaut()).save(folder / _PHOTO, quality=95, subsampling=0)
    facts = {'program': f'fvae_jax {fvae_jax.__version__}', 'sample': sample}
    (folder / FACTS).write_text(json.dumps(facts, indent=1) + '\n', encoding='utf-8')
