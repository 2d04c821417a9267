"""The page where the browser has WebGPU. Here the processor plays the graphics card, which the page would not use: its
scripts are changed to believe it, and to be content with less. A card so slow gets a small model of all layers.
"""

import contextlib
import shutil
import time

import numpy as np
import pytest

pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')
pytest.importorskip('playwright.sync_api')
if shutil.which('chromium') is None:
    pytest.skip('no chromium', allow_module_level=True)

import browser
from export import variants
from export.using import call, saved, served, take_sample

from fvae_jax import bundle as bundle_lib
from fvae_jax.export import folder as folder_lib

BELIEVES = {'return Boolean(adapter) && !(adapter.info ?? adapter).isFallbackAdapter;': 'return Boolean(adapter);'}
CONTENT = {'LEAST_GAIN = 1.2;': 'LEAST_GAIN = 0;'}
STRICT = {'MOST_APART = 1e-3;': 'MOST_APART = 1e-12;'}


@contextlib.contextmanager
def opened(site, folder, changes):
    """The page with a changed script: a playwright page, and the sizes of what was fetched by file name."""
    shutil.copytree(site, folder)
    script = folder / 'app' / 'runtime.js'
    text = script.read_text()
    for before, after in changes.items():
        assert text.count(before) == 1, before
        text = text.replace(before, after)
    script.write_text(text)
    fetched, complaints = {}, []
    with served(folder) as address, browser.launched(browser.SOFTWARE_GRAPHICS_CARD) as chromium:
        page = chromium.new_page()
        page.set_default_timeout(1000 * browser.HANGS)
        page.on('console', lambda message: complaints.append(message.text))
        page.context.on('weberror', lambda error: complaints.append(str(error.error)))
        page.context.on(
            'response',
            lambda response: fetched.update(
                {response.url.rpartition('/')[2]: int(response.headers.get('content-length', 0))}
            ),
        )
        page.goto(address)
        page.wait_for_selector('#sample:visible')
        yield page, fetched
    assert complaints == []


def place(page, name='decode'):
    return page.evaluate("async (name) => (await import('/app/networks.js')).ask('place', name)", name)


def tried(page):
    """Where the decoder runs once the card has been tried."""
    # Asked here: Playwright takes the promise of an asynchronous condition for an answer.
    until = time.monotonic() + browser.HANGS
    while (where := place(page)) == 'processor, card untried' and time.monotonic() < until:
        page.wait_for_timeout(100)
    return where


def smiling(page):
    call(page, 'main.setStrengths({smile: 1})')
    return np.array(saved(page).convert('RGB')).astype(int)


@pytest.fixture(scope='module')
def small(tmp_path_factory):
    """The folder of its page. Weights are random: its edits are quiet enough for faces to stay faces."""
    made = tmp_path_factory.mktemp('small') / 'site'
    folder_lib.write(variants.bundle('all', loudness=0.1), 'web', made)
    return made


@pytest.fixture(scope='module')
def expected(small, tmp_path_factory):
    """The picture by the processor, in a browser that has WebGPU on the processor and does not use it."""
    with opened(small, tmp_path_factory.mktemp('plain') / 'site', {}) as (page, fetched):
        take_sample(page)
        assert place(page) == 'processor' and 'ort.wasm.gz' in fetched and 'ort.webgpu.wasm.gz' not in fetched
        plain, picture = np.array(saved(page).convert('RGB')).astype(int), smiling(page)
    assert np.abs(picture - plain).max() > 50  # the edit shows
    return picture


def test_networks_move_to_the_card_and_back_when_it_is_lost(small, expected, tmp_path):
    with opened(small, tmp_path / 'site', BELIEVES | CONTENT) as (page, fetched):
        take_sample(page)
        page.evaluate("async () => (await import('/app/networks.js')).ask('ready')")
        assert 'ort.wasm.gz' not in fetched
        assert 5e6 < sum(fetched.values()) < 30e6 - bundle_lib.BUILT_IN.stat().st_size
        before = dict(fetched)
        assert tried(page) == 'card'
        picture = smiling(page)
        assert place(page) == 'card' and np.abs(picture - expected).max() <= 2
        (worker,) = page.workers
        worker.evaluate("async () => (await (await import('/vendor/ort.webgpu.js')).env.webgpu.device).destroy()")
        call(page, 'main.setStrengths({smile: 0.5})')
        assert place(page) == 'processor'
        # What the face is moved from came from the card before it was lost, or not, as it happened.
        call(page, 'main.placeEyes(main.state.sitter.eyes)')
        assert np.abs(smiling(page) - expected).max() <= 1
        assert fetched == before


@pytest.mark.parametrize(
    'changes', [pytest.param({}, id='slow', marks=pytest.mark.slow), pytest.param(CONTENT | STRICT, id='different')]
)
def test_a_card_that_does_badly_is_left_alone(changes, small, expected, tmp_path):
    with opened(small, tmp_path / 'site', BELIEVES | changes) as (page, _):
        take_sample(page)
        assert tried(page) == 'processor' and place(page, 'encode') == 'processor'
        assert np.abs(smiling(page) - expected).max() == 0
