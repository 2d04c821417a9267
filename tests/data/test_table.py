"""Tables as spreadsheets write them: of photos, of lips, of people."""

import os

import pytest

from fvae_jax.data import index, lips, table
from fvae_jax.errors import InputError
from fvae_jax.evaluation.card import groups

LIPS = [f'{axis}{i}' for i in range(lips.POINTS) for axis in 'xy']
SPREADSHEETS = {
    'commas': (',', str, '\n', '.'),
    'semicolons, decimal commas': (';', str, '\n', ','),
    'spaces': (' , ', str, '\n', '.'),
    'capitals': (',', str.title, '\n', '.'),
    'tabs': ('\t', str.upper, '\r\n', ','),
    'quotes': (';', '"{}"'.format, '\r\n\r\n', '.'),
}


@pytest.fixture(params=SPREADSHEETS.values(), ids=SPREADSHEETS)
def write(request, tmp_path):
    """Writes a table as somebody's spreadsheet does."""
    separator, style, end, decimal = request.param

    def of(name, columns, *rows):
        numbers = [
            [str(cell).replace('.', decimal) if isinstance(cell, float) else cell for cell in row] for row in rows
        ]
        lines = [separator.join(map(style, columns)), *(separator.join(map(str, row)) for row in numbers)]
        (tmp_path / name).write_text(end.join(lines) + end, encoding='utf-8-sig', newline='')
        return tmp_path / name

    return of


def test_tables_of_spreadsheets(write, tmp_path):
    contour = [i + 0.25 for i in range(2 * lips.POINTS)]
    columns = ('path', 'identity', 'expression', 'strength', 'note')
    write('index.csv', columns, ('a.jpg', 'Zoë', 'smile', 0.5, 'x'))
    write('lips.csv', ('path', *LIPS), ('a.jpg', *contour))
    (entry,) = index.read_roots(str(tmp_path))
    assert (entry.file, entry.identity, entry.expression, entry.strength) == ('a.jpg', 'Zoë', 'smile', 0.5)
    assert entry.lips == tuple(contour)
    people = write('people.csv', groups.COLUMNS, ('ann', 30, 'female', 'white'))
    assert groups.read_people(people)['ann']['gender'] == 'female'


@pytest.mark.parametrize('name', ['index.csv', 'lips.csv', 'people.csv'])
def test_what_is_no_table_says_so_in_one_line(tmp_path, name):
    path = tmp_path / name
    (tmp_path / 'index.csv').write_text('path,identity,expression\na.jpg,ann,neutral\n')

    def refused():
        with pytest.raises(InputError) as error:
            index.read_roots(str(tmp_path)) if name != 'people.csv' else groups.read_people(path)
        assert '\n' not in str(error.value) and 'expected columns' in str(error.value)
        return str(error.value)

    path.write_text('File;Name;Mood\na.jpg;ann;neutral\n')
    assert '(it has file, name, mood)' in refused()
    path.write_bytes('path,identity,expression\na.jpg,Zoë,smile\n'.encode('latin-1'))
    assert 'not a UTF-8 table' in refused()
    with open(path, 'wb') as file:
        file.truncate(2**30)
    assert 'of more than 64 MB' in refused()
    path.unlink()
    os.mkfifo(path)
    assert 'that is not a file' in refused()


def test_a_row_that_is_short_has_empty_cells(tmp_path):
    (tmp_path / 'a.csv').write_text('path,x0\n\na.jpg\nb.jpg, 3.5 ,more\n')
    short, long = table.read(tmp_path / 'a.csv', 'a', ('path',), 'b')
    assert (short.line, short.text('x0'), long.number('x0'), long.text('none')) == (3, '', 3.5, '')
    with pytest.raises(ValueError):
        short.number('x0')
