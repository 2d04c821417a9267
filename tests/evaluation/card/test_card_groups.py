"""People by gender, ethnicity and age: tables that are read, and groups that are compared."""

import numpy as np
import pytest
from evaluation.card.drawn_people import cells

from fvae_jax.data.people import Split
from fvae_jax.errors import InputError
from fvae_jax.evaluation.card import groups
from fvae_jax.evaluation.tables import Column

HEADER = 'identity,age,gender,ethnicity\n'


def person(gender, ethnicity, age):
    return {'gender': gender, 'ethnicity': ethnicity, 'age': age}


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
        'a': person('female', 'white', '18–29'),
        'b': person('male', 'x/y', '45+'),
        'c': person('male', 'white', '0–17'),
        'd': person('unknown', 'white', 'unknown'),
        'e': person('male', 'white', '18–29'),
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
        ('identity,age,gender\n', "without the column 'ethnicity' (it has identity, age, gender)"),
        ('', "without the column 'identity'"),
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
    people = {name: person('female' if name in 'abcx' else 'male', 'white', '18–29') for name in 'abcdexy'}
    split = Split(('x', 'y'), (), tuple('abcde'))
    who = list('aabbccddee')
    gain = np.asarray([1.0, 1, 2, 2, 3, 3, 10, 10, 10, 10])
    measures = {
        Column('gain'): (who, gain, None),
        Column('LPIPS'): 'not there',
        Column('share'): (list('abcde'), np.asarray([1.0, 2, 3, 0, 0]), np.full(5, 4.0)),
    }
    found = cells(groups.comparison(people, split, who, measures))
    assert found['everyone']['gain']['mean'] == 5.2 and found['everyone']['pairs']['mean'] == 10
    women = found['gender: female']
    assert [women[name]['mean'] for name in ('people', 'pairs', 'gain', 'share')] == [3, 6, 2, 0.5]
    assert 1 <= women['gain']['low'] < 2 < women['gain']['high'] <= 3 and women['LPIPS'] == 'not there'
    men = found['gender: male']
    assert men['people']['mean'] == 2 and men['gain'] == groups.TOO_FEW and men['share'] is None
    made_of = cells(groups.composition(people, split))['gender: male']
    assert made_of['share, % of the training people']['mean'] == 50 and made_of['test, people']['mean'] == 2
