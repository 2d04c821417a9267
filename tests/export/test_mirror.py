"""The mirror: a camera that plays a film of known motion, edited live in the worker."""

import base64
import shutil

import cv2
import numpy as np
import pytest

pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')
pytest.importorskip('playwright.sync_api')
if shutil.which('chromium') is None:
    pytest.skip('no chromium', allow_module_level=True)

import browser
from export import film
from export.using import call, told

FACE, MOUTH = np.s_[180:560, 150:450], np.s_[400:500, 220:380]  # of the face's photo

# Pictures from the screen as they come: [number, eyes, edited, PNG].
COLLECT = """(async () => {
  const pictures = [];
  let last = 0;
  while (pictures.length < COUNT) {
    await new Promise(requestAnimationFrame);
    const made = main.state.mirror;
    if (made === null || made.number === last || !(CONDITION)) continue;
    last = made.number;
    pictures.push([made.number, made.eyes, made.laid, document.getElementById('view').toDataURL()]);
  }
  return pictures;
})()"""


@pytest.fixture(scope='module')
def frames():
    return [film.frame(number) for number in range(film.FRAMES)]


@pytest.fixture
def mirror(address, tmp_path):
    """`mirror(frames)` opens the mirror of a camera that plays them: a playwright page."""
    opened, complaints = [], []

    def open_mirror(frames):
        film.write(tmp_path / 'film.y4m', frames)
        launched = browser.launched(film=tmp_path / 'film.y4m')
        opened.append(launched)
        page = launched.__enter__().new_page(viewport={'width': 390, 'height': 844})
        page.set_default_timeout(1000 * browser.HANGS)
        page.on('console', lambda message: message.type in ('error', 'warning') and complaints.append(message.text))
        page.on('pageerror', lambda error: complaints.append(str(error)))
        page.goto(address)
        page.wait_for_selector('#sample:visible')
        page.evaluate("async () => (await import('/app/networks.js')).ask('ready')")
        page.wait_for_load_state('networkidle')  # the model's files come beside the networks
        page.context.on('request', lambda request: complaints.append(request.url))
        page.click('#use-mirror')
        told(page, 'The mirror runs')
        return page

    yield open_mirror
    for launched in opened:
        launched.__exit__(None, None, None)
    assert [told for told in complaints if not told.startswith('blob:')] == []


def collect(page, count, condition):
    """[(eyes, whether it is edited, picture BGR)]"""
    found = call(page, COLLECT.replace('COUNT', str(count)).replace('CONDITION', condition))
    decoded = [base64.b64decode(url.partition(',')[2]) for *_, url in found]
    pictures = [cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) for data in decoded]
    return [(eyes, laid, picture) for (_, eyes, laid, _), picture in zip(found, pictures)]


def apart(one, other, region=np.s_[:]):
    return np.abs(one[region].astype(float) - other[region]).mean()


def test_a_face_is_edited_and_held_steady(mirror, frames, check_layout):
    page = mirror(frames)
    check_layout(page)
    plain = [film.as_written(one) for one in frames]
    for _, laid, picture in collect(page, 3, 'made.eyes'):
        assert not laid and apart(picture, plain[film.number_of(picture)]) < 1.5  # no slider was moved
    call(page, 'main.setStrengths({smile: 1})')
    page.wait_for_timeout(2000)
    seen = collect(page, 24, 'made.laid')
    numbers = [film.number_of(picture) for *_, picture in seen]
    assert len(set(numbers)) > 12
    before, after = [], []
    for (_, _, picture), number in zip(seen, numbers):
        assert apart(picture, plain[number], np.s_[440:]) < 1.5  # below the face
        before.append(film.from_film(plain[number], number))
        after.append(film.from_film(picture, number))
    before, after = np.float32(before), np.float32(after)
    assert apart(after.mean(axis=0), before.mean(axis=0), MOUTH) > 5  # it smiles
    # With the motion taken back nothing moves but noise.
    for region in (FACE, MOUTH):
        trembling = [pictures[:, *region].std(axis=0).mean() for pictures in (before, after)]
        assert trembling[1] < 1.15 * trembling[0], (region, trembling)
    eyes = []
    for (seen_eyes, *_), number in zip(seen, numbers):
        back = cv2.invertAffineTransform(film.to_film(number))
        eyes.append(np.array(seen_eyes) @ back[:, :2].T + back[:, 2])
    eyes = np.array(eyes)
    distance = np.hypot(*np.diff(eyes.mean(axis=0), axis=0)[0])
    assert eyes.std(axis=0).max() < 0.01 * distance and abs(distance - 117) < 8
    assert 'frames per second' in page.locator('#rate').inner_text()

    page.locator('#compare').focus()
    page.keyboard.down('Space')
    page.wait_for_timeout(1500)
    *_, picture = collect(page, 2, 'made.laid')[-1]
    assert apart(picture, plain[film.number_of(picture)]) < 1.5
    page.keyboard.up('Space')

    page.click('#record')
    page.wait_for_timeout(2500)
    with page.expect_download() as download:
        page.click('#record')
    told(page, r'Saved as mirror-edited\.(webm|mp4), without sound')
    recorded = cv2.VideoCapture(str(download.value.path()))
    taken = []
    while (got := recorded.read())[0]:
        taken.append(got[1])
    assert len(taken) >= 3 and taken[0].shape == (480, 640, 3) and apart(taken[0], taken[-1]) > 1
    page.click('#end-mirror')
    assert page.locator('#start').is_visible() and page.locator('#work').is_hidden()
    assert call(page, 'main.state.mirror') is None


FOLLOW = """async (pictures) => {
  const {followed} = await import('/app/folds.js');
  const directions = {smile: [2, 0, 0], sad: [0, 1, 1]};
  const model = {neutral: [0, 0, 0], directions, readings: {rows: [[2, 0, 0], [0, 1, 1]], gram: [[4, 0], [0, 2]]}};
  let folds = {maps: {}, side: 4, shown: {smile: 0, sad: 0}};
  return pictures.map((latent) => (folds = followed(folds, model, latent)).shown);
}"""


def test_what_a_face_shows_is_followed_slowly(address):
    """From picture to picture, so that its own smile does not become twice as deep; not at once, since it speaks."""
    with browser.launched() as launched:
        page = launched.new_page()
        page.goto(address)
        shown = page.evaluate(FOLLOW, [[2, 0, 0]] * 30 + [[0, 0.5, 0.5]] * 30)
    smile, sad = (np.array([picture[name] for picture in shown]) for name in ('smile', 'sad'))
    assert (np.diff(smile[:30]) > 0).all() and smile[29] > 0.95 and not sad[:30].any()
    assert np.abs(np.diff(smile)).max() < 0.2
    assert smile[-1] < 0.05 and abs(sad[-1] - 0.5) < 0.05


def test_a_face_that_leaves_and_comes_back(mirror):
    half = film.FRAMES // 2
    page = mirror([film.frame(number, face=number < half) for number in range(film.FRAMES)])
    call(page, 'main.setStrengths({surprise: 1})')
    for _ in range(2):
        page.wait_for_function("() => document.getElementById('rate').textContent.includes('frames per second')")
        collect(page, 1, 'made.laid')
        page.wait_for_function("() => document.getElementById('rate').textContent === 'No face in sight'")
        ((eyes, laid, _),) = collect(page, 1, '!made.eyes')
        assert eyes is None and not laid
    page.set_input_files('#file', film.FACE)
    told(page, 'Face found')
    assert call(page, 'main.state.mirror') is None and page.locator('#save').is_visible()
