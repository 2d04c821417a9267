"""The page of the perception study in a browser: from the first click to a scored file."""

import json
import re

import cv2
import numpy as np
import pytest

from fvae_jax.data.drawn.face import DrawnFace
from fvae_jax.evaluation.study import page as page_lib, score

SECTIONS = ('#intro', '#judge', '#end')
ANSWERS = ('real', 'fake', 'skip')


@pytest.fixture(scope='module')
def study(tmp_path_factory):
    real = [DrawnFace(0, i, 64).image('smile', 1.0) for i in range(10)]
    return page_lib.build(
        {
            'real': real,
            'FVAE': [cv2.medianBlur(face, 3) for face in real],
            'VAE': [cv2.GaussianBlur(face, (0, 0), 2) for face in real],
            'average flow (DIS)': [np.roll(face, 2, 0) for face in real],
        },
        tmp_path_factory.mktemp('study') / 'study',
    ).parent


@pytest.fixture(scope='module')
def names(study):
    """The ids of the images by what the browser shows."""
    data = re.search('id="study">(.*?)</script>', (study / 'index.html').read_text())[1]
    return {uri: name for name, uri in json.loads(data)['images'].items()}


@pytest.fixture(scope='module')
def plan(study):
    """What our participant says: nine of ten real ones and some of the others are real, one of each is skipped."""
    real = {'real': 9, 'FVAE': 6, 'VAE': 2, 'average flow (DIS)': 0}
    said = {}
    for name, method in json.loads((study / 'key.json').read_text())['images'].items():
        number = sum(of == method for of, _ in said.values())
        said[name] = method, 'real' if number < real[method] else 'skip' if number == 9 else 'fake'
    return {name: answer for name, (_, answer) in said.items()}


def shown(page, names):
    """The id of the image on the screen, which has come with nothing chosen and is there to be seen."""
    assert page.locator('[aria-pressed="true"]').count() == 0
    assert page.evaluate('document.activeElement.id') == 'question'
    picture = page.locator('#frame img')
    assert picture.evaluate('image => image.decode().then(() => image.naturalWidth)') == 64
    return names[picture.get_attribute('src')]


def visible(page):
    return [section for section in SECTIONS if page.locator(section).is_visible()]


def test_from_the_first_click_to_a_scored_file(study, names, plan, open_page, check_layout, tmp_path):
    page = open_page(study / 'index.html')
    assert page.title() == 'Real or fake?' and page.locator('html').get_attribute('lang') == 'en'
    assert visible(page) == ['#intro'] and 'see 40 pictures' in page.inner_text('#intro')
    check_layout(page)
    page.click('text=I agree, start')
    seen = []
    for number in range(40):
        assert page.inner_text('#progress') == f'{number + 1} of 40'
        name = shown(page, names)
        if number == 20:
            page.reload()
            assert page.inner_text('#progress') == '21 of 40' and shown(page, names) == name
            page.keyboard.press('ArrowLeft')  # a mistake on the way, and its correction
            assert page.locator('[aria-pressed="true"]').get_attribute('data-answer') == plan[seen[-1]]
            page.keyboard.press('f' if plan[seen[-1]] == 'real' else 'r')
            page.click('#back')
            page.click(f'[data-answer={plan[seen[-1]]}]')
            page.click('#back')
            page.click('#next')
            check_layout(page)
        seen.append(name)
        if number % 3 == 0:
            page.click(f'[data-answer={plan[name]}]')
        elif number % 3 == 1:
            page.keyboard.press(plan[name][0])
        else:
            page.keyboard.press(str(1 + ANSWERS.index(plan[name])))
    assert visible(page) == ['#end'] and page.evaluate('document.activeElement.textContent') == 'Thank you'
    assert '17 of them real and 19 fake, and skipped 4.' in page.inner_text('#end')
    check_layout(page)
    page.reload()
    assert visible(page) == ['#end']
    with page.expect_download() as download:
        page.click('#save')
    path = tmp_path / download.value.suggested_filename
    download.value.save_as(path)
    assert path.name in page.inner_text('#saved')

    content = json.loads(path.read_text())
    assert set(content) == {'study', 'participant', 'started', 'finished', 'answers', 'order'}
    assert path.name == f'answers-{content["participant"]}.json' and content['started'] < content['finished']
    assert content['answers'] == plan and content['order'] == seen and sorted(seen) == sorted(names.values())
    result = score.score([path], study / 'key.json')
    assert {method: (len(x), np.nansum(x), np.sum(~np.isnan(x))) for method, x in result.labels.items()} == {
        'real': (1, 9, 9),
        'FVAE': (1, 6, 9),
        'VAE': (1, 2, 9),
        'average flow (DIS)': (1, 0, 9),
    }


@pytest.mark.parametrize('scheme', ['light', 'dark'])
def test_a_phone_and_the_keyboard_alone(scheme, study, names, open_page, check_layout, tmp_path):
    page = open_page(study / 'index.html', 360, 640, color_scheme=scheme)
    check_layout(page)

    def go_to(selector):
        for _ in range(10):
            page.keyboard.press('Tab')
            if page.locator(selector).evaluate('element => element === document.activeElement'):
                break
        ring = page.evaluate(
            '(({outlineStyle, outlineWidth}) => [outlineStyle, outlineWidth])(getComputedStyle(document.activeElement))'
        )
        assert ring == ['solid', '3px'] and page.locator(selector + ':focus').count() == 1

    go_to('#start')
    page.keyboard.press('Enter')
    said = {}
    for number in range(40):
        name = shown(page, names)
        said[name] = ANSWERS[number % 3]
        if number == 1:
            check_layout(page)
            # The picture and the three answers are seen without scrolling.
            assert page.locator('[data-answer=skip]').bounding_box()['y'] + 44 < 640
            assert page.locator('#frame img').bounding_box()['width'] > 280
        go_to(f'[data-answer={said[name]}]')
        page.keyboard.press('Space' if number % 2 else 'Enter')
    check_layout(page)
    go_to('#save')
    with page.expect_download() as download:
        page.keyboard.press('Enter')
    download.value.save_as(tmp_path / 'answers.json')
    assert json.loads((tmp_path / 'answers.json').read_text())['answers'] == said


def test_what_does_not_answer(study, open_page):
    page = open_page(study / 'index.html')
    page.keyboard.press('r')  # before the start
    page.click('#start')
    for keys in ('Control+f', 'Alt+s', 'x', 'ArrowLeft', 'ArrowRight', 'Enter', 'Space'):
        page.keyboard.press(keys)
    assert page.inner_text('#progress') == '1 of 40'
    page.keyboard.down('s')
    page.keyboard.down('s')  # held down, the key repeats
    assert page.inner_text('#progress') == '2 of 40'
    page.dblclick('[data-answer=real]')
    assert page.inner_text('#progress') == '3 of 40'


def test_every_participant_has_an_order_of_their_own(study, names, open_page):
    firsts = []
    for _ in range(2):
        page = open_page(study / 'index.html')
        page.click('#start')
        firsts.append([])
        for _ in range(8):
            firsts[-1].append(shown(page, names))
            page.keyboard.press('s')
    assert firsts[0] != firsts[1]
    assert sorted(names.values())[:8] not in firsts


def test_erasing_and_beginning_again(study, open_page):
    page = open_page(study / 'index.html')
    page.click('#start')
    page.keyboard.press('r')
    state = 'JSON.parse(localStorage.getItem(localStorage.key(0)))'
    first = page.evaluate(state)
    page.click('.erase:visible')  # the browser's question is declined unless a test accepts it
    assert page.inner_text('#progress') == '2 of 40' and page.evaluate(state) == first
    page.once('dialog', lambda dialog: dialog.accept())
    page.click('.erase:visible')
    assert visible(page) == ['#intro'] and page.evaluate('localStorage.length') == 0
    page.click('#start')
    assert page.evaluate(state)['participant'] != first['participant']


def test_a_browser_that_keeps_nothing(study, open_page, tmp_path):
    refuse = 'Object.defineProperty(window, "localStorage", {get() { throw new DOMException("", "SecurityError"); }})'
    page = open_page(study / 'index.html', script=refuse)
    assert page.locator('#notice').is_visible() and 'do not reload' in page.inner_text('#notice')
    page.click('#start')
    for _ in range(40):
        page.keyboard.press('f')
    with page.expect_download() as download:
        page.click('#save')
    download.value.save_as(tmp_path / 'answers.json')
    (dropped,) = score.score([tmp_path / 'answers.json'], study / 'key.json').dropped
    assert 'labelled 0 of 10 real images real' in dropped
    assert not open_page(study / 'index.html').locator('#notice').is_visible()


def test_a_page_cannot_send_anything(study, open_page):
    """Also the control of `open_page`: it sees what is refused, and what goes wrong."""
    page = open_page(study / 'index.html')
    with page.expect_event('pageerror'):
        page.evaluate('fetch("https://example.org").catch(() => setTimeout(() => { throw new Error("sent not"); }))')
    page.context.close()
    told = '\n'.join(open_page.complaints)
    assert 'Content Security Policy' in told and 'sent not' in told and 'request:' not in told
    open_page.complaints.clear()
