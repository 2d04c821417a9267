"""The one exception that commands show to people."""


class InputError(ValueError):
    """Something the user gave (a flag, a file, a folder) cannot be used.

    The message is one line that names the thing, its value and the remedy. Commands print it without a
    traceback and exit with status 2; library users can catch it as a `ValueError`.
    """
