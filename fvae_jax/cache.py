"""The cache of compiled programs, sets of faces and demo pages: when it is full, what was used longest ago goes first.

Several processes share it without waiting for one another. A file may be deleted while it is read, since the system
keeps its contents for the reader; a folder is spared while a process holds it.
"""

import contextlib
import fcntl
import os
import pathlib
import shutil
import time
import weakref
from collections.abc import Iterable

from fvae_jax.errors import InputError

HELP = """What can be made again is kept in $FVAE_CACHE (~/.cache/fvae_jax): sets of faces, at most
$FVAE_CACHE_GB gigabytes (20) of them, and compiled programs and pages, a tenth of that each."""

_MARK = '.used'  # in a folder of the cache: its time is that of the last use, its lock says that it is in use
_FRESH = 60  # s
_GOING = '.old'  # ends the name of a folder that is being deleted


def folder() -> pathlib.Path:
    """Returns $FVAE_CACHE or ~/.cache/fvae_jax."""
    return pathlib.Path(os.environ.get('FVAE_CACHE') or '~/.cache/fvae_jax').expanduser()


def limit() -> int:
    """Returns how many bytes sets of faces may take, $FVAE_CACHE_GB gigabytes or 20; other kinds a tenth of it each.

    Raises:
      InputError: The variable is no positive number.
    """
    text = os.environ.get('FVAE_CACHE_GB') or '20'
    try:
        size = float(text)
    except ValueError:
        size = 0.0
    if not 0 < size < float('inf'):
        raise InputError(f'FVAE_CACHE_GB={text}: give a positive number of gigabytes, or unset it for 20')
    return round(1e9 * size)


class Hold:
    """Notes that a folder of the cache is used now; as long as this object lives no process deletes the folder.

    Does nothing where the folder may not be written or the file system knows no locks.
    """

    def __init__(self, entry: pathlib.Path):
        with contextlib.suppress(OSError):
            file = os.open(entry / _MARK, os.O_RDWR | os.O_CREAT, 0o666)
            weakref.finalize(self, os.close, file)
            os.utime(file)
            fcntl.flock(file, fcntl.LOCK_SH)


def trim(entries: Iterable[pathlib.Path], largest: int) -> None:
    """Deletes entries of the cache, those used longest ago first, until the rest is small enough.

    Args:
      entries: Files, whose use is their last reading, as far as the system notes it; and folders, whose use is the last
        `Hold`. Those that are held stay, and what was used within the last minute: its user may be about to hold it.
      largest: What may stay, bytes.
    """
    found = []
    for entry in entries:
        with contextlib.suppress(OSError):  # another process may delete it meanwhile
            if entry.name.endswith(_GOING):
                _delete(entry)  # what was begun by a process that was killed
            else:
                found.append((_last_use(entry), _size(entry), entry))
    total = sum(size for _, size, _ in found)
    for used, size, entry in sorted(found):
        if total <= largest or used > time.time() - _FRESH:
            return
        with contextlib.suppress(OSError):
            total -= size * _delete(entry)


def _last_use(entry: pathlib.Path) -> float:
    if not entry.is_dir():
        status = entry.stat()
        return max(status.st_atime, status.st_mtime)
    mark = entry / _MARK
    return (mark if mark.exists() else entry).stat().st_mtime


def _size(entry: pathlib.Path) -> int:
    return sum(path.stat().st_size for path in (entry, *entry.rglob('*')) if path.is_file())


def _delete(entry: pathlib.Path) -> bool:
    """Whether an entry is gone after this: it stays when it is held. No process sees half of a folder.

    What another process is deleting counts as gone, or every process would delete one entry more in its place.
    """
    if not entry.is_dir():
        entry.unlink(missing_ok=True)
        return True
    try:
        file = os.open(entry / _MARK, os.O_RDWR | os.O_CREAT, 0o666)
    except FileNotFoundError:  # another process was quicker
        return True
    try:
        if not _lock(file, fcntl.LOCK_EX):  # held by its users, who share it, or by who deletes it, alone
            return not (_lock(file, fcntl.LOCK_SH) and entry.exists())
        going = entry.rename(entry.with_name(f'{entry.name}.{os.getpid()}{_GOING}'))
        shutil.rmtree(going, ignore_errors=True)
    except FileNotFoundError:
        return True
    finally:
        os.close(file)
    return True


def _lock(file: int, kind: int) -> bool:
    with contextlib.suppress(BlockingIOError):
        fcntl.flock(file, kind | fcntl.LOCK_NB)
        return True
    return False
