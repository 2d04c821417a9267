"""The exceptions that commands show to people, each with its exit status."""


class InputError(ValueError):
    """Something the user gave (a flag, a file, a folder) cannot be used.

    The message is one line that names the thing, its value and the remedy. Commands print it without a
    traceback and exit with status 2; library users can catch it as a `ValueError`.
    """

    exit_status = 2

    def __init__(self, message: str):
        # What is quoted may hold line breaks of its own.
        super().__init__(' '.join(message.splitlines()))


class Diverged(RuntimeError):
    """The loss of a training step is not a number."""

    exit_status = 1


class Stopped(RuntimeError):
    """A signal asked a training run to stop; its state is saved and the same command goes on with it."""

    # EX_TEMPFAIL: launchers take it as "start me again".
    exit_status = 75
