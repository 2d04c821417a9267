"""The drawing of docs/design.md: its files exist, and each calls those that are drawn within it."""

import pathlib
import xml.etree.ElementTree as ElementTree

import pytest
from test_repository import PACKAGE, _graph, _modules

DRAWING = PACKAGE.parent / 'docs' / 'ways.svg'
_GROUP, _TEXT = '{http://www.w3.org/2000/svg}g', '{http://www.w3.org/2000/svg}text'


def _calls(drawing):
    """(file, file that it calls) of all groups that lie in another one."""
    for group in drawing.findall(_GROUP):
        for inner in group.findall(_GROUP):
            yield pathlib.Path(group.get('data-file')), pathlib.Path(inner.get('data-file'))


def _wrong(drawing, graph):
    return [call for call in _calls(drawing) if call[1] not in graph.get(call[0], ())]


@pytest.fixture(scope='module')
def drawing():
    return ElementTree.parse(DRAWING).getroot()


@pytest.fixture(scope='module')
def graph():
    return _graph({path.relative_to(PACKAGE): path.read_text() for path in _modules()})


def test_files_call_those_that_are_drawn_within_them(drawing, graph):
    assert len(list(_calls(drawing))) > 15
    assert _wrong(drawing, graph) == []


def test_what_is_written_is_the_file(drawing):
    for group in drawing.iter(_GROUP):
        written = ''.join(''.join(text.itertext()) for text in group.findall(_TEXT))
        assert written.startswith(group.get('data-file'))


def test_every_way_is_followed_in_the_text(drawing):
    text = (PACKAGE.parent / 'docs' / 'design.md').read_text()
    for group in drawing.iter(_GROUP):
        assert f'`{group.get("data-file")}`' in text, group.get('data-file')


def test_a_call_that_is_none_is_found(graph):
    drawn = '<svg xmlns="http://www.w3.org/2000/svg"><g data-file="ops/warp.py"><g data-file="cli/edit.py"/></g></svg>'
    assert len(_wrong(ElementTree.fromstring(drawn), graph)) == 1
