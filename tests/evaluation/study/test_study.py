"""The perception study: what the page gives away (nothing), the rules of section 6.3, and intervals that cover."""

import base64
import datetime
import json
import re

import cv2
import numpy as np
import pytest
from scipy import stats

from fvae_jax.errors import InputError
from fvae_jax.evaluation import statistics
from fvae_jax.evaluation.study import page as page_lib, score

METHODS = ('real', 'FVAE', 'VAE', 'average flow (DIS)')
LATER = '2020-01-01T10:00:00.000Z'


def noise(count=12, size=16, seed=0):
    return list(np.random.default_rng(seed).integers(0, 256, (count, size, size, 3), dtype=np.uint8))


def pictures(**options):
    """For each method other images, blurred ones among them."""
    made = {method: noise(seed=i, **options) for i, method in enumerate(METHODS)}
    made['VAE'] = [cv2.GaussianBlur(picture, (0, 0), 3) for picture in made['VAE']]
    return made


def read(folder):
    page, key = (folder / 'index.html').read_text(), json.loads((folder / 'key.json').read_text())
    return page, json.loads(re.search('<script type="application/json" id="study">(.*?)</script>', page)[1]), key


def decode(uri):
    png = base64.b64decode(uri.removeprefix('data:image/png;base64,'))
    return cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED)[..., ::-1], png


def chunks(png):
    place = 8
    while place < len(png):
        yield png[place + 4 : place + 8]
        place += 12 + int.from_bytes(png[place : place + 4])


@pytest.fixture(scope='module')
def study(tmp_path_factory):
    return page_lib.build(pictures(), tmp_path_factory.mktemp('study') / 'study', seed=3).parent


def test_the_page_holds_ten_images_of_each_method_as_they_were(study):
    _, data, key = read(study)
    assert data['id'] == key['study'] and set(data['images']) == set(key['images'])
    for method, given in pictures().items():
        shown = {decode(data['images'][name])[0].tobytes() for name, of in key['images'].items() if of == method}
        assert len(shown) == 10 and shown < {picture.tobytes() for picture in given}


def test_the_page_does_not_tell_methods_apart(study):
    page, data, key = read(study)
    code = re.sub('data:image/png;base64,[A-Za-z0-9+/=]*', '', page)
    assert not re.search(r'\b(FVAE|VAE|average|flow|DIS|seed|method)', code)
    assert list(data['images']) == sorted(data['images'])
    assert len({len(uri) for uri in data['images'].values()}) == 1
    assert {kind for uri in data['images'].values() for kind in chunks(decode(uri)[1])} == {b'IHDR', b'IDAT', b'IEND'}
    # The control: compressed, a blurred picture is known by its size.
    sizes = {
        method: [
            len(cv2.imencode('.png', decode(data['images'][name])[0])[1])
            for name, of in key['images'].items()
            if of == method
        ]
        for method in ('VAE', 'FVAE')
    }
    assert max(sizes['VAE']) < min(sizes['FVAE'])


def test_names_depend_on_what_the_participant_does_not_know(study, tmp_path):
    _, data, key = read(study)

    def names(images, seed=3):
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        return read(page_lib.build(images, folder, seed).parent)[2]['images']

    assert names(pictures()) == key['images']
    swapped = dict(zip(METHODS, (pictures()[method] for method in ('real', 'VAE', 'FVAE', METHODS[3]))))
    for other in (names(swapped), names(pictures(), seed=4)):
        assert not set(other) & set(data['images'])


def test_a_study_needs_enough_images(tmp_path):
    with pytest.raises(InputError, match="'FVAE' has 9 images, the study takes 10"):
        page_lib.build({**pictures(), 'FVAE': noise(9)}, tmp_path / 'study')
    assert not list(tmp_path.iterdir())


def test_a_study_is_written_whole_or_not_at_all(tmp_path):
    with pytest.raises(UnicodeEncodeError):
        page_lib.build({**pictures(), '\ud800': noise()}, tmp_path / 'study')
    assert not list(tmp_path.iterdir())
    (tmp_path / 'empty').mkdir()
    page_lib.build(pictures(), tmp_path / 'empty')
    before = read(tmp_path / 'empty')
    with pytest.raises(
        InputError, match='empty.* exists; name a new folder .answers given so far can only be scored with its key.json'
    ):
        page_lib.build(pictures(), tmp_path / 'empty', seed=1)
    assert read(tmp_path / 'empty') == before
    with pytest.raises(InputError, match="missing' does not exist"):
        page_lib.build(pictures(), tmp_path / 'missing' / 'study')


class Participants:
    """Writes the files of people who call a given number of each method's images real."""

    def __init__(self, key, folder):
        self.key, self.folder = key, folder

    def write(self, number, real=10, skipped=0, finished=LATER, name=None, **counts):
        left = {'real': (real, skipped), **{method: (counts.get(method, 0), 0) for method in METHODS[1:]}}
        answers = {}
        for method in METHODS:
            images = [image for image, of in self.key['images'].items() if of == method]
            yes, no_answer = left[method]
            labels = ['real'] * yes + ['skip'] * no_answer + ['fake'] * (len(images) - yes - no_answer)
            answers.update(zip(images, labels))
        return self.save(
            name or f'{number}.json',
            {
                'study': self.key['study'],
                'participant': f'{number:016x}',
                'started': finished,
                'finished': finished,
                'answers': answers,
                'order': list(answers),
            },
        )

    def save(self, name, content):
        path = self.folder / name
        path.write_text(json.dumps(content))
        return path


@pytest.fixture
def people(study, tmp_path):
    return Participants(read(study)[2], tmp_path)


def test_the_rules_of_the_paper(study, people):
    files = [
        people.write(1, real=9, FVAE=6, VAE=1),
        people.write(2, real=5, FVAE=7),
        people.write(3, real=4, VAE=10),
        people.write(4, real=3, skipped=4, FVAE=2),
        people.write(5, real=0, skipped=10, VAE=10),
    ]
    result = score.score(files, study / 'key.json')
    # 9/10, 5/10 and 3/6 stay, 4/10 and 0/0 do not.
    assert {name: (np.nansum(x), np.sum(~np.isnan(x)), len(x)) for name, x in result.labels.items()} == {
        'real': (17, 26, 3),
        'FVAE': (15, 30, 3),
        'VAE': (1, 30, 3),
        'average flow (DIS)': (0, 30, 3),
    }
    assert result.dropped == [
        'dropped: participant 0000000000000003 (3.json) labelled 4 of 10 real images real, below 50 %',
        'dropped: participant 0000000000000005 (5.json) judged no real image',
    ]
    rows = {row.label: row.cells for row in score.table(result).rows}
    assert {name: (judged, round(share.mean, 1), paper) for name, (judged, share, _, paper) in rows.items()} == {
        'real': (26, 65.4, 89.7),
        'FVAE': (30, 50.0, 59.4),
        'VAE': (30, 3.3, 35.6),
        'average flow (DIS)': (30, 0.0, 41.6),
    }
    assert rows['average flow (DIS)'][2] == '0.0 – 11.4' and score.table(result).caption.startswith('3 participants, 2')


def test_the_later_file_of_a_participant_counts(study, people):
    early = people.write(1, VAE=1, finished='2020-01-01T10:00:00+02:00', name='early.json')
    late = people.write(1, VAE=2, finished='2020-01-01T09:00:00Z', name='late.json')
    for files in ([early, late], [late, early]):
        result = score.score(files, study / 'key.json')
        assert result.replaced == ['left out: early.json, a later file of the same participant counts']
        assert result.labels['VAE'].shape == (1, 10) and result.labels['VAE'].sum() == 2


def test_nobody_left(study, people):
    result = score.score([people.write(1, real=0)], study / 'key.json')
    assert {method: labels.shape for method, labels in result.labels.items()} == dict.fromkeys(METHODS, (0, 10))
    assert score.table(result).rows[1].cells == [0, 'n/a', 'n/a', 59.4]
    with pytest.raises(InputError, match='no answer files'):
        score.score([], study / 'key.json')


@pytest.mark.parametrize(
    'change, message',
    [
        ({'study': 'other'}, "belong to study 'other'"),
        ({'study': ['x'] * 1000}, 'belong to study'),
        ({'participant': '../../x'}, 'participant is'),
        ({'participant': '\ud800\x1b[31m'}, r"participant is '\\ud800\\x1b"),
        ({'participant': None}, 'participant is None'),
        ({'finished': '2020-01-01T09:00:00'}, 'not a time with its zone'),
        ({'finished': 7}, 'finished is 7'),
        ({'finished': None}, 'finished is None'),
        ({'answers': []}, r'answers are \[\], not a table'),
        ({'answers': {'f' * 99999: 'real'}}, "image 'ffff.*' is not in the study"),
        ({'answers': 'REAL'}, "answers are 'REAL'"),
    ],
)
def test_files_that_do_not_fit(change, message, study, people):
    content = json.loads(people.write(1).read_text())
    broken = people.save('broken.json', {**content, **change})
    with pytest.raises(InputError, match=message) as caught:
        score.score([broken], study / 'key.json')
    told = str(caught.value)
    assert 'broken.json' in told and 'leave' in told and '\n' not in told and told.isprintable() and len(told) < 500


@pytest.mark.parametrize('label', ['REAL', 1, None, ['real'], {'real': 1}, 'real ' * 1000])
def test_labels_that_do_not_exist(label, study, people):
    content = json.loads(people.write(1).read_text())
    content['answers'][next(iter(content['answers']))] = label
    with pytest.raises(InputError, match='is labelled .*, not real, fake or skip; leave it out'):
        score.score([people.save('broken.json', content)], study / 'key.json')


@pytest.mark.parametrize(
    'content, message',
    [
        (b'', 'is not JSON'),
        (b'\xff\xfe\x00', 'is not JSON'),
        (b'[' * 100_000, 'is not JSON'),
        (b'{"a": 1', 'is not JSON'),
        (b'9' * 5000, 'is not JSON'),
        (b'[1, 2]', r'holds \[1, 2\], not a table'),
        (b'NaN', 'holds nan'),
        (b' ' * (5 * 2**20 + 1), 'is larger than 5 MB'),
    ],
)
def test_files_of_anything(content, message, study, tmp_path):
    (tmp_path / 'broken.json').write_bytes(content)
    with pytest.raises(InputError, match=f"broken.json' {message}.*; leave it out, or ask"):
        score.score([tmp_path / 'broken.json'], study / 'key.json')
    with pytest.raises(InputError, match=f"key '.*broken.json' {message}.*; give the key.json"):
        score.score([], tmp_path / 'broken.json')


def test_files_that_are_none(study, people, tmp_path):
    with pytest.raises(InputError, match="answers '.*nowhere.json' does not exist"):
        score.score([tmp_path / 'nowhere.json'], study / 'key.json')
    with pytest.raises(InputError, match='is not a file'):
        score.score([tmp_path], study / 'key.json')
    with pytest.raises(InputError, match='is not the key of a study; give the key.json'):
        score.score([], people.write(1))


def test_wilson_is_scipys():
    for successes, trials in ((0, 10), (10, 10), (3, 7), (237, 400)):
        expected = stats.binomtest(successes, trials).proportion_ci(method='wilson')
        found = statistics.wilson(successes / trials, trials, stats.norm.ppf(0.975))
        np.testing.assert_allclose(found, expected, atol=1e-12)


def test_the_interval_widens_by_what_people_and_images_share():
    rng = np.random.default_rng(0)
    answers = np.float64(rng.random((40, 10)) < 0.5)
    people, images = (np.sort(answers, axis) for axis in (0, 1))  # the same answers, by few people or for few images
    alone = statistics.independent_share(answers)
    assert statistics.independent_share(people) == statistics.independent_share(images) == alone
    widths = [np.diff(statistics.crossed_share(labels))[0] for labels in (answers, people, images)]
    assert widths[0] < 1.3 * np.diff(alone)[0] and min(widths[1:]) > 2 * np.diff(alone)[0]
    for same in (0.0, 1.0):
        labels = np.full((40, 10), same)
        assert statistics.crossed_share(labels) == statistics.independent_share(labels)
    answers[rng.random(answers.shape) < 0.2] = np.nan
    low, high = statistics.crossed_share(answers)
    assert 0 < low < np.nanmean(answers) < high < 1


RATES = np.array([0.9, 0.594, 0.356, 0.416])
STUDIES, PEOPLE, IMAGES = 200, 40, 10


def _covered(intervals, rates):
    """The share of studies (first axis) whose intervals (studies, methods, 2) hold the rates."""
    return np.mean((intervals[..., 0] <= rates) & (rates <= intervals[..., 1]), 0)


def _simulate(study, folder, spread):
    """Scores simulated people: (studies, methods, 2) by `crossed`, by `independent`; the true rates.

    People's trust and images' quality vary as normal logits with the deviation `spread`; one answer in twenty is
    skipped.
    """
    key = score.read_key(study / 'key.json')
    order = [image for method in METHODS for image, of in key.images.items() if of == method]
    when = datetime.datetime.fromisoformat(LATER)
    participants = Participants(read(study)[2], folder)
    rng = np.random.default_rng(11)
    logits = np.log(RATES / (1 - RATES))
    many = logits + spread * np.sqrt(2) * rng.standard_normal((400_000, 1))
    rates = np.mean(1 / (1 + np.exp(-many)), 0)
    shape = (STUDIES, PEOPLE, len(METHODS), IMAGES)
    logits = logits[:, None] + spread * (
        rng.standard_normal((STUDIES, PEOPLE, 1, 1)) + rng.standard_normal((STUDIES, 1, len(METHODS), IMAGES))
    )
    labels = np.where(rng.random(shape) < 1 / (1 + np.exp(-logits)), 'real', 'fake')
    labels = np.where(rng.random(shape) < 0.05, 'skip', labels)
    crossed, independent = [], []
    for one in labels:
        people = [dict(zip(order, given.ravel().tolist())) for given in one]
        result = score.tally(
            [score.Answers(folder / f'{i}.json', f'{i:016x}', when, answers) for i, answers in enumerate(people)], key
        )
        if not crossed:  # files say the same
            files = [
                participants.save(
                    f'{i}.json', {'study': key.study, 'participant': f'{i:016x}', 'finished': LATER, 'answers': answers}
                )
                for i, answers in enumerate(people)
            ]
            np.testing.assert_equal(score.score(files, study / 'key.json')._asdict(), result._asdict())
        assert len(result.labels['real']) >= PEOPLE - 2  # dropping more would bias the rate of the real images
        crossed.append([statistics.crossed_share(labels) for labels in result.labels.values()])
        independent.append([statistics.independent_share(labels) for labels in result.labels.values()])
    return np.array(crossed), np.array(independent), rates


def test_the_intervals_cover_where_answers_are_independent(study, tmp_path):
    crossed, independent, rates = _simulate(study, tmp_path, 0)
    for intervals in (crossed, independent):
        covered = _covered(intervals, rates)
        assert np.all((covered >= 0.9) & (covered <= 0.99)), covered
    # Controls: intervals of half the width, and the rates of other methods.
    middle = crossed.mean(-1, keepdims=True)
    assert np.all(_covered(middle + (crossed - middle) / 2, rates) < 0.85)
    assert np.all(_covered(crossed, np.roll(rates, 1)) < 0.5)


def test_the_intervals_cover_where_people_and_images_differ(study, tmp_path):
    crossed, independent, rates = _simulate(study, tmp_path, 0.5)
    covered = _covered(crossed, rates)
    assert np.all((covered >= 0.9) & (covered <= 0.99)), covered
    assert np.all(_covered(independent, rates) < 0.9)


def test_the_wrong_key_is_seen(study, tmp_path):
    other = json.loads((study / 'key.json').read_text())
    other['study'] = 'other'
    (tmp_path / 'key.json').write_text(json.dumps(other))
    with pytest.raises(InputError, match="belong to study '[0-9a-f]{16}', the key to 'other'"):
        score.score([Participants(read(study)[2], tmp_path).write(1)], tmp_path / 'key.json')
    assert score.read_key(tmp_path / 'key.json').methods == METHODS
