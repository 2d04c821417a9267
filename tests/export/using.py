"""What a person does with the page in a browser, and what the package says of the same photo."""

import base64
import contextlib
import io
import re
import threading

import numpy as np
from PIL import Image

from fvae_jax.data import align
from fvae_jax.editing import portrait
from fvae_jax.export import demo


@contextlib.contextmanager
def served(folder):
    """The address of a folder."""
    with demo.listen(folder) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f'http://127.0.0.1:{server.server_port}/'
        finally:
            server.shutdown()
            thread.join()


def told(page, text):
    """Waits until the live region says something."""
    from playwright import sync_api

    sync_api.expect(page.locator('#status')).to_have_text(re.compile(text))


def take_sample(page):
    page.click('#sample')
    told(page, 'Face found')


def call(page, expression, argument=None):
    """Awaits what an expression over the page's main module `main`, and `argument`, gives."""
    return page.evaluate(
        f"async (argument) => {{ const main = await import('/app/main.js'); return await {expression}; }}", argument
    )


def saved(page):
    """The picture that the page saves."""
    with page.expect_download() as download:
        page.click('#save')
    with Image.open(download.value.path()) as picture:
        picture.load()
    return picture


def shown(page):
    """The picture on the screen, (H, W, 3)."""
    # As a PNG: as numbers, a million and a half of them, it would take seconds on its way.
    address = page.evaluate("""async () => {
        const view = document.getElementById('view');
        const canvas = new OffscreenCanvas(view.width, view.height);
        canvas.getContext('2d').drawImage(view, 0, 0);
        const reader = new FileReader();
        reader.readAsDataURL(await canvas.convertToBlob());
        await new Promise((resolve) => { reader.onload = resolve; });
        return reader.result;
    }""")
    with Image.open(io.BytesIO(base64.b64decode(address.partition(',')[2]))) as picture:
        return np.asarray(picture.convert('RGB'))


def eyes_of(photo):
    """Where the package sees the eyes of an opened photo, as the page takes them."""
    (number,) = photo.numbers(None)
    return align.eye_centers(photo.faces[number - 1].landmarks).tolist()


def face_of(photo):
    """Rows and columns of the face."""
    (number,) = photo.numbers(None)
    y0, y1, x0, x1 = portrait.face_region(photo.matrix(number), photo.model.size, photo.photo.pixels.shape)
    return slice(y0, y1), slice(x0, x1)


def difference(one, other, region):
    """Mean, of 255."""
    return np.abs(one[region].astype(float) - other[region]).mean()
