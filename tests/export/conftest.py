"""The page of the built-in model, made once, and an editor to compare it with."""

import pytest
from export.using import call, served

import fvae_jax
from fvae_jax import bundle as bundle_lib


@pytest.fixture(scope='session')
def site(once):
    """The folder of the page."""
    pytest.importorskip('onnx')
    pytest.importorskip('onnxruntime')
    from fvae_jax.export import folder

    return once('site', lambda made: folder.write(bundle_lib.load(), 'web', made))


@pytest.fixture(scope='module')
def address(site):
    """Where it is served."""
    with served(site) as address:
        yield address


@pytest.fixture(scope='module')
def _shared(address, open_shared_page):
    page = open_shared_page(address)
    page.wait_for_selector('#sample:visible')
    return page, open_shared_page.complaints


@pytest.fixture
def page(_shared):
    """The page at its start, for tests that need none of their own: loading it takes longer than most of them do."""
    page, complaints = _shared
    yield page
    call(page, 'main.refresh()')  # or what is still to be drawn would count as an edit of the next test
    call(page, "import('/app/unsaved.js').then((unsaved) => unsaved.forget())")
    if page.locator('#work').is_visible():
        page.click('#another')
    call(page, "import('/app/page.js').then((page) => page.tell(''))")
    assert complaints == []


@pytest.fixture(scope='session')
def editor():
    """What it does in Python."""
    return fvae_jax.load()
