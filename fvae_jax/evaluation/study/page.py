"""The page that shows a participant real and generated images, and the key to it (section 6.3)."""

import base64
import hashlib
import hmac
import json
import pathlib
import string
from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from fvae_jax.errors import InputError
from fvae_jax.photo import output

REAL = 'real'
PAGE, KEY = 'index.html', 'key.json'
_ASSETS = pathlib.Path(__file__).parent


def build(
    images: Mapping[str, Sequence[np.ndarray]], out: pathlib.Path, seed: int = 0, *, per_method: int = 10
) -> pathlib.Path:
    """Writes a study: a page for the participants and the key, which they do not get.

    The page is one file that loads nothing. What tells methods apart is in the key alone: an image's name is a keyed
    hash, the page holds the images in the order of these names, each participant's browser shuffles them anew, and
    all are PNGs without compression, whose length depends on the number of pixels only (a blurred picture would be a
    smaller file).

    Args:
      images: For every method its images, and under 'real' the real ones; (H, W, 3) uint8 RGB, all of one size.
      out: The folder to make, with index.html and key.json; its parent exists.
      seed: Draws which of a method's images are taken. The same images and seed give the same study.
      per_method: How many images of each method to take; 10 in the paper.

    Returns:
      The page.

    Raises:
      InputError: Too few images, or the folder holds something.
    """
    out = check_folder(out)
    rng = np.random.default_rng(seed)
    chosen = {}
    for method, candidates in images.items():
        if len(candidates) < per_method:
            raise InputError(
                f"'{method}' has {len(candidates)} images, the study takes {per_method} per method; give "
                'more images, or take fewer with --per-method'
            )
        taken = rng.choice(len(candidates), per_method, replace=False)
        chosen[method] = [candidates[i] for i in taken]
    secret = _secret(chosen, seed)
    name_of = lambda what: hmac.new(secret, what.encode(), 'sha256').hexdigest()[:16]
    methods, data_uris = {}, {}
    for method, pictures in chosen.items():
        for i, picture in enumerate(pictures):
            name = name_of(f'{method} {i}')
            _, png = cv2.imencode('.png', picture[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 0])
            methods[name] = method
            data_uris[name] = 'data:image/png;base64,' + base64.b64encode(png).decode()
    study = name_of('study')
    # In a script element, '</script' or '<!--' inside a string would end or change it.
    data = json.dumps({'id': study, 'images': dict(sorted(data_uris.items()))}).replace('<', '\\u003c')
    html, style, script = ((_ASSETS / f'page.{kind}').read_text(encoding='utf-8') for kind in ('html', 'css', 'js'))
    page = string.Template(html).substitute(style=style, script=script, study=data)
    key = {'study': study, 'seed': seed, 'methods': list(chosen), 'images': dict(sorted(methods.items()))}
    with output.replacing(out) as temporary:
        temporary.mkdir()
        (temporary / PAGE).write_text(page, encoding='utf-8')
        (temporary / KEY).write_text(json.dumps(key, indent=1, ensure_ascii=False) + '\n', encoding='utf-8')
    return out / PAGE


def check_folder(out: pathlib.Path) -> pathlib.Path:
    """The absolute path of the folder to make; raises `InputError` if it holds something, or cannot be made."""
    # A new key in the place of an old one would leave the answers collected so far without theirs.
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(
            f"study '{out}' exists; name a new folder (answers given so far can only be scored with its key.json)"
        )
    output.check_folder(out.resolve().parent)
    return out.resolve()


def _secret(chosen: Mapping[str, Sequence[np.ndarray]], seed: int) -> bytes:
    """A key to names that nobody can work out from the page: it takes knowing which image is of which method."""
    digest = hashlib.sha256(repr((seed, [(method, len(pictures)) for method, pictures in chosen.items()])).encode())
    for pictures in chosen.values():
        for picture in pictures:
            digest.update(picture.tobytes())
    return digest.digest()
