"""A model card's numbers: what is known comes out as known, and what is wrong would show."""

import functools
import json

import cv2
import numpy as np
import pytest
from editing import models

from configs import synthetic
from fvae_jax import bundle as bundle_lib, config as config_lib
from fvae_jax.data.drawn.face import DrawnFace
from fvae_jax.data.people import Split
from fvae_jax.editing import editor as editor_lib
from fvae_jax.errors import InputError
from fvae_jax.evaluation import cases, edits, fidelity, groups, landmarks, metrics, model_card
from fvae_jax.evaluation.baselines import fading
from fvae_jax.evaluation.baselines.base import Method, Pair
from fvae_jax.evaluation.report import Column, Report, Row, Section, Table, Value, markdown
from fvae_jax.ops import image as image_ops
from fvae_jax.training import experiment, rundir

SIZE = 64
PEOPLE = 3
HEADER = 'identity,age,gender,ethnicity\n'


@functools.cache
def face(number):
    return DrawnFace(0, number, SIZE)


def drawn(number, expression, strength=1.0):
    return image_ops.to_float(face(number).image(expression, strength))


@pytest.fixture(scope='module')
def smiles():
    return [cases.Change(f'p{i}', 'smile', drawn(i, 'neutral', 0.0), drawn(i, 'smile')) for i in range(PEOPLE)]


class Artist(Method):
    """Knows the people, and draws them with what is wanted; `share` is how much of it."""

    def __init__(self, smiles, share):
        self._start = {change.neutral.tobytes(): i for i, change in enumerate(smiles)}
        self._back = {change.expressive.tobytes(): i for i, change in enumerate(smiles)}
        self._share = share

    def edit(self, crop, source, target, strength):
        if source == 'neutral':
            return drawn(self._start[crop.tobytes()], target, self._share(strength))
        return drawn(self._back[crop.tobytes()], source, 1 - self._share(strength))


class Copy(Method):
    def edit(self, crop, source, target, strength):
        return crop


class Changed(Method):
    """Does the same to every crop."""

    def __init__(self, change):
        self._change = change

    def edit(self, crop, source, target, strength):
        return self._change(crop).astype(np.float32)


def cells(table):
    return markdown.numbers(Report('', '', {}, [Section('', '', [table])]))['tables'][table.name]


def test_the_strength_of_a_perfect_edit_and_of_none(smiles):
    ways = edits.both_ways(smiles)
    assert list(ways) == ['neutral → smile', 'smile → neutral']
    perfect = cells(edits.strength_table(edits.movements(Artist(smiles, lambda s: min(s, 1)), ways)))
    for way in ways:
        row = perfect[f'{way}: mouth-corner lift']
        assert row['people']['mean'] == PEOPLE
        full = row['edit, at 1, % of the own change']
        assert full == row['edit, at 1.5, % of the own change'] and full['mean'] == full['low'] == pytest.approx(100)
        assert 20 < row['edit, at 0.5, % of the own change']['mean'] < 80
        assert row['right way, at 1, % of people']['mean'] == 100
        # 1.5 is no more than 1.
        assert row['grows, means'] == 'no' and row['grows, % of people']['mean'] == 0
    assert perfect['neutral → smile: mouth width']['own change, % of the distance of the eyes']['mean'] > 2
    ways = {'smile → neutral': ways['smile → neutral']}
    growing = cells(edits.strength_table(edits.movements(Artist(smiles, lambda s: s / 1.5), ways)))
    for row in growing.values():
        assert row['grows, means'] == 'yes' and row['grows, % of people']['mean'] > 50
        assert row['edit, at 1.5, % of the own change']['mean'] == pytest.approx(100)
    still = cells(edits.strength_table(edits.movements(Copy(), ways)))
    for row in still.values():
        assert row['edit, at 1, % of the own change']['mean'] == row['right way, at 1, % of people']['mean'] == 0
        assert row['grows, means'] == 'no'


def test_identity_of_the_person_and_of_nobody(smiles):
    judge, ways = metrics.Judge(), {'way': edits.both_ways(smiles[:2])['neutral → smile']}
    own, copied, nobody = (
        cells(edits.identity_table(judge, method, ways))['way']
        for method in (Artist(smiles, lambda s: s), Copy(), Changed(lambda crop: -crop[::-1]))
    )
    real = own["distance, the person's own two images"]
    assert own['distance, source to edit'] == real and real['mean'] > 0.02
    assert own['edit ≤ own, % of people']['mean'] == copied['edit ≤ own, % of people']['mean'] == 100
    assert copied['distance, source to edit']['mean'] == 0
    assert nobody['edit ≤ own, % of people']['mean'] == 0


def test_texture_is_that_of_skin(smiles):
    image = smiles[0].neutral
    assert edits.texture(image, np.ones((SIZE, SIZE), bool)) == pytest.approx(
        float(image_ops.laplacian_variance(image)), rel=1e-4
    )
    features = landmarks.features_area(landmarks.landmarks(image), SIZE)

    def blurred(crop):
        return cv2.GaussianBlur(crop, (0, 0), 0.8)

    def in_the_mouth(crop):
        hidden = crop.copy()
        rows, columns = (np.flatnonzero(features[SIZE // 2 :].any(axis)) for axis in (1, 0))
        middle = np.s_[SIZE // 2 + rows[2] : SIZE // 2 + rows[-2], columns[2] : columns[-2]]
        hidden[middle] = np.where(features[middle][..., None], hidden[middle] + 0.05, hidden[middle])
        return hidden

    editor = editor_lib.Editor(models.random_bundle(mask=False))
    ways = {'way': edits.both_ways(smiles[:1])['neutral → smile']}
    found = {}
    for name, method in (('copy', Copy()), ('blurred', Changed(blurred)), ('mouth', Changed(in_the_mouth))):
        row = cells(edits.texture_table(method, editor, ways))['way, strength 1']
        found[name] = row['texture, face, × source']['mean'], row['texture, crop, × source']['mean']
    assert found['copy'] == (1, 1)
    assert max(found['blurred']) < 0.7
    assert found['mouth'] == pytest.approx((1, 1), abs=0.03)


def test_alpha_is_counted_outside_mouth_and_eyes(smiles):
    editor = editor_lib.Editor(models.random_bundle(mask=False, content=True))
    wanted = edits.both_ways(smiles[:1])['neutral → smile']
    row = cells(edits.texture_table(Copy(), editor, {'way': wanted}))['way, strength 1.5']
    face = editor.encode(wanted[0].start)
    alpha = editor.change(face, editor.edited_latent(face, {'smile': 1.5}))[1].alpha
    points = landmarks.landmarks(wanted[0].start)
    area = ~landmarks.features_area(points, SIZE)
    assert 0.5 < area.mean() < 0.95
    assert row['alpha, crop, mean']['mean'] == pytest.approx(float(alpha[area].mean()), rel=1e-5)
    inside = area & landmarks.face_area(points, SIZE)
    assert row['alpha, face, mean']['mean'] == pytest.approx(float(alpha[inside].mean()), rel=1e-5)
    assert abs(alpha.mean() - alpha[area].mean()) > 1e-3 < abs(alpha[inside].mean() - alpha[area].mean())


def test_mouth_and_eyes_are_where_the_landmarks_are(smiles):
    points = landmarks.landmarks(smiles[0].expressive)
    features, face = landmarks.features_area(points, SIZE), landmarks.face_area(points, SIZE)
    marked = [features[tuple(np.rint(points[i]).astype(int)[::-1])] for i in range(68)]
    assert all(marked[36:]) and not any(marked[:36])
    center = points[27:36].mean(axis=0).round().astype(int)
    assert face[tuple(center[::-1])] and not features[tuple(center[::-1])] and not face[0].any()


def test_only_what_moves_is_told_of_an_expression(smiles):
    surprised = [cases.Change(f'p{i}', 'surprise', c.neutral, drawn(i, 'surprise')) for i, c in enumerate(smiles)]
    bored = [cases.Change(f'p{i}', 'bored', c.neutral, c.neutral) for i, c in enumerate(smiles)]
    origins = {'smile': 'real', 'surprise': 'synthetic', 'bored': 'real'}
    perfect = Artist(smiles, lambda s: s)
    found = cells(edits.expression_table(perfect, [*smiles, *surprised], origins))
    assert {
        'smile (real): mouth corner lift',
        'smile (real): mouth width',
        'surprise (synthetic): mouth opening',
        'surprise (synthetic): brow height',
    } <= set(found)
    assert 'smile (real): brow height' not in found
    for row in found.values():
        assert row['edit, % of the own change']['mean'] == pytest.approx(100)
    copied = cells(edits.expression_table(Copy(), [*smiles, *bored], origins))
    assert 'no measure moves' in copied.pop('bored (real)')['note']
    assert {row['edit, % of the own change']['mean'] for row in copied.values()} == {0}


def test_the_share_of_the_way_is_between_copying_and_the_answer():
    people = ['a', 'a', 'b', 'b']
    base = np.asarray([20.0, 22.0, 24.0, 30.0])
    by_method = {
        name: {
            'psnr': base + gain,
            'psnr_mouth': base + 2 * gain,
            'lpips': base / 100,
            'lpips_mouth': (base - gain) / 100,
        }
        for name, gain in (('copy', 0.0), ('FVAE', 3.0), ('optical flow', 4.0))
    }
    found = cells(fidelity.reconstruction_table(fidelity.Scores(people, by_method), 'faces'))
    shares = {name: row['share of the way, whole, %'] for name, row in found.items()}
    assert shares['FVAE'] == {'mean': 75, 'low': 75, 'high': 75}
    assert (shares['copy']['mean'], shares['optical flow']['mean']) == (0, 100)
    assert found['FVAE']['PSNR, mouth, dB']['mean'] == 30
    assert found['FVAE']['LPIPS, mouth']['mean'] == pytest.approx(0.21)
    for scores in by_method.values():
        del scores['lpips'], scores['lpips_mouth']
    without = cells(fidelity.reconstruction_table(fidelity.Scores(people, by_method), 'faces'))
    assert without['FVAE']['LPIPS, whole'] == without['FVAE']['LPIPS, mouth'] == metrics.LPIPS_MISSING
    assert without['FVAE']['PSNR, whole, dB'] == found['FVAE']['PSNR, whole, dB']


class Spoiled(fading.Copy):
    """The true target with a flat spot."""

    def __init__(self, name, spot):
        self.name, self._spot = name, spot

    def reconstruct(self, pair):
        image = pair.target.copy()
        image[self._spot] = 0
        return image


def test_lpips_of_the_mouth_sees_the_mouth_alone(smiles):
    pairs = [Pair(c.identity, 'neutral', 'smile', c.neutral, c.expressive) for c in smiles[:2]]
    entries = [Spoiled('brow', np.s_[5:25, 15:50]), Spoiled('mouth', np.s_[44:50, 26:38])]
    brow, mouth = fidelity.score(metrics.Judge(8), entries, pairs).by_method.values()
    assert np.all(brow['lpips_mouth'] < 1e-6) and np.all(brow['lpips'] > 0.02)
    assert np.all(mouth['lpips_mouth'] > 0.02) and np.all(np.isinf(brow['psnr_mouth']))


def test_precision_and_recall_of_alpha():
    exposed = np.zeros((3, 8, 8), bool)
    exposed[:2, :4] = True
    image = np.zeros((8, 8, 3), np.float32)
    known = [
        cases.KnownFlow(
            Pair(name, 'neutral', 'smile', image, image), np.zeros((8, 8, 2), np.float32), shown, np.ones((8, 8), bool)
        )
        for name, shown in zip('aab', exposed)
    ]
    everyone = np.ones(3, bool)
    assert fidelity.detected('x', known, exposed * 0.6, everyone).cells == [
        2,
        3,
        Value(1, np.nan, np.nan),
        Value(1, np.nan, np.nan),
        pytest.approx(100 / 3),
    ]
    nothing = fidelity.detected('x', known, exposed * 0.5, everyone).cells
    assert nothing[2] is None and nothing[3].mean == 0
    wrong = fidelity.detected('x', known, 1.0 - exposed, everyone).cells
    assert wrong[2].mean == wrong[3].mean == 0
    quarter = np.zeros((3, 8, 8))
    quarter[:, :4, :4] = 1
    assert [cell.mean for cell in fidelity.detected('x', known, quarter, everyone).cells[2:4]] == [2 / 3, 1 / 2]
    last = fidelity.detected('x', known, quarter, np.array([0, 0, 1], bool))
    assert last.cells == [1, 1, Value(0, np.nan, np.nan), None, 0]
    left = np.indices((8, 8))[1] < 4
    half = [case._replace(known=left) for case in known]
    assert [cell.mean for cell in fidelity.detected('x', half, quarter, everyone).cells[2:4]] == [2 / 3, 1]


def table_of_people(path, text):
    path.write_text(text, encoding='utf-8')
    return groups.read_people(path)


def test_people_are_read_from_any_table_with_their_facts(tmp_path):
    people = table_of_people(
        tmp_path / 'a.csv',
        '\ufeffpath,identity,expression,age,gender,ethnicity\n'
        '1.jpg,a,neutral,24,Female,white\n2.jpg,a,smile,NA,female,\n3.jpg,b,neutral,45,male,x/y\n'
        '4.jpg,c,neutral,17,male,white\n5.jpg,d,neutral,NA,,white\n6.jpg,e,smile,29.5,male,white\n',
    )
    assert people == {
        'a': groups.Person('female', 'white', '18–29'),
        'b': groups.Person('male', 'x/y', '45+'),
        'c': groups.Person('male', 'white', '0–17'),
        'd': groups.Person('unknown', 'white', 'unknown'),
        'e': groups.Person('male', 'white', '18–29'),
    }
    assert list(groups.divide(people, 'abcde')) == [
        'gender: female',
        'gender: male',
        'gender: unknown',
        'ethnicity: white',
        'ethnicity: x/y',
        'age: 0–17',
        'age: 18–29',
        'age: 45+',
        'age: unknown',
    ]


@pytest.mark.parametrize(
    'text, message',
    [
        ('identity,age,gender\n', "no column 'ethnicity'; expected columns identity, age, gender, ethnicity"),
        ('', "no column 'identity'"),
        (HEADER + ',20,male,white\n', "line 2: the column 'identity' is empty"),
        (HEADER + 'a,old,male,white\n', "line 2: age is 'old'; give years, or NA"),
        (HEADER + 'a,999,male,white\n', "age is '999'"),
        (HEADER + 'a,-4,male,white\n', "age is '-4'"),
        (
            HEADER + 'a,20,male,white\na,NA,female,white\n',
            "line 3: gender of 'a' is 'female', and 'male' in a row above",
        ),
    ],
)
def test_tables_of_people_that_cannot_be_used(tmp_path, text, message):
    with pytest.raises(InputError, match='people.csv') as error:
        table_of_people(tmp_path / 'people.csv', text)
    assert message in str(error.value) and '\n' not in str(error.value)


def test_people_that_are_missing_are_named(tmp_path):
    people = table_of_people(tmp_path / 'people.csv', HEADER + 'a,20,male,white\n')
    groups.check(people, Split(('a',), (), ()), tmp_path / 'people.csv')
    with pytest.raises(InputError, match='lacks b, c, who are people of the run'):
        groups.check(people, Split(('a',), ('c',), ('b',)), tmp_path / 'people.csv')
    with pytest.raises(InputError, match='p00.* and 5 more'):
        groups.check(people, Split(tuple(f'p{i:02d}' for i in range(15)), (), ()), tmp_path / 'people.csv')
    with pytest.raises(InputError, match='cannot be read'):
        groups.read_people(tmp_path / 'nobody.csv')
    (tmp_path / 'people.csv').write_bytes(b'\xff\xfe\x00')
    with pytest.raises(InputError, match='not a UTF-8 table'):
        groups.read_people(tmp_path / 'people.csv')


def test_groups_of_a_few_people():
    people = {name: groups.Person('female' if name in 'abcx' else 'male', 'white', '18–29') for name in 'abcdexy'}
    split = Split(('x', 'y'), (), tuple('abcde'))
    who = list('aabbccddee')
    gain = np.asarray([1.0, 1, 2, 2, 3, 3, 10, 10, 10, 10])
    measures = [
        groups.Measure(Column('gain'), who, gain, np.ones(10)),
        groups.Measure(Column('LPIPS'), who, None, np.ones(10), 'not there'),
        groups.Measure(Column('share'), list('abcde'), np.asarray([1.0, 2, 3, 0, 0]), np.full(5, 4.0)),
    ]
    found = cells(groups.comparison(people, split, measures))
    assert found['everyone']['gain']['mean'] == 5.2 and found['everyone']['pairs']['mean'] == 10
    women = found['gender: female']
    assert [women[name]['mean'] for name in ('people', 'pairs', 'gain', 'share')] == [3, 6, 2, 0.5]
    assert 1 <= women['gain']['low'] < 2 < women['gain']['high'] <= 3 and women['LPIPS'] == 'not there'
    men = found['gender: male']
    assert men['people']['mean'] == 2 and men['gain'] == groups.TOO_FEW and men['share'] is None
    made_of = cells(groups.composition(people, split))['gender: male']
    assert made_of['share, % of the training people']['mean'] == 50 and made_of['test, people']['mean'] == 2


def test_markdown_holds_what_a_table_holds(tmp_path):
    columns = [Column('PSNR', 'dB', 1, 'higher', 'whole'), Column('n', '', 0), Column('x')]
    table = Table(
        't',
        'Title',
        'Caption.',
        columns,
        [
            Row('a|b', [Value(-1.25, -2, np.nan), 3, None], ours=True),
            Row('c', [Value(np.inf, -2, 1), 4, 'text'], left_out='why'),
            Row('d', note='not done'),
        ],
    )
    report = Report('T', 'S.', {'fact': 1}, [Section('One', 'First\nline.\n\nSecond.', [table])])
    markdown.write(report, tmp_path / 'card.md')
    lines = (tmp_path / 'card.md').read_text().splitlines()
    assert lines[lines.index('### Title') + 4 :] == [
        '| method | whole, PSNR, dB ↑ | n | x |',
        '| --- | ---: | ---: | ---: |',
        '| **a\\|b** | −1.2 [−2.0] | 3 | – |',
        '| c (why) | ∞ [−2.0, 1.0] | 4 | text |',
        '| d | not done |  |  |',
    ]
    assert 'First line.' in lines and '- fact: 1' in lines
    rows = json.loads((tmp_path / 'card.json').read_text())['tables']['t']
    assert rows['a|b']['whole, PSNR, dB'] == {'mean': -1.25, 'low': -2, 'high': 'nan'}
    assert rows['d'] == {'note': 'not done'}
    assert {path.name for path in tmp_path.iterdir()} == {'card.md', 'card.json'}


@pytest.fixture(scope='module')
def run(tmp_path_factory):
    """A run of drawn faces whose model is untrained."""
    folder = tmp_path_factory.mktemp('run')
    config = synthetic.get_config('tiny,content')
    config.data.cache, config.data.identities, config.data.test_share = str(folder / 'cache'), 10, 0.2
    rundir.open_workdir(folder / 'run', config)
    bundle_lib.save(folder / 'run' / 'model.safetensors', models.random_bundle(content=True))
    rows = [f'synthetic_{i:04d},{20 + i},{("female", "male")[i % 2]},drawn,more' for i in range(config.data.identities)]
    (folder / 'people.csv').write_text('identity,age,gender,ethnicity,more\n' + '\n'.join(rows))
    return folder


def command(folder, out, run=None, people=None):
    model_card.main([str(run or folder / 'run'), '--people', str(people or folder / 'people.csv'), '--out', str(out)])


def test_only_pairs_that_are_wanted(run):
    config = synthetic.get_config('tiny')
    config.data.cache, config.data.test_share = str(run), 0.25
    faces = experiment.open_faces(config)
    chosen = fidelity.only(faces, lambda s, t: {s.expression, t.expression} == {'neutral', 'smile'})
    found = list(cases.pairs(chosen, 'test', config))
    assert {(p.source_expression, p.target_expression) for p in found} == {('neutral', 'smile'), ('smile', 'neutral')}
    assert len(found) == 2 * len(faces.split.test) == len({(p.identity, p.source_expression) for p in found})
    assert len(faces.pairs('test')) > len(found)
    assert not list(cases.known_flows(fidelity.only(faces, lambda s, t: False), config, 10))


def test_the_command(run, tmp_path, capsys):
    command(run, tmp_path / 'card.md')
    assert capsys.readouterr().out.splitlines()[-1] == str(tmp_path / 'card.md')
    text = (tmp_path / 'card.md').read_text()
    assert str(tmp_path) not in text and str(run) not in text and 'nan' not in text
    content = json.loads((tmp_path / 'card.json').read_text())
    tables = content['tables']
    assert list(tables) == [
        'reconstruction',
        'strengths',
        'identity',
        'texture',
        'expressions',
        'composition',
        'groups',
        'true-flow',
        'exposed',
    ]
    rows = tables['reconstruction']
    assert {
        'copy',
        'FVAE',
        'FVAE, bilinear (Eq. 5)',
        'FVAE with content',
        'FVAE with content, bilinear (as trained)',
    } < set(rows)
    assert '4 ordered pairs of 2 people: neutral (synthetic) ↔ smile (synthetic)' in text
    assert rows['copy']['PSNR, whole, dB']['mean'] > rows['FVAE']['PSNR, whole, dB']['mean']
    assert 'alpha, face, mean' in tables['texture']['smile → neutral, strength −1']
    assert (
        tables['groups']['everyone']['people']['mean'] == 2 == tables['identity']['smile → neutral']['people']['mean']
    )
    assert (tables['exposed']['all']['people']['mean'], tables['exposed']['all']['pairs']['mean']) == (2, 10)
    before = (tmp_path / 'card.json').read_bytes()
    with pytest.raises(InputError, match='card.md. exists'):
        command(run, tmp_path / 'card.md')
    (tmp_path / 'card.md').unlink()
    with pytest.raises(InputError, match='card.json. exists'):
        command(run, tmp_path / 'card.md')
    assert (tmp_path / 'card.json').read_bytes() == before


def test_runs_that_cannot_be_measured(run, tmp_path):
    with pytest.raises(InputError, match='holds no run'):
        command(run, tmp_path / 'card.md', run=tmp_path)
    (tmp_path / 'people.csv').write_text(HEADER + 'synthetic_0000,20,male,drawn\n')
    with pytest.raises(InputError, match='lacks synthetic_0001, synthetic_0002'):
        command(run, tmp_path / 'card.md', people=tmp_path / 'people.csv')
    with pytest.raises(InputError, match='use one of .md'):
        command(run, tmp_path / 'card.html')
    rundir.open_workdir(tmp_path / 'unfinished', config_lib.of_run(run / 'run'))
    with pytest.raises(InputError, match='let the training of .* end first'):
        command(run, tmp_path / 'card.md', run=tmp_path / 'unfinished')
    bundle = models.random_bundle(content=True)
    for kept in (bundle.statistics.class_means, bundle.statistics.counts, bundle.statistics.within_identity):
        kept.pop('smile', None)
    bundle_lib.save(tmp_path / 'unfinished' / 'model.safetensors', bundle)
    with pytest.raises(InputError, match='has both a neutral image and a smile'):
        command(run, tmp_path / 'card.md', run=tmp_path / 'unfinished')
    assert not (tmp_path / 'card.md').exists()
