"""The texts: every relative link, anchor and picture leads somewhere, and so does every title that code refers to."""

import pathlib
import re
import urllib.parse
from collections.abc import Iterator

import pytest

ROOT = pathlib.Path(__file__).parents[1]
PAGES = [*sorted(ROOT.glob('*.md')), *sorted((ROOT / 'docs').glob('*.md')), ROOT / 'fvae_jax/assets/MODEL_CARD.md']
# Limits of size, in bytes: who reads these has ten minutes.
SIZES = {'README.md': 10_240, 'WORKSPACE.md': 8_192}
PICTURES = 600_000  # bytes of all pictures of a page


def _prose(text: str) -> str:
    """A page without its code."""
    text = re.sub(r'(?ms)^```.*?^```$', '', text)
    return re.sub(r'`[^`\n]*`', '', re.sub(r'(?m)(?<=\n\n)(?: {4}[^\n]*\n(?:\n(?= {4}))?)+', '', text))


def _titles(text: str) -> list[str]:
    return re.findall(r'(?m)^#+ +(.+?) *$', re.sub(r'(?ms)^```.*?^```$', '', text))


def _anchors(text: str) -> set[str]:
    """What a title is called in an address, as GitHub makes it: repeated ones are numbered."""
    found: dict[str, int] = {}
    anchors = set()
    for title in _titles(text):
        name = re.sub(r'[^\w\- ]', '', title.lower()).replace(' ', '-')
        found[name] = found.get(name, -1) + 1
        anchors.add(f'{name}-{found[name]}' if found[name] else name)
    return anchors


def _broken(page: pathlib.Path, text: str) -> Iterator[str]:
    """The links of a page that lead nowhere."""
    for link in re.findall(r'\]\(([^)\s]+)\)', _prose(text)):
        if re.match(r'https?://|mailto:', link):
            continue
        path, _, anchor = urllib.parse.unquote(link).partition('#')
        target = page.parent / path if path else page
        found = target.exists() and target.resolve().is_relative_to(ROOT)
        if not found or (anchor and anchor not in _anchors(text if target == page else target.read_text())):
            yield link


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page):
    assert list(_broken(page, page.read_text())) == []


def test_every_page_is_reached_from_the_readme():
    links = {link.partition('#')[0] for link in re.findall(r'\]\(([^)\s]+)\)', (ROOT / 'README.md').read_text())}
    assert {page.relative_to(ROOT).as_posix() for page in PAGES} - {'README.md'} <= links


@pytest.mark.parametrize(
    'link', ['nothing.md', '#nothing', 'training.md#own-dat', '../fvae_jax/nothing.py', '../../x.md', 'nothing.png']
)
def test_a_broken_link_is_found(link):
    page = ROOT / 'docs' / 'editing.md'
    assert list(_broken(page, f'# Title\n\nSee [it]({link}).\n')) == [link]


def test_whole_links_and_code_are_left_alone():
    page = ROOT / 'docs' / 'editing.md'
    text = '# Title, twice\n\n# Title, twice\n\n[a](#title-twice-1) [b](training.md#own-data) `[c](d)`\n\n    [e](f)\n'
    assert list(_broken(page, text)) == []


def _references(source: str) -> list[tuple[str, str]]:
    """(page, title) of every mention such as: docs/training.md, "Own data"."""
    return re.findall(r'\b(README(?:\.md)?|WORKSPACE\.md|docs/\w+\.md), \\?"([^"\\\n]+)\\?"', source)


def test_titles_that_code_refers_to_exist():
    count = 0
    for folder in ('fvae_jax', 'configs', 'examples', 'launch', 'tests'):
        for path in (ROOT / folder).rglob('*'):
            if path.suffix not in ('.py', '.sh', '.ipynb', '.md') or path == pathlib.Path(__file__):
                continue
            for page, title in _references(path.read_text()):
                target = ROOT / (page if page.endswith('.md') else f'{page}.md')
                assert title in _titles(target.read_text()), f'{path}: {page}, "{title}"'
                count += 1
    assert count > 8


def test_a_reference_is_found():
    assert _references('x (see docs/training.md, "Own data") and README, "Limits"') == [
        ('docs/training.md', 'Own data'),
        ('README', 'Limits'),
    ]


@pytest.mark.parametrize('name', SIZES)
def test_the_first_pages_stay_short(name):
    assert (ROOT / name).stat().st_size <= SIZES[name]


def _pictures(page: pathlib.Path) -> set[pathlib.Path]:
    return {page.parent / link for link in re.findall(r'!\[[^]]*\]\(([^)\s]+)\)', page.read_text())}


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_pictures_of_a_page_stay_small(page):
    assert sum(picture.stat().st_size for picture in _pictures(page)) <= PICTURES


def test_every_picture_is_shown_or_is_a_source_of_one():
    shown = {picture.resolve() for page in PAGES for picture in _pictures(page)}
    assert len(shown) > 8
    sources = {ROOT / 'docs' / f'composite_{name}.jpg' for name in ('face', 'east_asian', 'african', 'west_asian')}
    found = {path for path in (ROOT / 'docs').iterdir() if path.suffix in ('.jpg', '.png', '.svg')}
    assert found == shown | sources | {ROOT / 'docs' / 'logo.svg'}
