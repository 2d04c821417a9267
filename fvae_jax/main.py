r"""Trains and evaluates an FVAE.

  python -m fvae_jax.main --config=configs/photos.py:small --config.data.root=DATA --workdir=runs/mine

The same command goes on with an interrupted run. --mode=evaluate scores the best checkpoint again.
Every field of the config can be set with --config.GROUP.FIELD=VALUE:

"""

import logging
import pathlib
import re
import sys

from absl import app, flags
from ml_collections import config_flags

from fvae_jax import config as config_lib, fields, runtime
from fvae_jax.errors import InputError

_LOG = logging.getLogger('fvae_jax')
_CONFIG = config_flags.DEFINE_config_file('config', None, 'The experiment: configs/NAME.py or configs/NAME.py:VARIANT.')
_WORKDIR = flags.DEFINE_string('workdir', None, 'The run directory; default runs/<config.name>.')
_MODE = flags.DEFINE_enum(
    'mode',
    'train',
    ['train', 'mask', 'evaluate'],
    'train: the FVAE, then its confidence mask. mask: the mask only. '
    'evaluate: score the best checkpoint on the test people.',
)
_DISTRIBUTED = flags.DEFINE_bool(
    'distributed',
    False,
    'This is one of several processes of a training: started by launch/local.sh, by '
    'launch/tpu_pod.sh on a TPU pod, or under SLURM.',
)


def main(argv: list[str]) -> None:
    """Dispatches to `training.experiment`."""
    if len(argv) > 1:
        raise InputError(f'unknown argument {argv[1]!r}; settings are given as --config.GROUP.FIELD=VALUE')
    if _CONFIG.value is None:
        raise InputError('--config is missing; for example --config=configs/synthetic.py')
    config_lib.validate(_CONFIG.value)
    runtime.prepare()
    workdir = pathlib.Path(_WORKDIR.value or f'runs/{_CONFIG.value.name}')

    def work() -> None:
        # What a mode needs is heavy, and waits until the flags are known to be good.
        from fvae_jax.training import experiment

        entries = {'train': experiment.train, 'mask': experiment.train_mask, 'evaluate': experiment.evaluate}
        entries[_MODE.value](_CONFIG.value, workdir)

    if not _DISTRIBUTED.value:
        runtime.log_to_stderr()
        work()
    elif _MODE.value == 'evaluate':
        raise InputError('--distributed is for training; run --mode=evaluate without it, in one process')
    else:
        from fvae_jax.training import parallel

        parallel.join_hosts()
        runtime.log_to_stderr(logging.INFO if parallel.is_main_process() else logging.WARNING)
        parallel.with_hosts(work)
        # The main process has more to write, and a process that leaves early counts as lost.
        parallel.with_hosts(lambda: parallel.barrier('done'))
    _LOG.info('done; see %s', workdir)


def _parse(argv: list[str]) -> list[str]:
    """Parses flags; what is wrong with them becomes one line."""
    for argument in argv:
        if argument.startswith('--config.'):
            # An index into a tuple may follow the name.
            fields.check_name(re.split(r'[=\[]', argument.removeprefix('--config.'))[0])
    try:
        rest = flags.FLAGS(argv)
        # A config file that cannot be read is told only when the config is first used.
        _ = _CONFIG.value is None or _CONFIG.value.name
        return rest
    except (flags.Error, AttributeError, KeyError, TypeError, ValueError, OSError) as error:
        raise InputError(_reason(error)) from error


def _reason(error: BaseException) -> str:
    """The line for people: what a config said, or else the most telling line of the flag library's report."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, InputError) and 'Traceback' not in str(cause):
            return str(cause)
        if isinstance(cause, FileNotFoundError) or 'No such file' in str(cause):
            return f'no config file {flags.FLAGS["config"].config_filename}; see configs/ for those that are there'
        cause = cause.__context__
    # str() of a KeyError would quote it.
    return ' '.join(str(error.args[0] if error.args else error).split())


def _work() -> None:
    runtime.stop_on_signals()
    main(_parse(sys.argv))


def run() -> None:
    """The command: errors of the user become one line and exit status 2."""
    app.define_help_flags()
    if any(flag in sys.argv for flag in ('--help', '-h', '-help')):
        print(__doc__ + fields.describe() + '\n\n' + flags.FLAGS.main_module_help())
        return
    runtime.exit_on_error(_work)


if __name__ == '__main__':
    run()
