"""The exceptions that commands show to people, each with its exit status."""

import errno
from collections.abc import Iterable


def printable(text: str) -> str:
    """One line without codes that a terminal would obey: line breaks become spaces, others are written as in Python."""
    return ''.join(c if c.isprintable() else repr(c)[1:-1] for c in ' '.join(text.splitlines()))


def meant(word: str, known: Iterable[str]) -> str:
    """What a misspelled word may have been, to stand behind it: ' (did you mean smile?)', or nothing."""
    import difflib

    bare = {name.lstrip('-'): name for name in known}  # dashes alone make no two options alike
    close = difflib.get_close_matches(word.lower().lstrip('-'), bare, n=1, cutoff=0.6)
    return f' (did you mean {bare[close[0]]}?)' if close else ''


class InputError(ValueError):
    """Something the user gave (a flag, a file, a folder) cannot be used.

    The message is one line that names the thing, its value and the remedy. Commands print it without a
    traceback and exit with status 2; library users can catch it as a `ValueError`.
    """

    exit_status = 2

    def __init__(self, message: str):
        # What is quoted may be a stranger's.
        super().__init__(printable(message))


class Diverged(RuntimeError):
    """The loss of a training step is not a number."""

    exit_status = 1


class DiskFull(RuntimeError):
    """There is no space left for what a training run writes; what it saved before is whole."""

    exit_status = 1


class OutOfMemory(RuntimeError):
    """A training needs more memory than its devices or the machine have; the same start would end the same way."""

    exit_status = 1


class Stopped(RuntimeError):
    """A signal asked a training run to stop; its state is saved and the same command goes on with it."""

    # EX_TEMPFAIL: launchers take it as "start me again".
    exit_status = 75


def is_disk_full(error: BaseException | None) -> bool:
    """Whether a full disk, or a used up quota, is behind an exception, whatever a library has made of it."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        if 'No space left on device' in str(error) or 'Disk quota exceeded' in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False
