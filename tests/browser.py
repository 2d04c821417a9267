"""Pages in headless Chromium: a plugin that gives tests `open_page` and `check_layout`."""

import contextlib
import pathlib
import shutil

import pytest

HANGS = 600  # s, after which what is waited for will never come; a busy machine needs many times what an idle one does

_ARGUMENTS = [
    '--no-sandbox',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    # WebGL on the processor; without it there is a warning, which old versions of Playwright leave in the console.
    '--enable-unsafe-swiftshader',
]
# For `launched`: no WebGPU at all, or one on the processor, which says so.
NO_GRAPHICS_CARD = ['--disable-gpu']
SOFTWARE_GRAPHICS_CARD = ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader']


@contextlib.contextmanager
def launched(graphics_card=NO_GRAPHICS_CARD, film=None):
    """Headless Chromium of the system: a playwright Browser; `film`, a .y4m, is what its camera sees."""
    from playwright import sync_api

    camera = film and [
        '--use-fake-device-for-media-stream',
        '--use-fake-ui-for-media-stream',
        f'--use-file-for-fake-video-capture={film}',
    ]
    with sync_api.sync_playwright() as playwright:
        sync_api.expect.set_options(timeout=1000 * HANGS)
        browser = playwright.chromium.launch(
            executable_path=shutil.which('chromium'),
            args=[*_ARGUMENTS, *graphics_card, *(camera or ())],
            timeout=1000 * HANGS,
        )
        yield browser
        browser.close()


# Of a module and no longer: Playwright keeps an event loop running, beside which others cannot start theirs.
@pytest.fixture(scope='module')
def chromium():
    pytest.importorskip('playwright.sync_api')
    if shutil.which('chromium') is None:
        pytest.skip('no chromium')
    with launched() as browser:
        yield browser


@pytest.fixture
def open_page(chromium):
    """Opens files: open_page(path, width=1280, height=800, script='', **options of a context) -> playwright Page.

    `script` runs before the page's own. When the test ends, none of its pages may have written an error to the
    console or asked for anything but files and what they hold themselves: `open_page.complaints` is empty. A page may
    also be the address of a server's folder; it may ask for what lies under it.
    """
    with _opening(chromium) as opened:
        yield opened


@pytest.fixture(scope='module')
def open_shared_page(chromium):
    """`open_page` for pages that the tests of a module share."""
    with _opening(chromium) as opened:
        yield opened


@contextlib.contextmanager
def _opening(chromium):
    contexts, complaints = [], []

    def opened(path: pathlib.Path | str, width: int = 1280, height: int = 800, script: str = '', **options):
        address, own = (path, path) if isinstance(path, str) else (path.resolve().as_uri(), 'file:')
        context = chromium.new_context(viewport={'width': width, 'height': height}, **options)
        contexts.append(context)
        context.set_default_timeout(1000 * HANGS)
        context.add_init_script(script)
        context.on(
            'request',
            lambda request: (
                request.url.startswith((own, 'data:', 'blob:')) or complaints.append(f'request: {request.url}')
            ),
        )
        context.on(
            'console',
            lambda message: message.type in ('error', 'warning') and complaints.append(f'console: {message.text}'),
        )
        context.on('weberror', lambda error: complaints.append(f'error: {error.error}'))
        page = context.new_page()
        page.goto(address)
        return page

    opened.complaints = complaints
    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def check_layout():
    """Checks what is seen of a page: it is no wider than its window, and fingers hit its buttons."""

    def check(page):
        assert page.evaluate('document.documentElement.scrollWidth <= document.documentElement.clientWidth')
        for button in page.locator('button:visible').all():
            box = button.bounding_box()
            assert box['width'] >= 44 and box['height'] >= 44, button.text_content()

    return check
