"""Who the people of a run are, by gender, ethnicity and age, and how a model does on each group of them."""

import pathlib
from collections.abc import Mapping, Sequence

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
# Whose each case is, its number and, for a ratio of two means, what there was to reach, (cases,) each; or a text where
# nothing could be measured.
Measure = tuple[Sequence[str], np.ndarray, np.ndarray | None] | str


def read_people(path: pathlib.Path) -> dict[str, Person]:
    """Reads a CSV with `COLUMNS`, where others do not count; returns people by name.

    A person may have several rows if they agree.

    Raises:
      InputError: The file is missing, is no such table, or says two things of a person.
    """
    people: dict[str, Person] = {}
    try:
        for row in table.read(path, f"people '{path}': a table", COLUMNS, _EXPECTED):
            _note(people, row, f"people '{path}', line {row.line}")
    except OSError as error:
        raise InputError(
            f"people '{path}' cannot be read ({error.strerror}); name a CSV with the columns {', '.join(COLUMNS)}"
        ) from error
    return people


def _note(people: dict[str, Person], row: table.Row, where: str) -> None:
    """Adds what a row says to what the rows above said of the same person."""
    name = row.text('identity')
    if not name:
        raise InputError(f"{where}: the column 'identity' is empty")
    said = {fact: row.text(fact).lower() for fact in _FACTS}
    facts = {fact: UNKNOWN if value in _BLANKS else value for fact, value in said.items()}
    facts['age'] = _band(facts['age'], where)
    known = people.setdefault(name, facts)
    for fact, value in facts.items():
        if known[fact] == UNKNOWN:
            known[fact] = value
        elif value not in (UNKNOWN, known[fact]):
            raise InputError(
                f"{where}: {fact} of '{name}' is '{value}', and '{known[fact]}' in a row above; give every "
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
    """Divides people: {'gender: female': their names}, ordered by gender, ethnicity, age; the unknown come last."""
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
    """Compares groups of test people in one or more measures, each by its place in the table.

    Groups that only train are shown, and not judged; `pairs` says whose each pair is that was measured.
    """
    groups = {'everyone': set(pairs), **divide(people, [name for part in split for name in part])}
    rows = []
    for label, members in groups.items():
        chosen = members & set(pairs)
        if len(chosen) >= FEWEST:
            values = [_mean_over(chosen, measure) for measure in measures.values()]
        else:
            values = [TOO_FEW, *[None] * (len(measures) - 1)]
        rows.append(Row(label, [len(chosen), sum(person in chosen for person in pairs), *values]))
    columns = [Column('people', '', 0), Column('pairs', '', 0), *measures]
    caption = (
        f'Test people; means over pairs with 95 % intervals over people. Groups of fewer than {FEWEST} test '
        f'people are {TOO_FEW}. Intervals of few people are too narrow, and no test of a difference between groups.'
    )
    return Table('groups', 'Groups', caption, columns, rows, row_heading='group')


def _mean_over(chosen: set[str], measure: Measure) -> Cell:
    """The mean over some people's cases, or the ratio of two means, with its 95 % interval over people."""
    if isinstance(measure, str):
        return measure
    people, parts, wholes = measure
    here = np.isin(people, sorted(chosen))
    return bootstrap_interval(parts[here], np.asarray(people)[here], None if wholes is None else wholes[here])
