"""The `fvae` command, each of whose subcommands is a module of this folder.

Arguments and outputs are checked before JAX is imported and a photo is read.
"""

import importlib
import sys
from collections.abc import Sequence

import fvae_jax
from fvae_jax import cache, runtime
from fvae_jax.cli import completion
from fvae_jax.errors import InputError, meant
from fvae_jax.photo import output

# Each is the module of that name here, whose `run` takes what follows the command and returns the exit status, None
# for 0.
COMMANDS = {
    'edit': 'photos and films: more smile, less smile, any expression of the model',
    'interpolate': 'a film from one photo of a person to another',
    'info': 'what is in the model, or which faces are in a photo',
    'report': 'a training run beside other methods: tables and figures',
    'study': 'let people judge which faces are real',
    'card': 'the tables of a model card for a training run',
    'figure7': 'flow against pixel upsampling on a photo (Figure 7 of the paper)',
    'doctor': 'is a training run whole, and what would a restart do',
    'export': 'the model for other programs, or as a web page',
    'demo': 'that page, in your browser',
    'completion': 'commands and options completed by the shell',
}

_OWN = {'study': ('build', 'score'), 'completion': completion.SHELLS}

_HELP = f"""usage: fvae COMMAND ...

Changes facial expressions in photos and films by moving their own pixels.

{chr(10).join(f'  fvae {name:<11}  {words}' for name, words in COMMANDS.items())}

fvae COMMAND --help says more; fvae --version prints the version.

{cache.HELP}

example:
  fvae edit me.jpg --smile 1 --out smiling.png"""


def main(argv: Sequence[str]) -> int:
    """Runs a command, given what follows `fvae`; raises `InputError` if it cannot be carried out.

    Returns the exit status: 0, or 1 if some of several photos failed or a run is damaged.
    """
    if completion.ASKED:
        argv = completion.asked_of({name: _OWN.get(name, ()) for name in COMMANDS})
    command, *rest = argv or ['']
    if command in COMMANDS:
        return importlib.import_module(f'fvae_jax.cli.{command}').run(rest) or 0
    if command in ('-h', '--help'):
        print(_HELP)
    elif command == '--version':
        print(f'fvae_jax {fvae_jax.__version__}')
    else:
        what = f'unknown command {command!r}{meant(command, COMMANDS)}' if command else 'no command'
        *others, last = COMMANDS
        raise InputError(f'{what}; use fvae {", ".join(others)} or {last} (see fvae --help)')
    return 0


def run() -> None:
    """The command: errors of the user become one line and exit status 2; a signal leaves nothing half-written."""
    leave = runtime.leave_at_once()
    runtime.end_on_signals(output.abandon)
    runtime.exit_on_error(lambda: leave(main(sys.argv[1:])))
