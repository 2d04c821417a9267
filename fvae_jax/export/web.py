"""The model as a web page: the files of `page`, a photo to try, and beside them the ONNX graphs in model/."""

import json
import pathlib
import shutil

import fvae_jax
from fvae_jax import bundle as bundle_lib
from fvae_jax.data import detect
from fvae_jax.export import onnx

PAGE = pathlib.Path(__file__).with_name('page')
MODEL = 'model'
# The detector of faces, which commands use as well, and its licence, go beside what others made.
DETECTOR = (detect.MODEL, detect.MODEL.with_name('LICENSE-yunet.txt'))


def build(bundle: bundle_lib.Bundle, folder: pathlib.Path, card: pathlib.Path | None = None) -> str:
    """Fills a folder that any file server can host; see `folder.TARGETS`.

    With scikit-image (extra `demo`), which brings it, NASA's portrait is there to try edits on.
    """
    shutil.copytree(PAGE, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns('*.py', '__pycache__'))
    for path in DETECTOR:
        shutil.copy(path, folder / 'vendor')
    facts = {'program': f'fvae_jax {fvae_jax.__version__}', 'sample': None}
    try:
        import skimage.data
    except ImportError:
        pass
    else:
        from PIL import Image

        facts['sample'] = {'file': 'sample.jpg', 'credit': 'Eileen Collins, NASA, public domain'}
        Image.fromarray(skimage.data.astronaut()).save(folder / 'sample.jpg', quality=95, subsampling=0)
    (folder / 'page.json').write_text(json.dumps(facts, indent=1) + '\n', encoding='utf-8')
    (folder / MODEL).mkdir()
    return onnx.build(bundle, folder / MODEL, card)
