"""The site: built from the texts and docstrings without a warning, complete, whole, and readable without a network."""

import html.parser
import pathlib
import re
import shutil
import subprocess
import sys
import urllib.parse

import pytest

from launch import build_site

ROOT = pathlib.Path(__file__).parents[1]


class _Page(html.parser.HTMLParser):
    """The anchors and links of a page, and what it loads."""

    def __init__(self, text):
        super().__init__()
        self.anchors, self.links, self.loaded = set(), set(), set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.anchors |= {values[name] for name in ('id', 'name') if values.get(name)}
        if tag == 'a' and values.get('href'):
            self.links.add(values['href'])
        elif tag == 'link' and values.get('href'):
            self.loaded.add(values['href'])
        elif values.get('src'):
            self.loaded.add(values['src'])


def _broken(folder):
    """(page, link) of everything in a site that leads nowhere, or is loaded from elsewhere."""
    pages = {path.resolve(): _Page(path.read_text()) for path in folder.rglob('*.html')}
    for path, page in pages.items():
        for link in sorted(page.links | page.loaded):
            scheme, host, relative, _, anchor = urllib.parse.urlsplit(link)
            if scheme or host:
                if link in page.loaded and scheme != 'data':
                    yield path.name, link
                continue
            target = (path.parent / urllib.parse.unquote(relative)).resolve() if relative else path
            found = target.exists() and target.is_relative_to(folder.resolve())
            if not found or (anchor and urllib.parse.unquote(anchor) not in pages[target].anchors):
                yield path.name, link
    for path in folder.rglob('*.css'):
        for link in re.findall(r'(?:url\(|@import)\s*["\']?(https?://[^"\')]+)', path.read_text()):
            yield path.name, link


@pytest.fixture(scope='module')
def site(tmp_path_factory):
    """The folder of the site, built once."""
    folder = tmp_path_factory.mktemp('site') / 'site'
    command = [sys.executable, ROOT / 'launch' / 'build_site.py', folder]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900)
    assert found.returncode == 0, found.stderr
    assert str(folder / 'index.html') in found.stdout
    return folder


@pytest.mark.slow
def test_every_text_and_every_module_has_a_page(site):
    modules = {path.relative_to(ROOT).with_suffix('') for path in (ROOT / 'fvae_jax').rglob('*.py')}
    modules = {path.parent if path.name == '__init__' else path for path in modules if path.name != '__main__'}
    assert {path.stem for path in (site / 'api').iterdir()} == {'.'.join(path.parts) for path in modules}
    texts = [*ROOT.glob('*.md'), *(ROOT / 'docs').glob('*.md'), ROOT / 'fvae_jax' / 'assets' / 'MODEL_CARD.md']
    for text in texts:
        name = 'index' if text.name == 'README.md' else text.relative_to(ROOT).with_suffix('')
        assert (site / f'{name}.html').exists(), text
    for page in site.rglob('*.html'):
        assert str(ROOT) not in page.read_text(), page


@pytest.mark.slow
def test_every_link_of_the_site_leads_somewhere(site):
    assert list(_broken(site)) == []


@pytest.mark.slow
def test_the_site_in_a_browser(site, open_page):
    """At the width of a desk and of a phone, light and dark; `open_page` refuses whatever comes from a network."""
    page = open_page(site / 'index.html')
    assert page.locator('article img').first.evaluate('image => image.naturalWidth') > 500
    light = page.evaluate('getComputedStyle(document.body).backgroundColor')
    page.emulate_media(color_scheme='dark')
    assert page.evaluate('getComputedStyle(document.body).backgroundColor') != light
    with page.expect_navigation():
        page.locator('.sidebar-tree').get_by_role('link', name='API reference').click()
    for name in ('Editor', 'Editor.edit', 'Editor.interpolate', 'Editor.open', 'InputError', 'load'):
        assert page.locator(f'[id="fvae_jax.{name}"]').is_visible(), name
    page.goto((site / 'api/fvae_jax.editing.still.html').as_uri())
    edit = page.locator('[id="fvae_jax.editing.still.EditablePhoto.edit"]').locator('..')
    assert 'Z_expression' in edit.inner_text()
    page.set_viewport_size({'width': 390, 'height': 844})
    for name in ('index', 'docs/editing', 'docs/design', 'api/fvae_jax.editing.still', 'WORKSPACE'):
        page.goto((site / f'{name}.html').as_uri())
        assert page.evaluate('document.documentElement.scrollWidth') <= 390, name


@pytest.mark.filterwarnings('default')  # of Sphinx's own parts
@pytest.mark.parametrize('text', ['[a](docs/nothing.md)', '[a](docs/page.md#nothing)', '![a](nothing.png)'])
def test_a_warning_stops_the_build(tmp_path, text):
    sources = tmp_path / 'sources'
    (sources / 'docs').mkdir(parents=True)
    for name in ('conf.py', 'site.css', 'logo.svg'):
        shutil.copy(ROOT / 'docs' / name, sources / 'docs')
    (sources / 'docs' / 'page.md').write_text('# A page\n')
    index = '# Title\n\n[right](docs/page.md#a-page)\n\n```{toctree}\ndocs/page\n```\n\n'
    (sources / 'index.md').write_text(index)
    assert build_site.build_site(sources, tmp_path / 'site') == 0
    (sources / 'index.md').write_text(index + text)
    assert build_site.build_site(sources, tmp_path / 'other') == 1 and not (tmp_path / 'other').exists()


@pytest.mark.parametrize(
    'text',
    [
        '<a href="nothing.html">',
        '<a href="#nothing">',
        '<a href="b.html#nothing">',
        '<a href="../../x">',
        '<script src="https://x.org/y.js">',
        '<link rel="stylesheet" href="//x.org/y.css">',
        '<img src="nothing.png">',
    ],
)
def test_a_broken_site_is_found(tmp_path, text):
    right = '<p id="x"><a href="b.html#x"><a href="#x"><a href="https://x.org"><img src="data:image/png;base64,">'
    (tmp_path / 'a.html').write_text(right)
    (tmp_path / 'b.html').write_text('<p id="x">')
    assert list(_broken(tmp_path)) == []
    (tmp_path / 'a.html').write_text(right + text)
    assert len(list(_broken(tmp_path))) == 1


def test_a_style_sheet_that_loads_from_elsewhere_is_found(tmp_path):
    (tmp_path / 'a.css').write_text('@import "https://fonts.org/x.css"; p { background: url(data:image/png;base64,) }')
    assert list(_broken(tmp_path)) == [('a.css', 'https://fonts.org/x.css')]


def test_docstrings_mean_the_same():
    """Markdown in, reStructuredText out, by the settings of the site."""
    namespace = {}
    exec((ROOT / 'docs' / 'conf.py').read_text(), namespace)

    def translated(text):
        lines = text.split('\n')
        namespace['_translate'](None, '', '', None, None, lines)
        return '\n'.join(lines).rstrip()

    assert translated('|i - j| and 2 * `a * b`, *so*, latent_') == '\\|i - j\\| and 2 \\* `a * b`, *so*, latent\\_'
    assert translated('* One `Error`s\n* two') == '* One `Error`\\ s\n* two'
    assert (
        translated('So:\n\n    x = a * b\n\n    y = 1\n\nand |') == 'So:\n\n::\n\n    x = a * b\n\n    y = 1\n\nand \\|'
    )
    assert translated('Args:\n  x: A *b*.\n    c') == 'Args:\n  x: A *b*.\n    c'
