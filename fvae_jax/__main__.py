"""The `fvae` command, also as `python -m fvae_jax`."""

import signal

# While the rest is imported Ctrl-C ends the program without a traceback; from then on `cli.run` says what it does.
if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def run() -> None:
    """Runs the command."""
    from fvae_jax import cli

    cli.run()


if __name__ == '__main__':
    run()
