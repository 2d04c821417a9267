"""Command lines about a model: one option for each of its expressions, and errors of one line."""

import argparse
import math
import textwrap
from collections.abc import Callable, Sequence
from typing import NoReturn

from fvae_jax import bundle as bundle_lib
from fvae_jax.errors import InputError

_WIDTH = 98  # columns of help


class Parser(argparse.ArgumentParser):
    """A parser whose errors are `InputError`s and whose help fits a screen.

    Args:
      command: its name.
      usage: its main arguments.
      description: one sentence.
      epilog: examples.
      expressions: those of the model; none for a command without one.
    """

    def __init__(self, command: str, usage: str, description: str, epilog: str = '', expressions: Sequence[str] = ()):
        def formatter(prog):
            return argparse.RawDescriptionHelpFormatter(prog, max_help_position=20, width=_WIDTH)

        super().__init__(
            command, f'{command} {usage}', description, epilog, formatter_class=formatter, allow_abbrev=False
        )
        self.expressions = tuple(expressions)
        self._asked = None

    def error(self, message: str) -> NoReturn:
        raise InputError(f'{message}; see {self.prog} --help')

    def add_expressions(self) -> argparse._ArgumentGroup:
        """Returns a group of the help for --NAME X of each expression, which `parse` adds: other options come first."""
        words = (
            '--EXPRESSION X    strength of an expression: 1 is as most people show it, 2 '
            'twice that, -1 the opposite. --neutral 1 takes out what the face shows, best done when a '
            'smiling face shall show something else. '
            f'This model has {", ".join(map(option, self.expressions))}.'
        )
        self._asked = self.add_argument_group(
            'what to show', textwrap.fill(words, _WIDTH - 4, subsequent_indent=18 * ' ', break_on_hyphens=False)
        )
        return self._asked

    def parse(self, argv: Sequence[str]) -> argparse.Namespace:
        """Parses, photos and options in any order.

        Raises:
          InputError: something is missing, or not known.
        """
        for name in self.expressions if self._asked else ():
            try:
                self._asked.add_argument(
                    *dict.fromkeys((option(name), f'--{name}')),
                    type=finite,
                    dest=_destination(name),
                    help=argparse.SUPPRESS,
                )
            except argparse.ArgumentError:
                pass  # the name is that of another option; --to reaches it
        args, rest = self.parse_known_intermixed_args(argv)
        unknown = next((word for word in rest if word.startswith('--')), None)
        if unknown and self.expressions:
            raise InputError(
                f'unknown expression or option {unknown.split("=")[0]}; this model '
                f'has {", ".join(map(option, self.expressions))}'
            )
        if rest:
            self.error(f'unknown argument {unknown or rest[0]}')
        return args

    def strengths(self, args: argparse.Namespace) -> dict[str, float]:
        """The expressions that were given, with their strengths."""
        values = {name: vars(args).get(_destination(name)) for name in self.expressions}
        return {name: value for name, value in values.items() if value is not None}


def open_model(argv: Sequence[str]) -> bundle_lib.Bundle:
    """Reads the model, --model FILE or the built-in one, before the arguments are parsed as a whole.

    Raises:
      InputError: the model cannot be read.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument('--model', nargs='?')
    return bundle_lib.load(parser.parse_known_args(argv)[0].model)


def expressions(bundle: bundle_lib.Bundle) -> list[str]:
    """The expressions of a model, in alphabetic order."""
    return sorted(bundle.statistics.counts)


def option(expression: str) -> str:
    """The option of an expression."""
    return f'--{expression.replace("_", "-")}'


def finite(text: str) -> float:
    """Any number but infinity and NaN."""
    return _number(text, lambda value: True, 'a finite number')


def positive(text: str) -> float:
    """A number above 0."""
    return _number(text, lambda value: value > 0, 'a positive number')


def count(text: str) -> int:
    """A whole number from 1."""
    return int(_number(text, lambda value: value >= 1 and value % 1 == 0, 'a whole number from 1'))


def face(text: str) -> int | str:
    """The number of a face, or 'all'."""
    return text if text == 'all' else count(text)


def _destination(expression: str) -> str:
    return f'strength of {expression}'  # cannot be the name of an option


def _number(text: str, allows: Callable[[float], bool], words: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and allows(value)):
        raise argparse.ArgumentTypeError(f'{text!r} is not {words}')
    return value
