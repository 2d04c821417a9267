"""The photos set: what it takes from a folder, what it leaves out, and what it says then."""

import io
import json
import logging
import pathlib
import zipfile

import cv2
import numpy as np
import pytest
import skimage.data
from PIL import Image

from fvae_jax import config as config_lib, runtime
from fvae_jax.data import align, crops, index, pairs, sets
from fvae_jax.errors import InputError
from fvae_jax.ops.frame import TIGHT
from fvae_jax.photo.photo import Photo
from fvae_jax.photo.write import write_photo

FACE = skimage.data.astronaut()[0:260, 90:350]


def save(path, image=FACE, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path, **options)


def write_index(root, *rows, header='path,identity,expression'):
    root.mkdir(parents=True, exist_ok=True)
    (root / 'index.csv').write_text('\n'.join([header, *rows]) + '\n')


def _settings(cache, size=64, **options):
    settings = config_lib.default_config().data
    settings.update(image_size=size, cache=str(cache), **options)
    return settings


@pytest.fixture
def open_photos(tmp_path):
    def opened(root, **options):
        return sets.open_set(_settings(tmp_path / 'cache', set='photos', root=str(root), **options))

    return opened


def labels(faces):
    return sorted((r.identity, r.expression, r.strength, r.origin) for r in faces.records)


def test_folder_with_an_index(tmp_path, open_photos):
    root = tmp_path / 'photos'
    save(root / 'a.png')
    save(root / 'sub' / 'b.jpg', FACE[::-1].copy()[::-1], quality=95)
    write_index(
        root,
        'a.png, ann, Neutral, 1',
        'sub/b.jpg,ann,smile,',
        'sub/b.jpg,bob,smile,0.5',
        header='path,identity,expression,strength',
    )
    faces = open_photos(root)
    assert labels(faces) == [
        ('ann', 'neutral', 0.0, 'real'),
        ('ann', 'smile', 1.0, 'real'),
        ('bob', 'smile', 0.5, 'real'),
    ]
    example = faces[0]
    assert (example['image'].shape, example['image'].dtype) == ((64, 64, 3), np.uint8)
    assert example['file'] == 'a.png' and not example['reference']
    assert not example['displacement'].any() and not example['exposed'].any()
    # A colour in the wrong place, or BGR for RGB, would show here.
    found = align.main_face(align.detect_faces(FACE))
    expected = align.align_crop(FACE, align.crop_transform(found.landmarks, 64, TIGHT), 64)
    np.testing.assert_array_equal(example['image'], expected)


def test_folder_with_names(tmp_path, open_photos):
    for name in (
        'neutral.jpg',
        'Smile.png',
        'smile_2.jpg',
        'smile (3).jpg',
        'brow_raise-01.JPG',
        '.hidden.jpg',
        'neutral.txt',
    ):
        path = tmp_path / 'photos' / 'ann' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(FACE).save(path, format='png')
    faces = open_photos(tmp_path / 'photos')
    assert faces.report['by_identity'] == {'ann': {'brow_raise': 1, 'neutral': 1, 'smile': 3}}


def test_unusable_photos_are_reported_and_skipped(tmp_path, open_photos, caplog):
    root = tmp_path / 'photos'
    save(root / 'good.jpg')
    save(root / 'cut.jpg', quality=95)
    whole = (root / 'cut.jpg').read_bytes()
    (root / 'cut.jpg').write_bytes(whole[: len(whole) // 2])
    save(root / 'wall.png', np.full((200, 200, 3), 128, np.uint8))
    (root / 'text.jpg').write_text('not a photo')
    files = ['good.jpg', 'cut.jpg', 'wall.png', 'text.jpg', 'gone.jpg']
    write_index(root, *(f'{file},ann,smile' for file in files))
    faces = open_photos(root)
    reasons = {skipped['file']: skipped['reason'] for skipped in faces.report['skipped']}
    assert [record.file for record in faces.records] == ['good.jpg']
    assert list(reasons) == files[1:]
    assert 'truncated' in reasons['cut.jpg']
    assert reasons['wall.png'] == 'no face found'
    assert 'not of a known format' in reasons['text.jpg']
    assert 'does not exist' in reasons['gone.jpg']
    [(_, level, told)] = caplog.record_tuples
    assert level == logging.WARNING
    assert told.startswith('photos: 1 faces of 1 people; skipped 4, the first is cut.jpg')
    assert json.loads(pathlib.Path(told.split('all are in ')[1]).read_text()) == faces.report


def test_nothing_usable_is_an_error_and_leaves_nothing(tmp_path, open_photos):
    save(tmp_path / 'photos' / 'ann' / 'smile.png', np.full((200, 200, 3), 128, np.uint8))
    for _ in range(2):
        with pytest.raises(InputError) as error:
            open_photos(tmp_path / 'photos')
        assert str(error.value) == (
            f"data.root '{tmp_path}/photos' has no usable photo among 1: ann/smile.png (no face found)"
        )
    assert not list((tmp_path / 'cache').rglob('*.json'))


def test_orientation_of_the_camera_is_undone(tmp_path, open_photos):
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    save(tmp_path / 'photos' / 'ann' / 'smile.png', np.rot90(FACE).copy(), exif=exif)
    save(tmp_path / 'photos' / 'bob' / 'smile.png')
    turned, upright = (example['image'] for example in open_photos(tmp_path / 'photos'))
    np.testing.assert_array_equal(turned, upright)


def test_roots_merge_by_identity(tmp_path, open_photos):
    save(tmp_path / 'one' / 'ann' / 'neutral.png')
    save(tmp_path / 'two' / 'x.png')
    write_index(tmp_path / 'two', 'x.png,ann,smile,synthetic', header='path,identity,expression,origin')
    faces = open_photos(f'{tmp_path}/one, {tmp_path}/two')
    assert labels(faces) == [('ann', 'neutral', 0.0, 'real'), ('ann', 'smile', 1.0, 'synthetic')]
    assert faces.report['identities'] == 1


def test_aligned_crops_are_taken_as_they_are(tmp_path, open_photos):
    crop = (np.random.default_rng(0).random((192, 192, 3)) * 255).astype(np.uint8)  # no face in it
    save(tmp_path / 'photos' / 'ann' / 'smile.png', crop)
    example = open_photos(tmp_path / 'photos', aligned=True)[0]
    means = crop.reshape(64, 3, 64, 3, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(example['image'], means, atol=0.51)
    same = open_photos(tmp_path / 'photos', aligned=True, size=192)[0]['image']
    np.testing.assert_array_equal(same, crop)


def test_photos_are_read_as_edits_read_them(tmp_path, open_photos):
    """16 bits are rounded, not cut off; a file of several pictures is left out, not taken for its first."""
    root = tmp_path / 'photos' / 'ann'
    root.mkdir(parents=True)
    deep = (FACE // 2).astype(np.uint16) * 257 + np.uint16(200)  # nearer to the next of 256 levels
    write_photo(root / 'smile.png', Photo(deep))
    still = Image.fromarray(FACE)
    still.save(root / 'neutral.tif', save_all=True, append_images=[still])
    faces = open_photos(tmp_path / 'photos', aligned=True, size=len(FACE))
    np.testing.assert_array_equal(faces[0]['image'], FACE // 2 + 1)
    [skipped] = faces.report['skipped']
    assert skipped['file'] == 'ann/neutral.tif' and 'several pages' in skipped['reason']


def test_oblong_aligned_crop_is_skipped(tmp_path, open_photos):
    save(tmp_path / 'photos' / 'ann' / 'smile.png', FACE[:200])
    with pytest.raises(InputError, match='square, not 260×200'):
        open_photos(tmp_path / 'photos', aligned=True)


def write_flows(root, height=96, width=128):
    """A person with a flow that is linear in the pixel, so that resizing it has a closed form."""
    y, x = np.mgrid[:height, :width] + 0.5
    flow = np.stack([4 * x / width - 2, 3 - 6 * y / height], axis=2)  # px of height × width
    exposed = (x > width / 2) & (y > height / 4)
    root.mkdir(parents=True)
    np.savez(root / 'smile.npz', flow=flow.astype(np.float16), exposed=exposed)
    for name in ('neutral', 'smile', 'other'):
        save(root / f'{name}.png')
    write_index(
        root,
        'neutral.png,ann,neutral,',
        'smile.png,ann,smile,smile.npz',
        'other.png,ann,squint,',
        header='path,identity,expression,flow',
    )


@pytest.mark.parametrize('size', [32, 64, 128, 256])
def test_flow_column(tmp_path, open_photos, size):
    write_flows(tmp_path / 'photos')
    neutral, smile, other = open_photos(tmp_path / 'photos', aligned=True, size=size)
    assert neutral['reference'] == 'neutral.png' and not neutral['displacement'].any()
    assert not neutral['exposed'].any()
    assert smile['reference'] == 'neutral.png' and not other['reference']
    at = (np.arange(size) + 0.5) / size  # half-pixel centres, as a fraction of the side
    inner = slice(size // 32, -(size // 32))
    displacement = smile['displacement'].astype(np.float64)
    across, down = (4 * at - 2) * size / 128, (3 - 6 * at) * size / 96
    np.testing.assert_allclose(displacement[0, inner, 0], across[inner], atol=0.02)
    np.testing.assert_allclose(displacement[inner, 0, 1], down[inner], atol=0.03)
    np.testing.assert_array_equal(smile['exposed'], (at > 0.5) & (at > 0.25)[:, None])


def test_reference_column_says_where_a_flow_starts(tmp_path, open_photos):
    root = tmp_path / 'photos'
    write_flows(root)
    table = 'path,identity,expression,flow,reference'
    # The neutral face was made from the smile; the squint's flow starts from a photo that is not neutral either.
    write_index(
        root,
        'smile.png,ann,smile,,',
        'neutral.png,ann,neutral,smile.npz,smile.png',
        'other.png,ann,squint,,',
        header=table,
    )
    faces = open_photos(root, aligned=True)
    assert [record.reference for record in faces.records] == ['smile.png', 'smile.png', '']
    assert not faces[0]['displacement'].any() and faces[1]['displacement'].any()
    flows = pairs.PairFlows(faces)
    assert flows.of(0, 1).known.mean() > 0.8 and not flows.of(0, 2).known.any() and not flows.of(1, 2).known.any()

    for rows, message in (
        (('smile.png,ann,smile,smile.npz,', 'other.png,ann,squint,,'), 'line 2: its flow starts from one of 0 neutral'),
        (
            ('smile.png,ann,smile,smile.npz,gone.png', 'neutral.png,ann,neutral,,'),
            "reference 'gone.png' is not a photo of 'ann'",
        ),
        (
            ('smile.png,ann,smile,smile.npz,neutral.png', 'neutral.png,bob,neutral,,'),
            "'neutral.png' is not a photo of 'ann'",
        ),
        (('smile.png,ann,smile,smile.npz,../neutral.png', 'neutral.png,ann,neutral,,'), "'../neutral.png' leaves"),
    ):
        write_index(root, *rows, header=table)
        with pytest.raises(InputError, match=message):
            open_photos(root, aligned=True)


def test_exposed_goes_by_majority(tmp_path, open_photos):
    root = tmp_path / 'photos'
    write_flows(root)
    exposed = np.zeros((128, 128), bool)
    exposed[0, 0] = exposed[2:4, 2] = exposed[4:6, 4] = exposed[4, 5] = True  # 1, 2 and 3 of 4
    np.savez(root / 'smile.npz', flow=np.zeros((128, 128, 2), np.float16), exposed=exposed)
    found = open_photos(root, aligned=True)[1]['exposed']
    assert sorted(map(tuple, np.argwhere(found))) == [(1, 1), (2, 2)]


def write_shaded(root):
    """A neutral photo, and the same with a shadow of e^−0.5 over its left half, of which a corner is exposed."""
    write_flows(root)
    shade, exposed = np.zeros((128, 128), np.int8), np.zeros((128, 128), bool)
    shade[:, :64], exposed[:32, :32] = -50, True
    np.savez(root / 'smile.npz', flow=np.zeros((128, 128, 2), np.float16), exposed=exposed, shade=shade)
    cv2.imwrite(str(root / 'smile.png'), np.full((128, 128, 3), 97, np.uint8))


def test_shade_is_stored_and_may_be_softened(tmp_path, open_photos):
    root = tmp_path / 'photos'
    write_shaded(root)
    neutral, smile, _ = open_photos(root, aligned=True)
    assert not neutral['shade'].any()
    np.testing.assert_allclose(smile['shade'][:, [10, 50]], [[-0.5, 0]] * 64, atol=1e-3)
    softened = open_photos(root, aligned=True, shading=0.6)[1]
    np.testing.assert_allclose(softened['shade'][:, [10, 50]], [[-0.3, 0]] * 64, atol=1e-3)
    # A part of the shadow is taken out of the picture, but not of what no photo shows.
    np.testing.assert_array_equal(softened['image'][40, [10, 50], 0], [round(97 * np.exp(0.2)), 97])
    assert (softened['image'][:16, :16] == 97).all() and (smile['image'] == 97).all()
    bad = np.full((128, 128), 5000)
    np.savez(root / 'smile.npz', flow=np.zeros((128, 128, 2)), exposed=np.zeros((128, 128), bool), shade=bad)
    with pytest.raises(InputError, match='not a finite flow'):
        crops.read_flow(root / 'smile.npz', 64)


def write_lips(root, *rows):
    columns = ','.join(f'{axis}{i}' for i in range(20) for axis in 'xy')
    (root / 'lips.csv').write_text('\n'.join((f'path,{columns}', *rows)))


def test_lips_are_carried_into_the_crop(tmp_path, open_photos):
    root = tmp_path / 'photos'
    write_flows(root)
    inner = ','.join(f'{2 * i},{3 * i}' for i in range(20))
    write_lips(root, f'smile.png,{inner}')
    neutral, smile, _ = open_photos(root, aligned=True, size=64)
    assert np.isnan(neutral['lips']).all()
    ratio = 64 / len(cv2.imread(str(root / 'smile.png')))
    np.testing.assert_allclose(smile['lips'][5], (np.array([10, 15]) + 0.5) * ratio - 0.5, rtol=1e-5)
    # Another contour is another set.
    write_lips(root, f'smile.png,{inner[:-2]}60')
    moved = open_photos(root, aligned=True, size=64)[1]['lips'][19, 1]
    assert moved == pytest.approx(60.5 * ratio - 0.5)
    for rows, message in (
        (('smile.png,1,2',), 'line 2'),
        ((f'smile.png,{inner}', f'other.png,{inner[:-2]}nan'), 'line 3: a number is not finite'),
    ):
        write_lips(root, *rows)
        with pytest.raises(InputError, match=message):
            index.read_roots(str(root))


def test_lips_of_a_photo_turn_with_it(tmp_path, open_photos):
    root = tmp_path / 'photos'
    root.mkdir()
    cv2.imwrite(str(root / 'a.png'), FACE[..., ::-1])
    found = align.main_face(align.detect_faces(FACE))
    places = np.repeat(found.landmarks, 4, axis=0)
    write_index(root, 'a.png,ann,neutral', header='path,identity,expression')
    write_lips(root, 'a.png,' + ','.join(map(str, places.ravel())))
    expected = align.transform_points(align.crop_transform(found.landmarks, 64, TIGHT), places)
    np.testing.assert_allclose(open_photos(root)[0]['lips'], expected, atol=1e-3)


def test_broken_flow_is_reported(tmp_path, open_photos):
    root = tmp_path / 'photos'
    write_flows(root)
    (root / 'smile.npz').write_bytes((root / 'smile.npz').read_bytes()[:500])
    (skipped,) = open_photos(root, aligned=True).report['skipped']
    assert skipped['file'] == 'smile.png' and 'flow smile.npz' in skipped['reason']
    np.savez(root / 'smile.npz', flow=np.zeros((9, 9), np.float16), exposed=np.zeros((9, 9), bool))
    (skipped,) = open_photos(root, aligned=True).report['skipped']
    assert 'finite flow (h, w, 2)' in skipped['reason']


def test_flows_need_aligned_crops_and_one_neutral(tmp_path, open_photos):
    write_flows(tmp_path / 'one')
    write_flows(tmp_path / 'two')
    with pytest.raises(InputError, match='data.aligned=True'):
        open_photos(tmp_path / 'one')
    with pytest.raises(InputError, match="'ann' has flows in 2 folders"):
        open_photos(f'{tmp_path}/one,{tmp_path}/two', aligned=True)


def test_exclude(tmp_path, open_photos):
    write_flows(tmp_path / 'photos')
    faces = open_photos(tmp_path / 'photos', aligned=True, exclude=('Smile',))
    assert [record.expression for record in faces.records] == ['neutral', 'squint']
    with pytest.raises(InputError, match='leaves nothing .* only neutral, smile, squint'):
        open_photos(tmp_path / 'photos', aligned=True, exclude=('smile', 'neutral', 'squint'))


def test_a_changed_folder_is_built_anew_and_an_unchanged_one_is_not(tmp_path, open_photos, caplog):
    root = tmp_path / 'photos'
    write_flows(root)

    def build(**options):
        caplog.clear()
        with caplog.at_level('INFO', logger='fvae_jax'):
            faces = open_photos(root, aligned=True, **options)
        return repr(faces), bool(caplog.messages)

    first, built = build()
    assert built
    (root / 'notes.txt').write_text('not part of the set')
    assert build() == (first, False)
    for change in (
        lambda: save(root / 'smile.png', FACE[::-1].copy()),
        lambda: write_index(root, 'neutral.png,ann,neutral', 'smile.png,ann,grin'),
        lambda: write_index(root, 'neutral.png,ann,neutral', 'smile.png,bob,grin'),
        lambda: (root / 'neutral.png').unlink(),
    ):
        change()
        again, built = build()
        assert built and again != first
        first = again
    assert build(size=32)[1]
    assert np.array_equal(
        open_photos(root, aligned=True)[0]['image'],
        cv2.resize(FACE[::-1].copy(), (64, 64), interpolation=cv2.INTER_AREA),
    )


MISSING = '; expected columns path, identity, expression (see docs/training.md, "Own data")'


@pytest.mark.parametrize(
    'content, message',
    [
        ('path,expression\na.jpg,smile\n', "without the column 'identity' (it has path, expression)" + MISSING),
        ('', "has an index.csv without the column 'path'" + MISSING),
        ('path,identity,expression\n', 'has an index.csv without rows' + MISSING),
        ('path,identity,expression\na.jpg,ann,smile\nb.jpg,,smile\n', "line 3: the column 'identity' is empty"),
        ('path,identity,expression\na.jpg,ann\n', "line 2: the column 'expression' is empty"),
        ('path,identity,expression\n../a.jpg,ann,smile\n', "line 2: path '../a.jpg' leaves the folder"),
        ('path,identity,expression\nb/../../a.jpg,ann,smile\n', "line 2: path 'b/../../a.jpg' leaves"),
        ('path,identity,expression\n/etc/a.jpg,ann,smile\n', "line 2: path '/etc/a.jpg' leaves"),
        ('path,identity,expression,flow\na.jpg,ann,smile,../f.npz\n', "line 2: flow '../f.npz' leaves"),
        ('path,identity,expression,strength\na.jpg,ann,smile,much\n', "line 2: strength is 'much'"),
        ('path,identity,expression,strength\na.jpg,ann,smile,-1\n', "line 2: strength is '-1'"),
        ('path,identity,expression,origin\na.jpg,ann,smile,drawn\n', "line 2: origin is 'drawn'"),
    ],
)
def test_index_errors_name_the_folder_and_the_row(tmp_path, content, message):
    (tmp_path / 'index.csv').write_text(content)
    with pytest.raises(InputError) as error:
        index.read_roots(str(tmp_path))
    assert str(error.value).startswith(f"data.root '{tmp_path}'")
    assert message in str(error.value)
    assert '\n' not in str(error.value)


def test_a_folder_with_a_comma_in_its_name(tmp_path):
    for name in ('b', 'photos, mine'):
        (tmp_path / name).mkdir()
        (tmp_path / name / 'index.csv').write_text('path,identity,expression\na.jpg,ann,smile\n')
    (photo,) = index.read_roots(str(tmp_path / 'photos, mine'))
    assert photo.root == tmp_path / 'photos, mine'
    assert len(index.read_roots(f'{tmp_path}/b, {tmp_path}/b')) == 2


def test_missing_and_empty_roots(tmp_path):
    for root, message in (
        (tmp_path / 'gone', 'is not a folder; name a folder of photos'),
        (tmp_path, 'has no index.csv and no photos named IDENTITY/EXPRESSION'),
        ('', 'data.root is empty'),
    ):
        with pytest.raises(InputError, match=message):
            index.read_roots(str(root))


def test_options_of_another_set_are_refused(tmp_path):
    for name, options, message in (
        ('photos', {'root': 'x', 'manual_dir': 'y'}, 'data.manual_dir .*data.set=multipie'),
        ('multipie', {'manual_dir': 'y', 'aligned': True}, 'data.aligned .*data.set=photos'),
        ('faces', {}, "data.set 'faces' is unknown"),
    ):
        with pytest.raises(InputError, match=message):
            sets.open_set(_settings(tmp_path, set=name, **options))


def test_links_may_not_lead_out_of_the_folder(tmp_path):
    root = tmp_path / 'set'
    root.mkdir()
    (tmp_path / 'secret.jpg').write_bytes(b'')
    (root / 'ann.jpg').symlink_to(tmp_path / 'secret.jpg')
    (root / 'index.csv').write_text('path,identity,expression\nann.jpg,ann,neutral\n')
    with pytest.raises(InputError, match="line 2: path 'ann.jpg' leads out of the folder by a link"):
        index.read_roots(str(root))


def test_a_flow_that_unpacks_to_too_much_is_left_alone(tmp_path):
    np.savez_compressed(tmp_path / 'flow.npz', flow=np.zeros((2**13, 2**11, 2)), exposed=np.zeros((1, 1), bool))
    assert (tmp_path / 'flow.npz').stat().st_size < 2**20
    with pytest.raises(InputError, match='larger than 64 MB unpacked'):
        crops.read_flow(tmp_path / 'flow.npz', 64)


def test_a_line_break_in_a_cell_does_not_break_the_message(tmp_path):
    (tmp_path / 'index.csv').write_text('path,identity,expression,origin\na.jpg,ann,neutral,"re\x85a\nl"\n')
    with pytest.raises(InputError, match='origin is') as error:
        index.read_roots(str(tmp_path))
    assert len(str(error.value).splitlines()) == 1


FLOW = np.zeros((16, 16, 2), np.float32)
NO_FLOWS = {
    'without pixels': (FLOW[:0, :0], FLOW[:0, :0, 0]),
    'complex': (FLOW.astype(complex), FLOW[..., 0]),
    'dates': (FLOW.astype('M8[s]'), FLOW[..., 0]),
    'text': (FLOW.astype(str), FLOW[..., 0]),
    'too long for half precision': (FLOW + 6e4, FLOW[..., 0]),
    'too long for single precision': (FLOW.astype(np.float64) + 1e300, FLOW[..., 0]),
    'too long when it is enlarged': (FLOW.astype(np.float16) + 6e4, FLOW[..., 0]),
    'the lowest integer': (np.full(FLOW.shape, -(2**63)), FLOW[..., 0]),
    'exposed by no number': (FLOW, FLOW[..., 0] + np.nan),
}


@pytest.mark.parametrize('flow, exposed', NO_FLOWS.values(), ids=NO_FLOWS)
def test_arrays_that_are_no_flow_are_left_alone(tmp_path, flow, exposed):
    np.savez(tmp_path / 'flow.npz', flow=flow, exposed=exposed)
    with pytest.raises(InputError, match='flow.npz is not a finite flow'):
        crops.read_flow(tmp_path / 'flow.npz', 64)


class _Evil:
    """Runs code where it is unpickled."""

    def __init__(self, path):
        self._path = path

    def __reduce__(self):
        return pathlib.Path.touch, (self._path,)


def test_a_flow_with_a_header_of_python_2_is_read_without_a_word(tmp_path):
    stream = io.BytesIO()
    np.save(stream, np.zeros((4, 4, 2), np.float16))
    header = stream.getvalue().replace(b'(4, 4, 2), }   ', b'(4L, 4L, 2L), }')
    assert header != stream.getvalue()
    exposed = io.BytesIO()
    np.save(exposed, np.zeros((4, 4), bool))
    with zipfile.ZipFile(tmp_path / 'f.npz', 'w') as archive:
        archive.writestr('flow.npy', header)
        archive.writestr('exposed.npy', exposed.getvalue())
    with runtime.owned_process():
        assert crops.read_flow(tmp_path / 'f.npz', 8)['displacement'].shape == (8, 8, 2)


def test_a_flow_runs_no_code(tmp_path):
    np.savez(tmp_path / 'flow.npz', flow=np.array([_Evil(tmp_path / 'ran')], object), exposed=np.zeros((1, 1), bool))
    with pytest.raises(InputError, match='allow_pickle'):
        crops.read_flow(tmp_path / 'flow.npz', 64)
    assert not (tmp_path / 'ran').exists()


@pytest.mark.parametrize('method', [zipfile.ZIP_STORED, zipfile.ZIP_LZMA])
def test_flows_that_numpy_and_zipfile_trip_over(tmp_path, method):
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': ((4, 4, 2)\n"  # tokenize.TokenError
    with zipfile.ZipFile(tmp_path / 'flow.npz', 'w', method) as archive:
        archive.writestr('flow.npy', b'\x93NUMPY\x01\x00' + len(header).to_bytes(2, 'little') + header)
    if method == zipfile.ZIP_LZMA:
        data = bytearray((tmp_path / 'flow.npz').read_bytes())
        start = data.index(b'flow.npy') + len('flow.npy')
        data[start + 9 : start + 40] = bytes(31)  # lzma.LZMAError
        (tmp_path / 'flow.npz').write_bytes(data)
    with pytest.raises(InputError, match='flow.npz cannot be read'):
        crops.read_flow(tmp_path / 'flow.npz', 64)
