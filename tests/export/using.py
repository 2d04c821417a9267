"""What a person does with the page in a browser, and what the package says of the same photo."""

import contextlib
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
    width, height, data = page.evaluate("""() => {
        const view = document.getElementById('view');
        const context = new OffscreenCanvas(view.width, view.height).getContext('2d', {willReadFrequently: true});
        context.drawImage(view, 0, 0);
        return [view.width, view.height, Array.from(context.getImageData(0, 0, view.width, view.height).data)];
    }""")
    return np.array(data, np.uint8).reshape(height, width, 4)[..., :3]


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
