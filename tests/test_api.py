"""The package as a library: everything public is annotated and documented, and `help(fvae_jax)` serves."""

import ast
import pathlib
import pydoc
import subprocess
import sys

import films
import pytest
import skimage.data
from PIL import Image

import fvae_jax
from configs import synthetic
from fvae_jax.data import align
from fvae_jax.ops.frame import TIGHT

ROOT = pathlib.Path(__file__).parents[1]
PACKAGE = ROOT / 'fvae_jax'
# What overrides a method of another library, which documents it.
FOREIGN = {('Module', 'setup'), ('ArgumentParser', 'error')}


def _is_special(name):
    return name.startswith('__') and name.endswith('__')


def _is_public(name):
    return not name.startswith('_') or _is_special(name)


def _base_names(node):
    """Names of the bases of a class, without the modules they come from."""
    return [base.attr if isinstance(base, ast.Attribute) else getattr(base, 'id', '') for base in node.bases]


def _is_documented(node, owner, classes):
    """Whether a function has a docstring, itself or from a class that its own class derives from."""
    if ast.get_docstring(node):
        return True
    for base in _base_names(owner) if owner else []:
        if (base, node.name) in FOREIGN:
            return True
        for parent in classes.get(base, []):
            for inherited in parent.body:
                same = isinstance(inherited, ast.FunctionDef) and inherited.name == node.name
                if same and _is_documented(inherited, parent, classes):
                    return True
    return False


def _signature_gaps(node, owner):
    given = node.args
    named = given.posonlyargs + given.args + given.kwonlyargs
    static = any(getattr(decorator, 'id', '') == 'staticmethod' for decorator in node.decorator_list)
    if owner and not static:
        named = named[1:]  # self or cls
    for argument in [*named, *filter(None, (given.vararg, given.kwarg))]:
        if argument.annotation is None:
            yield f'{node.name} has no type for {argument.arg}'
    if node.returns is None and node.name != '__init__':
        yield f'{node.name} has no type for what it returns'


def _gaps(tree, classes, owner=None):
    """What the public functions and classes of a module or class lack."""
    for node in tree.body:
        if not isinstance(node, (ast.FunctionDef, ast.ClassDef)) or not _is_public(node.name):
            continue
        if isinstance(node, ast.ClassDef):
            if not ast.get_docstring(node):
                yield f'{node.name} has no docstring'
            yield from (f'{node.name}.{gap}' for gap in _gaps(node, classes, node))
            continue
        yield from _signature_gaps(node, owner)
        if not _is_special(node.name) and not _is_documented(node, owner, classes):
            yield f'{node.name} has no docstring'


def _classes(trees):
    found = {}
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                found.setdefault(node.name, []).append(node)
    return found


def test_everything_public_is_annotated_and_documented():
    trees = {path.relative_to(ROOT).as_posix(): ast.parse(path.read_text()) for path in PACKAGE.rglob('*.py')}
    classes = _classes(trees.values())
    gaps = [f'{path}: {gap}' for path, tree in trees.items() for gap in _gaps(tree, classes)]
    gaps += [f'{path}: no docstring' for path, tree in trees.items() if not ast.get_docstring(tree)]
    assert not gaps, '\n' + '\n'.join(sorted(gaps))


@pytest.mark.parametrize(
    'source',
    [
        'def f() -> int: pass',
        'def f(a) -> int:\n  "F."',
        'def f(a: int):\n  "F."',
        'def f(*a, **b: int) -> int:\n  "F."',
        'def f(*, a) -> int:\n  "F."',
        'class C: pass',
        'class C:\n  "C."\n  def f(self) -> int: pass',
        'class C:\n  "C."\n  def __len__(self): pass',
        'class C:\n  "C."\n  @staticmethod\n  def f(a) -> int:\n    "F."',
        'class B:\n  "B."\nclass C(B):\n  "C."\n  def f(self) -> int: pass',
    ],
)
def test_what_is_missing_is_found(source):
    tree = ast.parse(source)
    assert len(list(_gaps(tree, _classes([tree])))) == 1


@pytest.mark.parametrize(
    'source',
    [
        'def _f(a): pass',
        'class C:\n  "C."\n  def __init__(self, a: int): pass',
        'class B:\n  "B."\n  def f(self) -> int:\n    "F."\nclass C(B):\n  "C."\n  def f(self) -> int: pass',
        'class C(nn.Module):\n  "C."\n  def setup(self) -> None: pass',
    ],
)
def test_what_need_not_be_said(source):
    tree = ast.parse(source)
    assert not list(_gaps(tree, _classes([tree])))


def test_type_checkers_may_look():
    assert (PACKAGE / 'py.typed').read_bytes() == b''


def test_help():
    """In a process of its own: `help` lists what is not imported yet."""
    code = 'import pydoc, fvae_jax; print(pydoc.render_doc(fvae_jax, renderer=pydoc.plaintext))'
    text = subprocess.run([sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for words in (
        'fvae_jax.load()',
        '.edit(smile=1.0)',
        'editor.interpolate(',
        'experiment.train(',
        'class Editor',
        'class InputError',
        'load(path',
        'interpolate(self, first',
    ):
        assert words in text, words
    assert set(fvae_jax.__all__) <= set(dir(fvae_jax))
    for name in fvae_jax.__all__:
        assert pydoc.getdoc(getattr(fvae_jax, name)), name


def test_the_lines_in_help_run(tmp_path, set_cache, copy_run, monkeypatch):
    """All blocks of the docstring, one after the other; the film and the training as short as they can be."""
    lines = [line[4:] for line in fvae_jax.__doc__.splitlines() if line.startswith('    ')]
    photo = skimage.data.astronaut()
    for name in ('me', 'a', 'b'):
        Image.fromarray(photo).save(tmp_path / f'{name}.jpg')
    films.write(tmp_path / 'clip.mp4', [photo[:300, 80:400]] * 4)
    config = synthetic.get_config('tiny')
    config.data.cache = str(set_cache)
    copy_run(tmp_path / 'runs' / 'mine')  # which lacks its last piece
    (tmp_path / 'runs' / 'mine' / 'model.safetensors').unlink()
    face = align.main_face(align.detect_faces(photo))
    names = {
        'frames': [],
        'crop': align.align_crop(photo, align.crop_transform(face.landmarks, 128, TIGHT), 128),
        'config': config,
    }
    monkeypatch.chdir(tmp_path)
    exec(compile('\n'.join(lines).replace('frames=30', 'frames=2'), 'help(fvae_jax)', 'exec'), names)
    assert names['displacement'].shape == (128, 128, 2)
    for made in ('smiling.png', 'happier.mp4', 'morph.mp4', 'runs/mine/model.safetensors'):
        assert (tmp_path / made).is_file()
