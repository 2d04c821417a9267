"""`fvae completion`: what a shell needs to complete commands, options, expressions and names of files.

The shell starts `fvae` with the line so far in its environment. The command of that line makes its parser as always,
and where others parse, argcomplete answers from it and ends the process.
"""

import argparse
import os
from collections.abc import Mapping, Sequence

from fvae_jax.errors import InputError

ASKED = '_ARGCOMPLETE' in os.environ  # a shell asks how a line may go on
SHELLS = {
    'bash': 'add to ~/.bashrc:  eval "$(fvae completion bash)"',
    'zsh': 'add to ~/.zshrc, after compinit:  eval "$(fvae completion zsh)"',
    'fish': 'once:  fvae completion fish > ~/.config/fish/completions/fvae.fish',
}
_HELP = f"""usage: fvae completion bash|zsh|fish

Prints what the shell needs to complete commands, options, expressions and names of files with the Tab key.

{chr(10).join(f'  {shell:<5} {words}' for shell, words in SHELLS.items())}"""


def run(argv: Sequence[str]) -> None:
    """Runs `fvae completion SHELL`."""
    if list(argv) in (['-h'], ['--help']):
        print(_HELP)
        return
    if len(argv) != 1 or argv[0] not in SHELLS:
        what = f'unknown shell {argv[0]!r}' if len(argv) == 1 else 'name one shell'
        raise InputError(f'{what}; use fvae completion {", ".join(SHELLS)} (see fvae completion --help)')
    import argcomplete

    print(argcomplete.shellcode(['fvae'], shell=argv[0]))


def asked_of(commands: Mapping[str, Sequence[str]]) -> list[str]:
    """The command, or that of its own, which the line of a shell has; answers itself where it is not yet whole."""
    line = os.environ['COMP_LINE'][: int(os.environ['COMP_POINT'])]
    whole = line.split()[1:] if line[-1:].isspace() else line.split()[1:-1]
    if not whole or whole[0] not in commands:
        _answer_one_of('fvae', [*commands, '--help', '--version'])
    own = commands[whole[0]]
    if own and (len(whole) < 2 or whole[1] not in own):
        _answer_one_of(f'fvae {whole[0]}', [*own, '--help'])
    return whole[: 2 if own else 1]


def _answer_one_of(prog: str, words: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog, add_help=False)
    parser.add_argument('command', choices=words)
    answer(parser)


def answer(parser: argparse.ArgumentParser) -> None:
    """Tells the shell how its line may go on by a parser, whose `prog` has the words before its own, and ends."""
    import argcomplete

    os.environ['_ARGCOMPLETE'] = str(len(parser.prog.split()))
    argcomplete.autocomplete(parser, print_suppressed=True)
