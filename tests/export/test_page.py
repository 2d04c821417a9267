"""The page in a browser: what it computes, what it refuses, what it asks for, and that it can be used."""

import io
import json
import pathlib
import re
import shutil

import numpy as np
import pytest
import skimage.data
from PIL import Image

pytest.importorskip('onnx')
onnxruntime = pytest.importorskip('onnxruntime')
sync_api = pytest.importorskip('playwright.sync_api')

from editing import models
from export import variants
from export.using import call, difference, eyes_of, face_of, saved, served, shown, take_sample, told

import fvae_jax
from fvae_jax import bundle as bundle_lib
from fvae_jax.data import align
from fvae_jax.editing import morph, still
from fvae_jax.export import facts as facts_lib, folder as folder_lib
from fvae_jax.photo import xmp

FACE = pathlib.Path(__file__).parents[2] / 'docs' / 'composite_face.jpg'  # with closed lips


@pytest.fixture(scope='module')
def sample(site, editor):
    return editor.open(site / 'composite_face.jpg')


def test_edits_as_fvae_edit_does(sample, page):
    take_sample(page)
    found = np.array(call(page, 'main.state.sitter.eyes'))
    eyes = np.array(eyes_of(sample))
    assert np.abs(found - eyes).max() < 0.05 * np.hypot(*(eyes[1] - eyes[0]))
    call(page, 'main.placeEyes(argument)', eyes.tolist())
    source, face = sample.photo.pixels, face_of(sample)
    for strengths in (
        {'smile': 1.0},
        {'surprise': 1.0},
        {'smile': -1.0, 'brow_raise': 0.5},
        {'smile': 1.0, 'neutral': 1.0},
    ):
        call(page, 'main.setStrengths(argument)', strengths)
        picture = saved(page)
        told(page, 'Saved as sample-edited.png, 600 × 670')
        got, wanted = np.array(picture.convert('RGB')), sample.edit(**strengths).photo.pixels
        own = difference(wanted, source, face)
        assert difference(got, wanted, face) < min(0.3, own / 25) and own > 2, strengths
        outside = np.ones(got.shape[:2], bool)
        outside[face] = False
        assert (got[outside] == source[outside]).all()
        assert picture.text['Software'] == f'fvae_jax {fvae_jax.__version__}' and picture.text['Model'] == 'faces'
        assert picture.text['Edit'] == ', '.join(
            f'{name} {value:g}' for name, value in sorted(strengths.items(), key=lambda item: item[0] != 'smile')
        )
        packet = xmp.updated(picture.info['xmp'], picture.size, None).decode()  # another reader of XML
        assert 'digitalsourcetype/compositeWithTrainedAlgorithmicMedia' in packet
        assert f'stEvt:parameters="Model: faces; Edit: {picture.text["Edit"]}"' in packet
    page.click('#reset')
    told(page, 'All sliders')
    assert (np.array(saved(page).convert('RGB')) == source).all()


def test_the_networks_say_what_onnxruntime_says(site, page):
    facts = json.loads((site / 'model' / 'model.json').read_text())
    crop = variants.crops(facts['size'])[:1]
    sessions = {name: onnxruntime.InferenceSession(site / 'model' / f'{name}.onnx') for name in facts['networks']}
    names = facts['networks']['encode']['outputs']
    encoded = dict(zip(names, sessions['encode'].run(names, {'image': crop})))
    latents = np.fromfile(site / 'model' / 'latents.bin', '<f4').reshape(-1, *facts['latents']['shape'])
    edited = encoded['latent'] + latents[facts['latents']['order'].index('smile')]
    got = page.evaluate(
        """async ([crop, change]) => {
        const {ask} = await import('/app/networks.js');
        const latent = await ask('encode', {key: 'test', crop: Float32Array.from(crop)});
        const edited = latent.map((value, i) => value + change[i]);
        const decoded = await ask('decode', {key: 'test', latent: edited});
        const mask_logit = await ask('mask', {key: 'test', latent: edited});
        const plain = {latent, ...decoded, mask_logit};
        return Object.fromEntries(Object.entries(plain).map(([name, values]) => [name, Array.from(values)]));
    }""",
        [crop.ravel().tolist(), latents[facts['latents']['order'].index('smile')].ravel().tolist()],
    )
    wanted = {'latent': encoded['latent']}
    for name in ('decode', 'mask'):
        feeds = {**encoded, 'latent': edited}
        outputs = facts['networks'][name]['outputs']
        wanted.update(
            zip(outputs, sessions[name].run(outputs, {key: feeds[key] for key in facts['networks'][name]['inputs']}))
        )
    for name, values in wanted.items():
        np.testing.assert_allclose(got[name], values.ravel(), atol=1e-4, err_msg=name, rtol=1e-5)
    assert np.abs(wanted['displacement']).max() > 1


def test_what_it_asks_for(address, open_page):
    """Weight, and that a page that has loaded asks for nothing more, whatever is done in it."""
    requests, sizes = [], {}
    page = open_page('about:blank')
    page.context.on('request', lambda request: requests.append(request.url))
    page.context.on(
        'response', lambda response: sizes.update({response.url: int(response.headers.get('content-length', 0))})
    )
    page.goto(address)
    take_sample(page)
    page.evaluate("async () => (await import('/app/networks.js')).ask('ready')")
    assert f'{address}vendor/ort.wasm.gz' in sizes and f'{address}model/mask.onnx' in sizes
    assert 5e6 < sum(sizes.values()) < 30e6
    assert all(url.startswith((address, 'blob:')) for url in requests)
    before = [url for url in requests if url.startswith(address)]
    page.set_input_files('#file', {'name': 'a.png', 'mimeType': 'image/png', 'buffer': png(skimage.data.astronaut())})
    told(page, 'Face found')
    call(page, 'main.setStrengths({surprise: 1})')
    saved(page)
    page.click('#mode-blend')
    page.set_input_files(
        '#file-second', {'name': 'b.png', 'mimeType': 'image/png', 'buffer': png(skimage.data.astronaut())}
    )
    told(page, 'from one photo to the other')
    assert [url for url in requests if url.startswith(address)] == before
    open_page.complaints[:] = [told for told in open_page.complaints if not told.startswith(f'request: {address}')]


def png(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, 'PNG')
    return buffer.getvalue()


def test_nothing_can_be_sent(address, open_page):
    """Also the control of what `open_page` sees."""
    page = open_page(address)
    page.wait_for_selector('#sample:visible')
    assert page.evaluate('() => fetch("https://example.org").then(() => "sent", () => "refused")') == 'refused'
    told = '\n'.join(open_page.complaints)
    assert 'Content Security Policy' in told and 'request:' not in told
    open_page.complaints.clear()


def test_refuses_what_is_no_photo_of_a_face(page):
    page.set_input_files('#file', {'name': 'coffee.png', 'mimeType': 'image/png', 'buffer': png(skimage.data.coffee())})
    told(page, 'No face was found in this photo. Take one in which a face with both eyes')
    assert page.locator('#start').is_visible() and page.locator('#work').is_hidden()
    for content_ in (b'', b'no photo at all', png(skimage.data.coffee())[:5000]):
        page.set_input_files('#file', {'name': 'photo.jpg', 'mimeType': 'image/jpeg', 'buffer': content_})
        told(page, 'not a photo that this browser can read')
        assert page.locator('#work').is_hidden()
        page.set_input_files(
            '#file', {'name': 'coffee.png', 'mimeType': 'image/png', 'buffer': png(skimage.data.coffee())}
        )
        told(page, 'No face')
    take_sample(page)
    assert page.locator('#start').is_hidden() and page.locator('#work').is_visible()
    before = shown(page)
    page.set_input_files('#file', {'name': 'coffee.png', 'mimeType': 'image/png', 'buffer': png(skimage.data.coffee())})
    told(page, 'No face')
    call(page, 'main.setStrengths({})')
    assert (shown(page) == before).all()  # the photo that was open stays


def test_several_faces(page):
    face = skimage.data.astronaut()[:300, 60:360]
    small = np.array(Image.fromarray(face).resize((200, 200), Image.Resampling.LANCZOS))
    both = np.full((300, 520, 3), 90, np.uint8)
    both[50:250, :200], both[:, 220:] = small, face
    page.set_input_files('#file', {'name': 'two.png', 'mimeType': 'image/png', 'buffer': png(both)})
    told(page, '2 faces found; the largest is taken')
    largest = np.array(call(page, 'main.state.sitter.eyes'))
    page.get_by_role('button', name='Face 2', exact=True).click()
    told(page, 'Face 2 of 2')
    other = np.array(call(page, 'main.state.sitter.eyes'))
    assert largest[:, 0].min() > 220 > 200 > other[:, 0].max()
    np.testing.assert_allclose(other - [0, 50], (largest - [220, 0]) * 200 / 300, atol=2)
    # Of two wishes the last one counts, whichever takes longer.
    for first, last, eyes in ((0, 1, other), (1, 0, largest)):
        wishes = f'Promise.all([main.state.sitter.choose({first}), main.state.sitter.choose({last})])'
        assert call(page, wishes) == [False, True]
        np.testing.assert_allclose(call(page, 'main.state.sitter.eyes'), eyes, atol=1e-3)


def far_and_near():
    head = Image.fromarray(skimage.data.astronaut()).crop((110, 20, 334, 244))
    picture = Image.new('RGB', (2000, 1500), (150, 160, 170))
    for side, left, top in ((240, 30, 125), (240, 900, 125), (240, 1700, 125), (750, 625, 700)):
        picture.paste(head.resize((side, side), Image.Resampling.LANCZOS), (left, top))
    return np.asarray(picture)


@pytest.mark.parametrize('make', [far_and_near, lambda: np.rot90(skimage.data.astronaut())], ids=['group', 'side'])
def test_finds_the_faces_that_the_command_finds(make, page):
    photo = make()
    faces = align.detect_faces(photo)
    page.set_input_files('#file', {'name': 'a.png', 'mimeType': 'image/png', 'buffer': png(photo)})
    told(page, 'faces found' if len(faces) > 1 else 'Face found')
    found = call(page, 'main.state.sitter.faces.map(({eyes}) => eyes)')
    assert len(found) == len(faces) == (4 if len(faces) > 1 else 1)
    eyes = [align.eye_centers(face.landmarks) for face in faces]
    for seen in found:
        apart = min(np.abs(np.array(seen) - one).max() / np.hypot(*(one[1] - one[0])) for one in eyes)
        assert apart < 0.15


def test_a_small_face_is_told(page):
    head = Image.fromarray(skimage.data.astronaut()).crop((110, 20, 334, 244))
    picture = Image.new('RGB', (700, 300), (150, 160, 170))
    for side, left in ((224, 40), (61, 450)):
        picture.paste(head.resize((side, side), Image.Resampling.LANCZOS), (left, 40))
    page.set_input_files('#file', {'name': 'a.png', 'mimeType': 'image/png', 'buffer': png(np.asarray(picture))})
    told(page, '2 faces found; the largest is taken. Move a slider')
    page.get_by_role('button', name='Face 2', exact=True).click()
    told(page, r'Face 2 of 2\. The face is 2\d px wide, and under 40 px an edit is coarse')


def test_a_face_that_the_photo_cuts_off_is_told(page):
    part = Image.fromarray(skimage.data.astronaut()).crop((188, 98, 256, 160))
    part = part.resize((680, 620), Image.Resampling.LANCZOS)
    page.set_input_files('#file', {'name': 'a.png', 'mimeType': 'image/png', 'buffer': png(np.asarray(part))})
    told(page, 'Face found. The face is cut off by the edge')


def refusing(error):
    return camera(f'Promise.reject(new DOMException("", "{error}"))')


def camera(gives):
    # The script also runs before there is a page, where there are no devices.
    return f'if (navigator.mediaDevices) navigator.mediaDevices.getUserMedia = async () => {gives}'


def test_a_face_in_profile(page):
    page.set_input_files('#file', {'name': 'a.png', 'mimeType': 'image/png', 'buffer': png(skimage.data.camera())})
    told(page, 'Face found. The face is turned')
    page.click('#another')
    take_sample(page)
    told(page, 'Face found. Move a slider')


def test_the_camera(address, open_page):
    refusals = {
        'NotAllowedError': 'not allowed',
        'NotFoundError': 'No camera was found',
        'NotReadableError': 'in use',
        'OverconstrainedError': r'could not be started \(OverconstrainedError\)',
    }
    for error, line in refusals.items():
        page = open_page(address, script=refusing(error))
        page.click('#use-camera')
        told(page, line)
        assert page.locator('#drop').is_visible() and page.locator('#camera').is_hidden()
        page.context.close()
    page = open_page(address, script='Object.defineProperty(navigator, "mediaDevices", {value: undefined})')
    page.click('#use-camera')
    told(page, 'gives no camera')
    page.context.close()

    portrait_stream = camera("""(async () => {
      const canvas = document.createElement('canvas');
      [canvas.width, canvas.height] = [512, 512];
      const context = canvas.getContext('2d');
      const picture = await createImageBitmap(await (await fetch('/composite_face.jpg')).blob());
      setInterval(() => context.drawImage(picture, 0, 0), 50);
      return window.stream = canvas.captureStream();
    })()""")
    page = open_page(address, script=portrait_stream)
    page.wait_for_selector('#sample:visible')
    page.click('#use-camera')
    told(page, 'Look into the camera')
    page.click('#no-camera')
    assert page.locator('#drop').is_visible()
    assert page.evaluate('() => window.stream.getTracks().map(track => track.readyState)') == ['ended']
    page.click('#use-camera')
    told(page, 'Look into the camera')
    page.wait_for_function("""() => {
        const context = new OffscreenCanvas(1, 1).getContext('2d');
        context.drawImage(document.getElementById('video'), 0, 0, 1, 1);
        return context.getImageData(0, 0, 1, 1).data[0] > 0;
    }""")
    page.click('#shoot')
    told(page, 'Face found')
    assert page.evaluate('() => window.stream.getTracks().map(track => track.readyState)') == ['ended']


def test_a_camera_that_comes_too_late_is_given_back(address, open_page):
    """Who stops, or opens a photo, while the browser still asks for the camera has it off."""
    late = camera("""(async () => {
      const canvas = document.createElement('canvas');
      canvas.getContext('2d');
      window.stream = canvas.captureStream();
      await new Promise((resolve) => { window.allow = resolve; });
      return window.stream;
    })()""")
    page = open_page(address, script=late)
    page.wait_for_selector('#sample:visible')

    def allowed_too_late():
        page.evaluate('() => window.allow()')
        page.wait_for_function("() => window.stream.getTracks().every(({readyState}) => readyState === 'ended')")

    page.click('#use-camera')
    page.wait_for_function('() => window.allow')
    page.click('#no-camera')
    allowed_too_late()
    assert page.locator('#drop').is_visible() and page.locator('#status').inner_text() == ''
    page.click('#use-mirror')
    take_sample(page)
    allowed_too_late()
    assert call(page, 'main.state.mirror') is None and page.locator('#work.mirror').count() == 0
    assert page.locator('#save').is_visible()
    told(page, 'Face found')


def test_leaving_frees_and_coming_back_restores(address, open_page):
    page = open_page(address)
    page.wait_for_selector('#sample:visible')
    take_sample(page)
    call(page, 'main.setStrengths({smile: -0.5})')
    page.click('#eyes')
    page.locator('#eye-left').focus()
    page.keyboard.press('Shift+ArrowDown')
    call(page, 'main.refresh()')
    eyes, before = call(page, 'main.state.sitter.eyes'), np.array(saved(page))
    page.evaluate("() => window.dispatchEvent(new PageTransitionEvent('pagehide', {persisted: true}))")
    assert call(page, 'main.state.running') is False and call(page, 'main.state.sitter') is None
    assert page.evaluate('() => document.getElementById("view").width') == 1
    page.evaluate("() => window.dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
    sync_api.expect(page.locator('#view')).not_to_have_attribute('width', '1')
    sync_api.expect(page.locator('#slider-smile')).to_have_value('-0.5')
    told(page, 'Back again')
    np.testing.assert_allclose(call(page, 'main.state.sitter.eyes'), eyes)
    assert call(page, 'main.state.running') is True
    assert (np.array(saved(page)) == before).all()


def test_the_sample_is_nobody_and_credited(site, page):
    assert (site / 'composite_face.jpg').read_bytes() == FACE.read_bytes()
    sync_api.expect(page.locator('#sample-credit')).to_have_text('The average of many women (DeBruine 2016, CC BY 4.0)')
    sync_api.expect(page.locator('#sample-attribution')).to_have_text(re.compile('DeBruine, L.*figshare.*CC BY 4.0'))


def test_it_shows_the_face_from_near(page):
    page.set_input_files('#file', {'name': 'a.png', 'mimeType': 'image/png', 'buffer': png(skimage.data.astronaut())})
    told(page, 'Face found')
    near = shown(page)
    left, right = np.array(call(page, 'main.state.sitter.eyes'))
    assert 3.5 < len(near) / np.hypot(*(right - left)) < 6 and near.shape[0] < 300
    page.click('#whole')
    assert shown(page).shape == (512, 512, 3) and page.locator('#whole').get_attribute('aria-pressed') == 'true'
    page.click('#whole')
    assert (shown(page) == near).all()


def test_expressions_in_the_order_of_use_with_pictures(page):
    take_sample(page)
    names = page.locator('#expressions label').all_inner_texts()
    assert names[:3] == ['Smile', 'Closed smile', 'Surprise'] and names[-1] == 'Toward neutral' and len(names) == 10
    pictures = page.evaluate("""() => [...document.querySelectorAll('#expressions canvas')].map((canvas) =>
        Array.from(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data))""")
    assert len(pictures) == 10
    apart = np.abs(np.array(pictures[:-1], float) - pictures[-1]).mean(axis=1)
    assert (apart > 1).all()  # of the neutral face
    page.get_by_role('button', name='Surprise at 100 %').click()
    call(page, 'main.refresh()')
    assert page.get_by_role('img', name='The photo with surprise 100 %').count() == 1
    page.get_by_role('button', name='Surprise at 100 %').click()
    slider = page.locator('#slider-surprise')
    assert slider.input_value() == '0'
    # The bar is filled between 0, at two fifths of it, and the thumb.
    for value, below, above in (('0', False, False), ('1', False, True), ('-1', True, False)):
        slider.fill(value)
        bar = np.asarray(Image.open(io.BytesIO(slider.screenshot())).convert('RGB'), int)
        blue = bar[len(bar) // 2, :, 2] - bar[len(bar) // 2, :, 0] > 50
        assert [blue[int(place * len(blue))] for place in (0.25, 0.6, 0.97)] == [below, above, False], value


def test_the_picture_stays_in_sight_on_a_phone(address, open_page):
    for width, height in ((390, 844), (844, 390)):
        page = open_page(address, width, height)
        page.wait_for_selector('#sample:visible')
        take_sample(page)
        page.locator('#slider-toward-neutral').scroll_into_view_if_needed()
        view, slider = (page.locator(name).bounding_box() for name in ('#view', '#slider-toward-neutral'))
        assert view['y'] >= 0 and view['y'] + view['height'] <= height and view['height'] > 0.4 * height
        assert slider['y'] > view['y'] + view['height'] or slider['x'] > view['x'] + view['width']


def test_unsaved_edits_are_asked_about(address, open_page):
    page = open_page(address)
    page.wait_for_selector('#sample:visible')
    asked, stay = [], True

    def answer(dialog):
        asked.append(dialog.type)
        dialog.dismiss() if stay else dialog.accept()

    page.on('dialog', answer)
    take_sample(page)
    page.click('#another')
    assert asked == []  # nothing was changed
    take_sample(page)
    page.get_by_role('button', name='Smile at 100 %', exact=False).first.click()
    call(page, 'main.refresh()')
    page.click('#another')
    assert asked == ['confirm'] and page.locator('#work').is_visible()
    page.close(run_before_unload=True)
    page.wait_for_timeout(500)
    assert asked == ['confirm', 'beforeunload'] and not page.is_closed()
    saved(page)
    told(page, 'Saved as')
    page.click('#another')
    assert asked == ['confirm', 'beforeunload'] and page.locator('#start').is_visible()
    take_sample(page)
    call(page, 'main.setStrengths({smile: 1})')
    stay = False
    page.click('#another')
    assert asked == ['confirm', 'beforeunload', 'confirm'] and page.locator('#start').is_visible()
    take_sample(page)
    # Left while the edit is drawn: there is nothing more to be asked about.
    page.evaluate("""async () => {
        const main = await import('/app/main.js');
        const drawn = main.setStrengths({smile: 1});
        document.getElementById('another').click();
        await drawn;
    }""")
    take_sample(page)
    assert asked == ['confirm', 'beforeunload', 'confirm']


def test_without_webgl_it_says_so_and_loads_nothing(address, open_page):
    asked = []
    page = open_page('about:blank', script='OffscreenCanvas.prototype.getContext = () => null')
    page.context.on('request', lambda request: asked.append(request.url))
    page.goto(address)
    told(page, 'needs WebGL 2, which this browser does not have')
    assert page.locator('#start').is_hidden() and not any('vendor/' in url or 'model/' in url for url in asked)
    open_page.complaints[:] = [told for told in open_page.complaints if not told.startswith(f'request: {address}')]


@pytest.mark.parametrize('width, height, scheme', [(400, 860, 'light'), (1400, 900, 'dark')])
def test_the_layout_and_the_keyboard(width, height, scheme, address, open_page, check_layout):
    page = open_page(address, width, height, color_scheme=scheme)
    assert page.title() == 'Edit an expression' and page.locator('html').get_attribute('lang') == 'en'
    page.wait_for_selector('#sample:visible')
    check_layout(page)

    def go_to(selector):
        for _ in range(40):
            if page.locator(selector).evaluate('element => element === document.activeElement'):
                break
            page.keyboard.press('Tab')
        ring = page.evaluate(
            '() => (({outlineStyle, outlineWidth}) => [outlineStyle, outlineWidth])'
            '(getComputedStyle(document.activeElement))'
        )
        assert ring == ['solid', '3px'] and page.locator(selector + ':focus').count() == 1

    go_to('#sample')
    page.keyboard.press('Enter')
    told(page, 'Face found')
    check_layout(page)
    for slider in page.locator('input[type=range]:visible').all():
        assert page.locator(f'label[for={slider.get_attribute("id")}]').inner_text()
    plain = shown(page)
    assert page.locator('#slider-smile:focus').count() == 1
    go_to('#slider-smile')
    for _ in range(10):
        page.keyboard.press('ArrowLeft')
    call(page, 'main.refresh()')
    assert page.locator('#slider-smile').get_attribute('aria-valuetext') == '−50 %'
    assert page.get_by_role('img', name='The photo with smile −50 %').count() == 1
    edited = shown(page)
    assert (edited != plain).any()
    page.locator('#compare').focus()
    page.keyboard.down('Space')
    assert (shown(page) == plain).all() and page.locator('#compare').get_attribute('aria-pressed') == 'true'
    page.keyboard.up('Space')
    assert (shown(page) == edited).all() and page.locator('#compare').get_attribute('aria-pressed') == 'false'
    page.click('#flow')
    call(page, 'main.refresh()')
    assert page.locator('#legend').is_visible()
    flow = shown(page)
    rows, columns = np.nonzero((flow != plain).any(axis=2))
    side = np.ptp(rows)
    assert side > 100 and abs(side - np.ptp(columns)) < 0.1 * side
    inside = tuple(slice(places.min() + side // 8, places.max() - side // 8) for places in (rows, columns))
    assert flow[inside].min() > 20 and (flow[inside].max(axis=2) - flow[inside].min(axis=2) > 30).mean() > 0.05
    page.click('#flow')
    page.click('#eyes')
    before = np.array(call(page, 'main.state.sitter.eyes'))
    page.locator('#eye-right').focus()
    page.keyboard.press('ArrowRight')
    call(page, 'main.refresh()')
    moved = np.array(call(page, 'main.state.sitter.eyes')) - before
    np.testing.assert_allclose(moved, [[0, 0], [0.01 * np.hypot(*(before[1] - before[0])), 0]], atol=1e-6)
    box = page.locator('#eye-left').bounding_box()
    page.mouse.move(box['x'] + box['width'] / 2, box['y'] + box['height'] / 2)
    page.mouse.down()
    page.mouse.move(box['x'] + box['width'] / 2 - 10, box['y'] + box['height'] / 2)
    page.mouse.up()
    call(page, 'main.refresh()')
    assert call(page, 'main.state.sitter.eyes')[0][0] < before[0][0] - 2
    check_layout(page)
    page.click('[aria-label="Reset Smile"]')
    assert page.locator('#slider-smile').input_value() == '0'
    page.click('#whole')
    assert page.evaluate('() => document.getElementById("view").width') == 600
    page.click('#mode-blend')
    check_layout(page)


def test_between_two_photos(editor, page, tmp_path):
    """At half the size of the sample, still larger than the network: mixing takes the page long."""
    neutral, smiling = tmp_path / 'neutral.png', tmp_path / 'smiling.png'
    with Image.open(FACE) as picture:
        picture.reduce(2).save(neutral)
    first = editor.open(neutral)
    first.edit(smile=-1.0, brow_raise=0.7).save(smiling)
    other = editor.open(smiling)
    page.set_input_files('#file', neutral)
    told(page, 'Face found')
    page.click('#mode-blend')
    page.set_input_files('#file-second', smiling)
    told(page, 'from one photo to the other')
    call(page, 'main.placeEyes(argument)', eyes_of(first))
    call(page, 'main.placeEyes(argument, true)', eyes_of(other))
    film = morph.Morph(first, other, frames=3)
    source, face = first.photo.pixels, face_of(first)

    def frame(t):
        page.locator('#slider-from-the-first-to-the-second').fill(str(t))
        call(page, 'main.refresh()')
        return np.array(saved(page).convert('RGB'))

    assert (frame(0) == source).all()
    for t in (0.5, 1):
        got, wanted = frame(t), film.frame(t)
        own = difference(wanted, source, face)
        # The package makes upright crops of both photos, mixes them, and resamples once more on the way into the photo.
        assert difference(got, wanted, face) < min(3, own / 3), t


@pytest.mark.slow
def test_a_photo_of_50_megapixels(address, sample, open_page, tmp_path):
    height, width = sample.photo.pixels.shape[:2]
    large = Image.fromarray(sample.photo.pixels).resize((11 * width, 11 * height), Image.Resampling.BICUBIC)
    large.save(tmp_path / 'large.jpg', quality=90)
    page = open_page(address)
    page.wait_for_selector('#sample:visible')
    page.set_input_files('#file', tmp_path / 'large.jpg')
    told(page, 'Face found. Move a slider')
    there, here = np.array(eyes_of(sample)), np.array(call(page, 'main.state.sitter.eyes'))
    assert np.abs((here + 0.5) / 11 - 0.5 - there).max() < 3
    call(page, 'main.setStrengths({smile: 1})')
    picture = saved(page)
    assert picture.size == large.size
    reduced = np.array(picture.convert('RGB').resize((width, height), Image.Resampling.BOX))
    wanted = sample.edit(smile=1.0).photo.pixels
    assert difference(reduced, wanted, face_of(sample)) < difference(sample.photo.pixels, wanted, face_of(sample))
    large.resize((9000, 9000), Image.Resampling.BICUBIC).save(tmp_path / 'huge.jpg', quality=80)
    page.set_input_files('#file', tmp_path / 'huge.jpg')
    told(page, r'The photo had 81\.0 megapixels and was reduced to 60\.0')


@pytest.mark.parametrize('form', ['no mask', 'shading alone'])
def test_a_plain_model(tmp_path, open_page, form):
    """Without content and mask, at 64 px: nothing is new but the light, and two photos cannot be mixed."""
    folder = tmp_path / 'site'
    bundle = variants.bundle(form)
    folder_lib.write(bundle, 'web', folder)
    editor = fvae_jax.Editor(bundle)
    opened = editor.open(folder / 'composite_face.jpg')
    with served(folder) as address:
        page = open_page(address)
        page.wait_for_selector('#sample:visible')
        take_sample(page)
        assert page.locator('#mode-blend').is_hidden() and page.locator('#card').is_hidden()
        call(page, 'main.placeEyes(argument)', eyes_of(opened))
        name = next(name for name in editor.expressions if name != 'neutral')
        call(page, 'main.setStrengths(argument)', {name: 1.0})
        got, wanted = np.array(saved(page).convert('RGB')), opened.edit(**{name: 1.0}).photo.pixels
        own = difference(wanted, opened.photo.pixels, face_of(opened))
        assert difference(got, wanted, face_of(opened)) < own / 4 and own > 0
        moved = opened.edit(**{name: 1.0}, pixels_only=True).photo.pixels
        shaded = difference(wanted, moved, face_of(opened))
        assert difference(got, wanted, face_of(opened)) < shaded / 4 if bundle.config.model.shading else shaded == 0


@pytest.mark.parametrize('eye_distance', [30.0, 160.0])
def test_teeth_of_exemplars(site, tmp_path, open_page, eye_distance):
    """The page chooses, places and lights them as `fvae edit` does, whether they are finer than the photo or not."""
    mouths = models.mouths(eye_distance=eye_distance)
    mouths = mouths._replace(cavity=mouths.pixels[1], cavity_light=mouths.light[1])
    bundle = bundle_lib.load()._replace(exemplars=mouths)
    folder = tmp_path / 'site'
    shutil.copytree(site, folder)
    networks = json.loads((folder / 'model' / 'model.json').read_text())['networks']
    outputs = {name: told['outputs'] for name, told in networks.items()}
    facts_lib.write(folder / 'model', bundle, '.onnx', outputs, None)
    editor = fvae_jax.Editor(bundle)
    opened = editor.open(FACE)
    with served(folder) as address:
        page = open_page(address)
        page.wait_for_selector('#sample:visible')
        page.set_input_files('#file', FACE)
        told(page, 'Face found')
        call(page, 'main.placeEyes(argument)', eyes_of(opened))
        call(page, 'main.setStrengths(argument)', {'surprise': 1.0})
        got = np.array(saved(page).convert('RGB'))
    with_teeth = opened.edit(surprise=1.0).photo.pixels
    plain = fvae_jax.Editor(bundle._replace(exemplars=None))
    without = still.EditablePhoto(plain, opened.photo, opened.faces).edit(surprise=1.0).photo.pixels
    added = difference(with_teeth, without, face_of(opened))
    assert added > 0.3 and difference(got, with_teeth, face_of(opened)) < added / 2
