"""What is told of a set before training: counts, and labels that are wrong in a plausible way."""

import pathlib

import cv2
import numpy as np
import pytest
import skimage.data
from PIL import Image

from fvae_jax import config as config_lib
from fvae_jax.data import alike, crops, people, survey
from fvae_jax.errors import InputError
from fvae_jax.ops.frame import WIDE

PHOTO = skimage.data.astronaut()


@pytest.fixture
def opened(tmp_path):
    """Opens a set of crops: {file: (identity, expression, number of the picture)}; returns it and its people."""

    def make(rows, **options):
        root = tmp_path / 'photos'
        root.mkdir()
        lines = ['path,identity,expression']
        for file, (identity, expression, number) in rows.items():
            picture = np.random.default_rng(number).integers(0, 256, (16, 16, 3), np.uint8)
            Image.fromarray(picture).resize((64, 64)).save(root / file.split('#')[0])
            lines.append(f'{file.split("#")[0]},{identity},{expression}')
        (root / 'index.csv').write_text('\n'.join(lines) + '\n')
        return _open(root, **options)

    return make


def _open(root, **options):
    config = config_lib.default_config()
    cache = str(root.parent / 'cache')
    config.data.update(set='photos', root=str(root), cache=cache, image_size=64, aligned=True, **options)
    return people.open_faces(config)


def plain(names, expressions=('neutral', 'smile'), first=0):
    pairs = [(name, expression) for name in names for expression in expressions]
    return {f'{name}_{expression}.png': (name, expression, i) for i, (name, expression) in enumerate(pairs, first)}


def test_counts(opened):
    rows = plain(['ann', 'bob', 'cid', 'dan']) | {'eve.png': ('eve', 'smile', 90), 'ann2.png': ('ann', 'smile', 91)}
    faces = opened(rows)
    lines = survey.table(faces.data, faces.split._asdict()).splitlines()
    cells = [line.split() for line in lines]
    assert cells[0][:3] == ['expression', 'people', 'images'] and len({len(line) for line in lines}) == 1
    assert [row[:3] for row in cells[1:]] == [['neutral', '4', '4'], ['smile', '5', '6']]
    assert [sum(map(int, row[3:])) for row in cells[1:]] == [4, 6] and cells[2][-1] == '1'  # eve has no pair
    assert survey.doubts(faces.data) == []


@pytest.mark.parametrize(
    'rows, words',
    [
        (
            plain(['neutral', 'smile', 'sad'], ('ann', 'bob', 'cid')),
            'people are called neutral, sad, smile: name folders',
        ),
        (plain(['ann', 'bob', 'cid'], ('smile', 'sad')), "no image is called 'neutral'"),
        (plain(['ann', 'bob', 'cid']) | {'a.png': ('ann', 'wink', 50)}, 'one image only of wink'),
        (plain(['ann', 'bob', 'cid']) | {'ann_smile.png#': ('ann', 'smile', 1)}, 'is listed twice: ann_smile.png'),
        (plain(['ann', 'bob', 'cid']) | {'a.png': ('bob', 'smile', 1)}, 'belongs to several people: ann_smile.png'),
        (plain(['ann', 'bob', 'cid']) | {'a.png': ('ann', 'smile', 0)}, 'shows several expressions of one person: ann'),
    ],
    ids=['swapped', 'no neutral', 'one image', 'twice', 'two people', 'two expressions'],
)
def test_labels_that_are_wrong_in_a_plausible_way(opened, rows, words):
    labels = sorted({expression for _, expression, _ in rows.values()} - {'wink'})
    more = plain(['x', 'y'], labels, first=100)  # so that there are three people without images in common
    found = survey.doubts(opened(rows | more).data)
    assert words in found[0]
    assert len(found) == (2 if 'people are called' in words else 1)  # nor is there a neutral one


def test_people_with_an_image_in_common_are_in_one_part(opened):
    rows = plain([f'p{i}' for i in range(20)])
    shared = {f'{a}{b}.png': (f'p{b}', 'smile', 2 * a) for a, b in ((0, 1), (1, 2), (4, 9), (13, 6), (6, 18))}
    faces = opened(rows | shared, test_share=0.4, validation_share=0.3)
    part = {name: i for i, names in enumerate(faces.split) for name in names}
    assert len(part) == 20 and len(set(part.values())) == 3
    for group in ({0, 1, 2}, {4, 9}, {13, 6, 18}):
        assert len({part[f'p{i}'] for i in group}) == 1
    together = [['a', 'b'], ['c', 'd']]
    with pytest.raises(InputError, match='2 identities without images in common'):
        people.split_identities('abcd', 0.2, 0.1, together=together)
    assert set(people.split_identities('abcdefg', 0.2, 0.1, ['d'], together).test) == {'c', 'd'}


def test_photos_of_two_people_that_look_the_same(tmp_path):
    """Found when one was saved again, resized or compressed; others of the same kind are not."""
    root = tmp_path / 'photos'
    root.mkdir()
    lines = ['path,identity,expression']
    tiles = [(0, 192), (128, 0), (256, 128), (384, 320)]  # parts of a photo are as good
    faces = {name: PHOTO[y : y + 128, x : x + 128] for name, (y, x) in zip(('ann', 'bob', 'cid', 'dan'), tiles)}
    for name, face in faces.items():
        for expression, light in (('neutral', 1), ('smile', 0.92)):
            Image.fromarray(np.uint8(light * face)).resize((200, 200)).save(root / f'{name}_{expression}.png')
            lines.append(f'{name}_{expression}.png,{name},{expression}')
    Image.open(root / 'ann_smile.png').resize((80, 80)).save(root / 'again.jpg', quality=40)
    (root / 'index.csv').write_text('\n'.join([*lines, 'again.jpg,dan,smile']))
    data = _open(root).data
    found = [[data.records[i].file for i in pair] for pair in data.similar]
    assert found == [['ann_neutral.png', 'again.jpg'], ['ann_smile.png', 'again.jpg']]
    (line,) = survey.doubts(data)
    assert 'look the same, as if one were saved again: ann_neutral.png (ann, neutral) ~ again.jpg (dan, smile)' in line


def test_faces_found_anew_in_a_copy_look_the_same():
    copy = cv2.imdecode(cv2.imencode('.jpg', cv2.resize(PHOTO, None, fx=0.6, fy=0.6), [1, 50])[1], cv2.IMREAD_UNCHANGED)
    other = cv2.imread(str(pathlib.Path(__file__).parents[2] / 'docs' / 'composite_face.jpg'))[..., ::-1]
    prints = [alike.fingerprint(crops.crop(one, 128, WIDE)[0]) for one in (PHOTO, copy, other)]
    flat = np.full((128, 128, 3), 90, np.uint8)
    flat[:, 64:] = 91
    prints += [alike.fingerprint(flat)] * 2
    assert alike.pairs(np.array(prints), ['a', 'b', 'c', 'd', 'e']) == [(0, 1)]
    assert alike.pairs(np.array(prints), ['a', 'a', 'c', 'd', 'e']) == []
