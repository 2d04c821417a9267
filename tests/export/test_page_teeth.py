"""The page's teeth of a second photo: those that `fvae edit --teeth` shows, and the newest choice counts."""

import base64
import pathlib

import numpy as np
import pytest

pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')
pytest.importorskip('playwright.sync_api')

from export.using import call, difference, eyes_of, saved, take_sample, told
from PIL import Image

FACE = pathlib.Path(__file__).parents[2] / 'docs' / 'composite_face.jpg'  # with closed lips
MOUTH = np.s_[370:500, 240:360]
AROUND = np.s_[330:540, 200:400]  # lips reach up to other teeth, and the skin around follows


@pytest.fixture(scope='module')
def sample(editor):
    return editor.open(FACE)


@pytest.fixture(scope='module')
def laughing(sample, tmp_path_factory):
    """Photos whose teeth are told from those of the model, by color."""
    folder, photos = tmp_path_factory.mktemp('laughing'), {}
    for color, light in {'blue': (0.8, 0.9, 1.0), 'pink': (1.0, 0.8, 0.9)}.items():
        edited = sample.edit(smile=1.3)
        (layer,) = edited._layers
        y0, y1, x0, x1 = layer.box
        pixels = edited.photo.pixels.copy()
        inside = pixels[y0:y1, x0:x1]
        pixels[y0:y1, x0:x1] = np.rint(inside * (1 - layer.alpha[..., None] * (1 - np.float32(light))))
        photos[color] = folder / f'{color}.png'
        Image.fromarray(pixels).save(photos[color])
    return photos


@pytest.fixture
def page(page, sample):
    """The page with the sample, smiling."""
    take_sample(page)
    call(page, 'main.placeEyes(argument)', eyes_of(sample))
    call(page, 'main.setStrengths({smile: 0.9})')
    return page


def test_ones_own_teeth_are_those_of_the_command(page, sample, editor, laughing):
    """Shown in the mouth alone, and noted in the file; refused where none are seen."""
    page.set_input_files('#file-teeth', FACE)
    told(page, 'shows no open mouth with teeth')
    assert page.locator('#teeth').get_attribute('aria-pressed') == 'false'
    plain = np.array(saved(page).convert('RGB'))
    page.set_input_files('#file-teeth', laughing['blue'])
    told(page, 'the teeth of the second photo are shown')
    picture = saved(page)
    assert picture.text['Edit'] == 'smile 0.9, own teeth'
    got = np.array(picture.convert('RGB'))
    wanted = sample.edit(smile=0.9, teeth=editor.open(laughing['blue'])).photo.pixels
    own = difference(wanted, plain, MOUTH)
    assert own > 1 and difference(got, wanted, MOUTH) < own / 2  # the page finds the eyes of the second photo elsewhere
    outside = np.ones(got.shape[:2], bool)
    outside[AROUND] = False
    assert (got == plain)[outside].all()
    page.click('#teeth')
    told(page, 'The teeth of the model again')
    assert (np.array(saved(page).convert('RGB')) == plain).all()


CUT = """async ([pixels, eyes]) => {
  const {Photo} = await import('/app/photo.js');
  const {Sitter} = await import('/app/sitter.js');
  const {teethOf} = await import('/app/inside.js');
  const blob = new Blob([Uint8Array.from(atob(pixels), (letter) => letter.charCodeAt(0))]);
  const sitter = await Sitter.of(await Photo.open(blob, ''), main.state.sitter.model);
  await sitter.place(eyes);
  const {pixels: [cut], ...told} = await teethOf(sitter);
  sitter.close();
  return {...told, pixels: Array.from(cut)};
}"""


def test_teeth_are_cut_out_as_the_package_does_where_eyes_are_the_same(page, editor, laughing):
    photo = editor.open(laughing['blue'])
    wanted = photo.face(1).inside
    got = call(page, f'({CUT})(argument)', [base64.b64encode(laughing['blue'].read_bytes()).decode(), eyes_of(photo)])
    (rows,), (columns,) = (np.nonzero(wanted.pixels[0, ..., 3].any(axis)) for axis in (1, 0))
    corner = columns[0], rows[0]
    box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    pixels = np.reshape(got['pixels'], (got['height'], got['width'], 4))
    assert pixels.shape == wanted.pixels[0][box].shape
    assert np.abs(pixels - wanted.pixels[0][box]).mean() < 1
    np.testing.assert_allclose(got['lip'], wanted.lip - corner, atol=0.05)
    np.testing.assert_allclose(got['light'], wanted.light, atol=1e-4)
    assert got['eyeDistance'] == pytest.approx(wanted.eye_distance)


def test_the_newest_choice_of_teeth_counts(page, laughing):
    """A photo that takes longer to read does not come back over one that was chosen after it."""
    page.set_input_files('#file-teeth', laughing['pink'])
    told(page, 'the teeth of the second photo are shown')
    pink = np.array(saved(page).convert('RGB'))
    page.click('#teeth')
    told(page, 'The teeth of the model again')
    page.evaluate("""() => {
        const read = window.createImageBitmap;
        window.createImageBitmap = async (...rest) => {
            window.createImageBitmap = read; // for the first photo alone
            await new Promise((resolve) => { window.goOn = resolve; });
            return read(...rest);
        };
    }""")
    page.set_input_files('#file-teeth', laughing['blue'])
    page.wait_for_function('() => window.goOn')
    page.set_input_files('#file-teeth', laughing['pink'])
    told(page, 'the teeth of the second photo are shown')
    assert call(page, "import('/app/teeth.js').then((teeth) => teeth.source().size)") == laughing['pink'].stat().st_size
    page.evaluate('() => window.goOn()')
    page.wait_for_timeout(1500)
    assert (np.array(saved(page).convert('RGB')) == pink).all()
