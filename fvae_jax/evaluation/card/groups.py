"""Who the people of a run are, by gender, ethnicity and age, and how a model does on each group of them."""

import pathlib
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from fvae_jax.data import table
from fvae_jax.data.people import Split
from fvae_jax.errors import InputError
from fvae_jax.evaluation.statistics import bootstrap_interval
from fvae_jax.evaluation.tables import Cell, Column, Row, Table

COLUMNS = ('identity', 'age', 'gender', 'ethnicity')
UNKNOWN = 'unknown'
TOO_FEW = 'too few to judge'
FEWEST = 3  # test people of a group that is judged

_FACTS = ('gender', 'ethnicity', 'age')
_EXPECTED = f'expected columns {", ".join(COLUMNS)}'
_BLANKS = {'', 'na', 'n/a', 'nan', 'none', UNKNOWN}
_BANDS = ((0, 17), (18, 29), (30, 44), (45, 150))  # years
_NAMED = 10  # people in an error, at most


# {fact: value}: gender and ethnicity as the table has them, in lower case, and the band of the age, '18–29'; `UNKNOWN`
# where it says nothing.
Person = dict[str, str]


# What gives the cell of a group: of its people.
Measure = Callable[[set[str]], Cell]


def mean_over(people: Sequence[str], parts: np.ndarray, wholes: np.ndarray | None = None) -> Measure:
    """Gives the mean over some people's cases, or the ratio of two means, with its 95 % interval over people.

    Args:
      people: Whose each case is, (cases,).
      parts: (cases,).
      wholes: (cases,); None for a mean.
    """
    people = np.asarray(people)

    def of(chosen: set[str]) -> Cell:
        here = np.isin(people, sorted(chosen))
        return bootstrap_interval(parts[here], people[here], None if wholes is None else wholes[here])

    return of


def read_people(path: pathlib.Path) -> dict[str, Person]:
    """Reads a table of people.

    Args:
      path: A CSV with `COLUMNS`; others do not count. A person may have several rows if they agree.

    Returns:
      People by name.

    Raises:
      InputError: The file is missing, is no such table, or says two things of a person.
    """
    people: dict[str, Person] = {}
    try:
        for row in table.read(path, f"people '{path}': a table", COLUMNS, _EXPECTED):
            facts = {column: row.text(column) for column in COLUMNS}
            _note(people, facts, f"people '{path}', line {row.line}")
    except OSError as error:
        raise InputError(
            f"people '{path}' cannot be read ({error.strerror}); name a CSV with the columns {', '.join(COLUMNS)}"
        ) from error
    return people


def _note(people: dict[str, Person], row: Mapping[str, str], where: str) -> None:
    """Adds what a row says to what the rows above said of the same person."""
    if not row['identity']:
        raise InputError(f"{where}: the column 'identity' is empty")
    facts = {fact: UNKNOWN if row[fact].lower() in _BLANKS else row[fact].lower() for fact in _FACTS}
    facts['age'] = _band(facts['age'], where)
    known = people.setdefault(row['identity'], facts)
    for fact, value in facts.items():
        if known[fact] == UNKNOWN:
            known[fact] = value
        elif value not in (UNKNOWN, known[fact]):
            raise InputError(
                f"{where}: {fact} of '{row['identity']}' is '{value}', and '{known[fact]}' in a row above; give every "
                'row of a person the same'
            )


def _band(age: str, where: str) -> str:
    if age == UNKNOWN:
        return age
    for youngest, oldest in _BANDS:
        if age.replace('.', '', 1).isdecimal() and youngest <= int(float(age)) <= oldest:
            return f'{youngest}+' if oldest == _BANDS[-1][1] else f'{youngest}–{oldest}'
    raise InputError(f"{where}: age is '{age}'; give years, or NA where it is not known")


def check(people: Mapping[str, Person], split: Split, path: pathlib.Path) -> None:
    """Raises `InputError` if a person of the run is not in the table."""
    missing = sorted({name for part in split for name in part} - set(people))
    if missing:
        more = f' and {len(missing) - _NAMED} more' if len(missing) > _NAMED else ''
        raise InputError(
            f"people '{path}' lacks {', '.join(missing[:_NAMED])}{more}, who are people of the run; give each a row"
        )


def divide(people: Mapping[str, Person], names: Sequence[str]) -> dict[str, set[str]]:
    """Divides people in every way.

    Returns:
      {'gender: female': their names}, ordered by gender, ethnicity, age; what is unknown comes last.
    """
    groups: dict[str, set[str]] = {}
    for fact in _FACTS:
        values = {people[name][fact] for name in names}
        for value in sorted(values, key=lambda value: (value == UNKNOWN, value)):
            groups[f'{fact}: {value}'] = {name for name in names if people[name][fact] == value}
    return groups


def composition(people: Mapping[str, Person], split: Split) -> Table:
    """Counts the people of each part by groups."""
    groups = divide(people, [name for part in split for name in part])
    rows = []
    for label, members in groups.items():
        counts = [len(members & set(part)) for part in split]
        rows.append(Row(label, [100 * counts[0] / len(split.train), *counts]))
    columns = [Column('share', '% of the training people', 0), *(Column(name, 'people', 0) for name in split._fields)]
    caption = 'Everyone of the set, as its table of people says.'
    return Table('composition', 'Who the people are', caption, columns, rows, row_heading='group')


def comparison(
    people: Mapping[str, Person], split: Split, pairs: Sequence[str], measures: Mapping[Column, Measure]
) -> Table:
    """Compares groups of test people.

    Args:
      people: Their facts.
      split: The division of the set; groups that only train are shown, and not judged.
      pairs: Whose each pair is that was measured.
      measures: What is compared, by its place in the table; one or more.
    """
    groups = {'everyone': set(pairs), **divide(people, [name for part in split for name in part])}
    rows = []
    for label, members in groups.items():
        chosen = members & set(pairs)
        if len(chosen) >= FEWEST:
            values = [measure(chosen) for measure in measures.values()]
        else:
            values = [TOO_FEW, *[None] * (len(measures) - 1)]
        rows.append(Row(label, [len(chosen), sum(person in chosen for person in pairs), *values]))
    columns = [Column('people', '', 0), Column('pairs', '', 0), *measures]
    caption = (
        f'Test people; means over pairs with 95 % intervals over people. Groups of fewer than {FEWEST} test '
        f'people are {TOO_FEW}. Intervals of few people are too narrow, and no test of a difference between groups.'
    )
    return Table('groups', 'Groups', caption, columns, rows, row_heading='group')
