"""Writes the API reference, HTML pages made from the docstrings: python launch/api_reference.py [FOLDER]

The folder, build/api unless given, is made new. Pages need no network, no server. What pdoc complains of is an error.
"""

import importlib
import pathlib
import pkgutil
import shutil
import sys
import warnings

import pdoc
import pdoc.render

import fvae_jax

ROOT = pathlib.Path(__file__).resolve().parents[1]


def write(folder: pathlib.Path) -> list[str]:
    """Writes the pages and returns what pdoc complains of."""
    # Before pdoc looks: it would take warnings of other libraries at their import for its own, and does not see names
    # that are imported only on demand.
    for name in fvae_jax.__all__:
        setattr(fvae_jax, name, getattr(fvae_jax, name))
    packages = [fvae_jax]
    for module in pkgutil.walk_packages(fvae_jax.__path__, 'fvae_jax.'):
        if not module.name.endswith('.__main__'):
            imported = importlib.import_module(module.name)
            packages += [imported] if module.ispkg else []
    # pdoc goes no further than `__all__`.
    for package in packages:
        if hasattr(package, '__all__'):
            parts = {module.name for module in pkgutil.iter_modules(package.__path__)} - {'__main__'}
            package.__all__ = [*package.__all__, *sorted(parts - set(package.__all__))]
    pdoc.render.configure(docformat='google', footer_text=f'fvae_jax {fvae_jax.__version__}')
    temporary = folder.with_name(f'.{folder.name}.tmp')
    shutil.rmtree(temporary, ignore_errors=True)
    with warnings.catch_warnings(record=True) as complaints:
        warnings.simplefilter('always', UserWarning)
        pdoc.pdoc('fvae_jax', output_directory=temporary)
    for page in [*temporary.rglob('*.html'), *temporary.rglob('*.js')]:
        page.write_text(page.read_text().replace(f'{ROOT}/', ''))  # constants that are paths of this machine
    shutil.rmtree(folder, ignore_errors=True)
    temporary.rename(folder)
    return [str(complaint.message) for complaint in complaints if issubclass(complaint.category, UserWarning)]


if __name__ == '__main__':
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / 'build' / 'api'
    folder.parent.mkdir(parents=True, exist_ok=True)
    complaints = write(folder)
    print(f'API reference: {folder / "index.html"}')
    sys.exit('\n'.join(complaints) or 0)
