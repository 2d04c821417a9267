"""Files that people ask for: refused early and clearly, and never left half written."""

import contextlib
import hashlib
import os
import pathlib
import shutil
import stat
import tempfile
import threading
import uuid
from collections.abc import Callable, Collection, Iterator

from fvae_jax.errors import InputError

_LONGEST_NAME = 255  # bytes
# How to take back what is being written, oldest first: for a command that a signal ends without unwinding.
_unfinished: list[Callable[[], None]] = []
_ending = threading.RLock()  # a signal may meet the thread that holds it


def check_output(
    path: str | os.PathLike,
    suffixes: Collection[str],
    *,
    source: str | os.PathLike | None = None,
    overwrite: bool = False,
) -> pathlib.Path:
    """Finds out before the work whether a file can be written, and returns its path.

    Args:
      path: The file.
      suffixes: The known ones, in lower case, with their dots.
      source: The photo that is edited, if there is one.
      overwrite: Whether a file may be replaced, be it the source.

    Raises:
      InputError: Unknown suffix, no such folder, not writable, or a file that may not be replaced.
    """
    path = pathlib.Path(path)
    if os.path.isdir(path):  # pathlib raises for names that are too long
        raise InputError(f"output '{path}' is a folder; name a file in it")
    if path.suffix.lower() not in suffixes:
        raise InputError(f"output '{path}' has no known suffix; use one of {', '.join(sorted(suffixes))}")
    check_folder(path.parent)
    if os.path.exists(path) and not overwrite:
        is_source = source is not None and os.path.exists(source) and path.samefile(source)
        state = 'is the photo itself' if is_source else 'exists'
        raise InputError(f"output '{path}' {state}; choose another name, or allow it with --overwrite (overwrite=True)")
    return path


def check_folder(folder: pathlib.Path) -> None:
    """Raises `InputError` unless files can be made in a folder."""
    if not folder.is_dir():
        state = 'is not a folder' if folder.exists() else 'does not exist'
        raise InputError(f"output folder '{folder}' {state}; create it, or choose another one")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(f"output folder '{folder}' is not writable; choose another one")


def abandon() -> None:
    """Takes back all that is being written, so that the process may end at once; nothing else begins or ends here."""
    _ending.acquire()
    for take_back in reversed(_unfinished):
        take_back()


@contextlib.contextmanager
def _taken_back_by(take_back: Callable[[], None]) -> Iterator[None]:
    """Takes back at the end of the block what has not found its place, or with a command that a signal ends."""
    with _ending:
        _unfinished.append(take_back)
    try:
        yield
    finally:
        take_back()
        with _ending:
            _unfinished.remove(take_back)


@contextlib.contextmanager
def scratch(parent: str | os.PathLike | None = None) -> Iterator[pathlib.Path]:
    """Gives a folder for what is needed for a moment, in `parent` or the system's own for such things."""
    folder = pathlib.Path(parent or tempfile.gettempdir(), f'.fvae_jax.{os.getpid()}.{uuid.uuid4().hex}.tmp')
    with _taken_back_by(lambda: _remove(folder)):
        folder.mkdir(mode=0o700)
        yield folder


def _remove(temporary: pathlib.Path) -> None:
    if temporary.is_dir():
        shutil.rmtree(temporary, ignore_errors=True)
    else:
        temporary.unlink(missing_ok=True)


def _temporary(path: pathlib.Path) -> pathlib.Path:
    """A hidden name beside a file; of a name near the longest one that systems allow, only a digest."""
    ending = f'.{os.getpid()}.tmp{path.suffix}'
    if len(os.fsencode(path.name)) + len(ending) >= _LONGEST_NAME:
        return path.with_name(f'.{hashlib.sha256(os.fsencode(path.name)).hexdigest()[:16]}{ending}')
    return path.with_name(f'.{path.stem}{ending}')


@contextlib.contextmanager
def replacing(path: pathlib.Path, like: str | os.PathLike | None = None) -> Iterator[pathlib.Path]:
    """Gives a temporary name beside a file or folder, whose place is taken when all went well.

    A file is on the disk before it takes the place, so that it is whole after a kill and after a loss of power.

    Args:
      path: The file or folder.
      like: A file whose permissions a file gets, if that is there.

    Raises:
      InputError: The file cannot be written.
    """
    temporary, mode = _temporary(path), None
    try:
        with _taken_back_by(lambda: _remove(temporary)):
            if like is not None and os.path.exists(like):
                mode = stat.S_IMODE(os.stat(like).st_mode) & 0o777
                temporary.touch(mode=0o600)  # nobody else reads it before it has its own permissions
            yield temporary
            if mode is not None:
                with contextlib.suppress(OSError):  # memory cards know no permissions
                    temporary.chmod(mode)
            if temporary.is_file():
                with open(temporary, 'rb') as file:
                    os.fsync(file.fileno())
            os.replace(temporary, path)
    except OSError as error:
        raise InputError(
            f"output '{path}' cannot be written ({error.strerror or error}); choose "
            'another name, or a folder with space'
        ) from error


def write(path: str | os.PathLike, content: bytes | str, *, like: str | os.PathLike | None = None) -> None:
    """Writes a file whole or not at all, text as UTF-8; see `replacing`."""
    with replacing(pathlib.Path(path), like) as temporary:
        temporary.write_bytes(content if isinstance(content, bytes) else content.encode())


def remove_temporaries(folder: pathlib.Path) -> None:
    """Removes files that killed processes had not yet renamed; for a folder in which nobody else writes files."""
    for path in folder.glob('.*.tmp*'):
        if path.is_file():
            path.unlink()


@contextlib.contextmanager
def replacing_folder(folder: pathlib.Path) -> Iterator[pathlib.Path]:
    """Gives a new folder that takes the place of another one when all went well."""
    old = folder.with_name(f'.{folder.name}.{os.getpid()}.old')

    def restore() -> None:
        if old.exists() and not folder.exists():
            os.replace(old, folder)
        shutil.rmtree(old, ignore_errors=True)

    with _taken_back_by(restore), replacing(folder) as temporary:
        temporary.mkdir()
        yield temporary
        if folder.exists():
            os.replace(folder, old)
