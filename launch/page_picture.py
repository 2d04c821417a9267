"""Makes the picture of docs/page.md again: python launch/page_picture.py

The page of the model that ships edits its sample, an average of many people's faces (DeBruine 2016, doi
10.6084/m9.figshare.4055130.v1, CC BY 4.0, cropped), in headless Chromium, in a wide window and in one of a phone.
"""

import io
import pathlib
import shutil
import tempfile
import threading

from PIL import Image
from playwright import sync_api

from fvae_jax import bundle as bundle_lib
from fvae_jax.export import demo, folder
from fvae_jax.photo import output

PICTURE = pathlib.Path(__file__).resolve().parents[1] / 'docs' / 'composite_page.jpg'
WINDOWS = ((1280, 800), (390, 800))
EDIT = {'Smile': '1', 'Raised brows': '0.6'}
_WAIT = 600_000  # ms, for a busy machine


def shots(address: str) -> list[Image.Image]:
    """The page with an edited face, in each window."""
    found = []
    with sync_api.sync_playwright() as playwright:
        arguments = ['--no-sandbox', '--enable-unsafe-swiftshader', '--disable-gpu']
        browser = playwright.chromium.launch(executable_path=shutil.which('chromium'), args=arguments)
        for width, height in WINDOWS:
            page = browser.new_page(viewport={'width': width, 'height': height})
            page.set_default_timeout(_WAIT)
            page.goto(address)
            page.click('#sample')
            page.get_by_text('Face found').wait_for()
            for name, value in EDIT.items():
                page.get_by_label(name, exact=True).fill(value)
            page.evaluate('scrollTo(0, 0)')
            page.wait_for_timeout(3000)
            found.append(Image.open(io.BytesIO(page.screenshot())).convert('RGB'))
        browser.close()
    return found


def side_by_side(pictures: list[Image.Image], gap: int = 24) -> Image.Image:
    """Pictures of one height, with white between them."""
    width = sum(picture.width + gap for picture in pictures) - gap
    sheet = Image.new('RGB', (width, pictures[0].height), 'white')
    left = 0
    for picture in pictures:
        sheet.paste(picture, (left, 0))
        left += picture.width + gap
    return sheet


def main() -> None:
    """Writes the picture."""
    with tempfile.TemporaryDirectory() as made:
        site = pathlib.Path(made) / 'site'
        folder.write(bundle_lib.load(), 'web', site)
        with demo.listen(site) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            try:
                pictures = shots(f'http://127.0.0.1:{server.server_port}/')
            finally:
                server.shutdown()
                thread.join()
    with output.replacing(PICTURE) as draft:
        side_by_side(pictures).save(draft, 'JPEG', quality=85)


if __name__ == '__main__':
    main()
