"""The smaller sets of launch/how_much_data.py: fewer people train, the others are those of the whole set."""

import ast
import csv

import pytest

from fvae_jax import config as config_lib
from fvae_jax.data import index, lips, people
from launch import how_much_data

NAMES = [f'person_{number:03}' for number in range(82)]
DEFAULTS = config_lib.default_config().data


def _split(names, settings=()):
    """As a training with these settings divides people."""
    data = {'test_people': (), 'validation_share': DEFAULTS.validation_share}
    for setting in settings:
        field, _, value = setting.removeprefix('--config.data.').partition('=')
        data[field] = ast.literal_eval(value)
    return people.split_identities(sorted(names), DEFAULTS.test_share, data['validation_share'], data['test_people'])


@pytest.mark.parametrize('count', how_much_data.COUNTS)
def test_fewer_people_train_and_the_same_validate_and_test(count):
    whole = _split(NAMES)
    kept, settings = how_much_data.fewer(whole._asdict(), count)
    part = _split(kept, settings)
    assert len(part.train) == count and set(part.train) < set(whole.train)
    assert (part.validation, part.test) == (whole.validation, whole.test)
    assert _split(kept).test != whole.test  # without the settings


def test_the_smaller_numbers_are_among_the_larger():
    whole = _split(NAMES)._asdict()
    ten, twenty, forty = (how_much_data.fewer(whole, count)[0] for count in how_much_data.COUNTS)
    assert ten < twenty < forty < set(NAMES)


def test_a_part_is_a_folder_to_train_on(tmp_path):
    data = tmp_path / 'data'
    (data / 'photos').mkdir(parents=True)
    with open(data / 'index.csv', 'w', newline='') as file:
        writer = csv.writer(file)
        writer.writerow(['path', 'identity', 'expression', 'age'])
        for name in NAMES[:4]:
            writer.writerow([f'photos/{name}.jpg', name, 'neutral', 30])
            (data / 'photos' / f'{name}.jpg').write_text(name)
    for _ in range(2):  # started again
        how_much_data.write_part(data, tmp_path / 'part', NAMES[1:3])
    entries = index.read_roots(str(tmp_path / 'part'))
    assert [(entry.identity, (entry.root / entry.file).read_text()) for entry in entries] == [
        (n, n) for n in NAMES[1:3]
    ]
    assert len(list((tmp_path / 'part' / 'photos').iterdir())) == 2


def test_a_part_takes_along_what_its_rows_name(tmp_path):
    """Flows, what they start from, strengths and lips: the part reads as the whole does of these people."""
    data, part = tmp_path / 'data', tmp_path / 'part'
    (data / 'flows').mkdir(parents=True)
    table = ['Path;identity;expression;strength;origin;flow;reference']
    for name in NAMES[:3]:
        table += [
            f'{name}.jpg;{name};smile;1;real;;',
            f'{name}_wink.jpg;{name};wink;0,9;synthetic;flows/{name}.npz;{name}.jpg',
        ]
        for file in (f'{name}.jpg', f'{name}_wink.jpg', f'flows/{name}.npz'):
            (data / file).write_text(file)
    (data / 'index.csv').write_text('\n'.join(table))
    contours = [[f'{name}.jpg', *range(len(lips.COLUMNS))] for name in NAMES[:3]]
    how_much_data.write_table(data / lips.FILE, [['path', *lips.COLUMNS], *contours])
    how_much_data.write_part(data, part, NAMES[1:3])
    of_part, of_whole = (index.read_roots(str(root)) for root in (part, data))
    assert [entry._replace(root=data) for entry in of_part] == [
        entry for entry in of_whole if entry.identity != NAMES[0]
    ]
    for entry in of_part:
        assert all((part / file).read_text() == file for file in (entry.file, entry.flow) if file)
    assert len([path for path in part.rglob('*') if path.is_file()]) == 2 * 3 + 2
