"""Builds the site, the texts and the API reference: python launch/build_site.py [FOLDER]

The folder, build/site unless given, is made new. Its pages need no network and no server: open index.html. Whatever
Sphinx warns of is an error.
"""

import pathlib
import pkgutil
import re
import shutil
import sys
import tempfile

from sphinx.cmd import build

import fvae_jax

ROOT = pathlib.Path(__file__).resolve().parents[1]
# What the sidebar lists, by the question that a reader comes with.
QUESTIONS = {
    'I want to edit': {'Photos and films': 'docs/editing', 'In the browser, in other programs': 'docs/page'},
    'I want to train': {
        'On my own photos': 'docs/training',
        'On many devices': 'docs/scaling',
        'What if it is killed?': 'docs/reliability',
    },
    'How good is it?': {
        'The built-in model': 'fvae_jax/assets/MODEL_CARD',
        'Beside the paper': 'docs/paper',
        'How fast?': 'docs/speed',
    },
    'How does it work?': {
        'Design': 'docs/design',
        'API reference': 'api/fvae_jax',
        'What was learned': 'docs/notes',
        'Map of the repository': 'WORKSPACE',
        'Contributing': 'CONTRIBUTING',
        'Changes': 'CHANGELOG',
    },
}


def gather(sources: pathlib.Path) -> None:
    """Lays out what Sphinx reads: the texts as they lie in the repository, the README as the first page, the API."""
    shutil.copytree(ROOT / 'docs', sources / 'docs', ignore=shutil.ignore_patterns('__pycache__'))
    shutil.copytree(ROOT / 'examples', sources / 'examples', ignore=shutil.ignore_patterns('__pycache__'))
    others = ('CITATION.cff', 'launch/colab_demo.ipynb', 'fvae_jax/assets/MODEL_CARD.md')
    for name in (*others, *(path.name for path in ROOT.glob('*.md'))):
        (sources / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, sources / name)
    (sources / 'README.md').rename(sources / 'index.md')
    for page in sources.rglob('*.md'):
        page.write_text(re.sub(r'(\]\((?:\.\./)*)README\.md', r'\1index.md', page.read_text()))
    with open(sources / 'index.md', 'a') as index:
        for question, pages in QUESTIONS.items():
            entries = '\n'.join(f'{title} <{page}>' for title, page in pages.items())
            index.write(f'\n```{{toctree}}\n:hidden:\n:caption: "{question}"\n\n{entries}\n```\n')
    (sources / 'api').mkdir()
    write_api(sources / 'api', 'fvae_jax', fvae_jax.__path__)


def write_api(folder: pathlib.Path, name: str, parts: list[str] | None) -> None:
    """Writes the page of a module, and those of a package's parts."""
    text = f'{name}\n{"=" * len(name)}\n\n.. automodule:: {name}\n'
    if name == 'fvae_jax':  # what most people use, whole
        text += '   :inherited-members: BaseException\n'
    found = [(part.name, part.ispkg) for part in pkgutil.iter_modules(parts or ()) if part.name != '__main__']
    if found:
        listed = '\n'.join(f'   {name}.{part}' for part, _ in found)
        text += f'\n.. rubric:: Modules\n\n.. toctree::\n   :titlesonly:\n\n{listed}\n'
    (folder / f'{name}.rst').write_text(text)
    for part, is_package in found:
        within = [str(pathlib.Path(path) / part) for path in parts or ()]
        write_api(folder, f'{name}.{part}', within if is_package else None)


def build_site(sources: pathlib.Path, folder: pathlib.Path) -> int:
    """Builds a site from a tree that `gather` laid out; returns Sphinx's exit status, which warnings make 1."""
    temporary = folder.with_name(f'.{folder.name}.tmp')
    shutil.rmtree(temporary, ignore_errors=True)
    with tempfile.TemporaryDirectory() as doctrees:
        options = ['-W', '--keep-going', '-c', str(sources / 'docs'), '-d', doctrees]
        if status := build.main([*options, str(sources), str(temporary)]):
            return status
    shutil.rmtree(folder, ignore_errors=True)
    temporary.rename(folder)
    return 0


def main() -> int:
    """Builds the site; returns the exit status."""
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / 'build' / 'site'
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        gather(pathlib.Path(work))
        status = build_site(pathlib.Path(work), folder)
    if not status:
        print(f'site: {folder / "index.html"}')
    return status


if __name__ == '__main__':
    sys.exit(main())
