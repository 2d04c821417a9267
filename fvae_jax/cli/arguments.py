"""What the subcommands share: one option for each expression of a model, errors of one line, and opening the model."""

import argparse
import contextlib
import functools
import math
import os
import pathlib
import sys
import textwrap
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, BinaryIO, NoReturn

import ml_collections
from tqdm import tqdm

from fvae_jax import bundle as bundle_lib, config as config_lib, runtime
from fvae_jax.cli import batch, completion
from fvae_jax.errors import InputError, meant

if TYPE_CHECKING:
    from fvae_jax.editing.editor import Editor
    from fvae_jax.editing.still import EditablePhoto

_WIDTH = 98  # columns of help
STANDARD = '-'  # standard input or output in place of a file; the file of that name is ./-

# Arguments of several commands, as `add_argument` takes them.
_MODEL = dict(type=pathlib.Path, help='RUN/model.safetensors of a training run (the built-in model)')
_SHARED = {
    'run': dict(type=pathlib.Path, metavar='RUN', help='the directory of a training run'),
    '--data': dict(metavar='DIR', help='where the photos are now, if they have moved'),
    'model': dict(metavar='MODEL', nargs='?', **_MODEL),
    '--model': dict(metavar='FILE', **_MODEL),
    '--no-anchor': dict(
        dest='anchor',
        action='store_false',
        help='start from what the model makes of the photo, as printed, not from the photo',
    ),
    '--no-metadata': dict(
        dest='metadata', action='store_false', help='do not note program, model and edit in the XMP of the file'
    ),
    '--overwrite': dict(action='store_true', help='allow replacing files'),
    '--max-megapixels': dict(
        dest='max_pixels',
        type=lambda text: round(1e6 * positive(text)),
        default='200',
        metavar='X',
        help='refuse larger photos (200); each takes 16 MB of memory, 32 if 16-bit',
    ),
}


class Parser(argparse.ArgumentParser):
    """A parser whose errors are `InputError`s and whose help fits a screen.

    `usage` has the main arguments of the command, `expressions` those of the model, if it has one.
    """

    def __init__(self, command: str, usage: str, description: str, epilog: str = '', expressions: Sequence[str] = ()):
        formatter = functools.partial(argparse.RawDescriptionHelpFormatter, max_help_position=20, width=_WIDTH)
        usage = f'{command} {usage}'
        super().__init__(command, usage, description, epilog, formatter_class=formatter, allow_abbrev=False)
        self.expressions = tuple(expressions)
        self._asked, self._options = None, {}

    def error(self, message: str) -> NoReturn:
        """Refuses the command line."""
        message = message.replace('expected one argument', 'its value is missing')
        raise InputError(f'{message}; see {self.prog} --help')

    def add_expressions(self) -> argparse._ArgumentGroup:
        """Returns a group of the help for --NAME X of each expression, which `parse` adds: other options come first."""
        self._asked = self.add_argument_group('what to show')
        return self._asked

    def add_shared(self, *names: str, group: argparse._ArgumentGroup | None = None) -> None:
        """Adds arguments of `_SHARED`, to a group of the help if one is given."""
        for name in names:
            (group or self).add_argument(name, **_SHARED[name])

    def parse(self, argv: Sequence[str]) -> argparse.Namespace:
        """Parses, photos and options in any order; raises `InputError` if something is missing, or not known."""
        if self._asked:
            self._finish_expressions()
        if completion.ASKED:
            completion.answer(self)
        argv = _plain(argv)
        # Before argparse tells that something is missing, which may be what was misspelled.
        unknown = [word.split('=')[0] for word in argv if word.startswith('--')]
        if unknown := [word for word in unknown if word not in self._option_string_actions]:
            guess = meant(unknown[0], self._option_string_actions)
            if self.expressions:
                raise InputError(
                    f'unknown expression or option {unknown[0]}{guess}; this model has {self.expression_options()}'
                )
            self.error(f'unknown argument {unknown[0]}{guess}')
        args, rest = self.parse_known_intermixed_args(argv)
        if rest:
            dash = '; for a file of this name put -- before it' * rest[0].startswith('-')
            self.error(f'unknown argument {rest[0]}{dash}')
        return args

    def _finish_expressions(self) -> None:
        """Adds the options of the expressions whose names are not those of other options, and tells of all."""
        for name in self.expressions:
            flags = dict.fromkeys((f'--{name.replace("_", "-")}', f'--{name}'))
            with contextlib.suppress(argparse.ArgumentError):
                dest = f'strength of {name}'  # cannot be the name of an option
                self._options[name] = self._asked.add_argument(*flags, type=finite, dest=dest, help=argparse.SUPPRESS)
        hidden = [name for name in self.expressions if name not in self._options]
        words = (
            '--EXPRESSION X    strength of an expression: 1 is as most people show it, 2 '
            'twice that, -1 the opposite. --neutral 1 first takes out what the face shows. '
            f'This model has {self.expression_options()}.'
            + (f' Named like options, and so shown by --to alone: {", ".join(hidden)}.' if hidden else '')
        )
        self._asked.description = textwrap.fill(words, _WIDTH - 4, subsequent_indent=18 * ' ', break_on_hyphens=False)

    def expression_options(self) -> str:
        """The options of the expressions, in a list for people."""
        return ', '.join(option.option_strings[0] for option in self._options.values())

    def strengths(self, args: argparse.Namespace) -> dict[str, float]:
        """The expressions that were given, with their strengths."""
        values = {name: getattr(args, option.dest) for name, option in self._options.items()}
        return {name: value for name, value in values.items() if value is not None}


def open_model(argv: Sequence[str]) -> bundle_lib.Bundle:
    """Reads --model FILE, or the built-in one, before the rest is parsed; raises `InputError` if it cannot be read."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument('--model', nargs='?')
    return bundle_lib.load(parser.parse_known_args(argv)[0].model)


def open_editor(bundle: bundle_lib.Bundle, args: argparse.Namespace) -> 'Editor':
    """Imports JAX and returns the `Editor` of a model, for photos of at most `args.max_pixels`."""
    runtime.prepare()
    from fvae_jax.editing.editor import Editor

    editor = Editor(bundle)
    editor.max_pixels = args.max_pixels
    return editor


def open_photo(editor: 'Editor', path: pathlib.Path) -> 'EditablePhoto':
    """Opens a photo whose main face counts, and says why edits will not look as they should."""
    photo = editor.open(path)
    warn(photo.doubts())
    return photo


def warn(doubts: Iterable[str]) -> None:
    """Writes doubts on standard error, a line each, in the turn of the file that they are about."""
    for doubt in doubts:
        batch.tell(f'warning: {doubt}')


def picture(name: pathlib.Path | str) -> pathlib.Path | BinaryIO:
    """What `read.read_photo` takes for a file that was named."""
    if name != STANDARD:
        return name
    if sys.stdin is None:
        raise InputError('there is no standard input; name the photo')
    return sys.stdin.buffer


def progress(total: int | None) -> Callable[[Iterable], Iterable]:
    """Returns what shows, on a terminal, how far a loop over frames is."""
    return lambda frames: tqdm(frames, total=total, unit='frame', leave=False, disable=None)


def _number(words: str, allows: Callable[[float], bool], text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and allows(value)):
        raise argparse.ArgumentTypeError(f'{text!r} is not {words}')
    return value


finite = functools.partial(_number, 'a finite number', lambda value: True)
positive = functools.partial(_number, 'a positive number', lambda value: value > 0)


def count(text: str) -> int:
    """A whole number from 1."""
    return int(_number('a whole number from 1', lambda value: value >= 1 and value % 1 == 0, text))


def file(text: str) -> pathlib.Path | str:
    """A path, or `STANDARD`."""
    return STANDARD if text == STANDARD else pathlib.Path(text)


def face(text: str) -> int | str:
    """The number of a face, or 'all'."""
    return text if text == 'all' else count(text)


def _plain(argv: Sequence[str]) -> list[str]:
    """Arguments without `--`: what follows it are names, of files too, that may begin with a dash."""
    if '--' not in argv:
        return list(argv)
    at = list(argv).index('--')
    # In front, where no option that takes several values takes them.
    return [os.path.join(os.curdir, word) if word.startswith('-') else word for word in argv[at + 1 :]] + [*argv[:at]]


def run_config(args: argparse.Namespace) -> ml_collections.ConfigDict:
    """The experiment of the run that was named; raises `InputError` if there is no such run."""
    config = config_lib.of_run(args.run)
    if args.data:
        config.data['manual_dir' if config.data.set == 'multipie' else 'root'] = args.data
    config_lib.validate(config)
    return config


def make_ready() -> None:
    """Imports JAX, and lets people see how far the work is."""
    runtime.prepare()
    runtime.log_to_stderr()
