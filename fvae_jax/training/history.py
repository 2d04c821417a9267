"""history.jsonl: a line per start of a run, with the command, versions and devices."""

import importlib.metadata
import json
import os
import pathlib
import platform
import shlex
import sys
from typing import Any

from fvae_jax.training import devices

_NAME = 'history.jsonl'
_PACKAGES = (
    'jax', 'jaxlib', 'flax', 'optax', 'orbax-checkpoint', 'grain', 'tensorflow-datasets', 'numpy', 'opencv-python',
    'dlib-bin',
)  # fmt: skip


def note_start(workdir: pathlib.Path) -> None:
    """Appends the line of this start."""
    path = workdir / _NAME
    start = {
        'command': shlex.join(sys.argv),
        'python': platform.python_version(),
        'versions': {name: _version(name) for name in _PACKAGES},
        'cpus': os.cpu_count(),
        **devices.describe_devices(),
    }
    # A full disk may have cut the last line short.
    torn = path.exists() and path.read_bytes()[-1:] not in (b'\n', b'')
    with open(path, 'a', encoding='utf-8') as file:
        file.write(('\n' if torn else '') + json.dumps(start) + '\n')


def starts(workdir: pathlib.Path) -> list[dict[str, Any]]:
    """What is known of each start, oldest first.

    Raises:
      OSError, ValueError: The file is missing, or a line of it is damaged.
    """
    found = [json.loads(line) for line in (workdir / _NAME).read_text().splitlines()]
    if not all(isinstance(start, dict) for start in found):
        raise ValueError('one of its lines describes no start')
    return found


def versions_since(workdir: pathlib.Path) -> str:
    """Names the packages that have changed since an earlier start, as 'flax 0.12.8 → 0.13.0'; '' if none has."""
    try:
        earlier = [dict(start['versions']) for start in starts(workdir)]
    except (OSError, ValueError, KeyError, TypeError):
        return ''
    for versions in reversed(earlier):
        changed = [f'{name} {old} → {now}' for name, old in versions.items() if (now := _version(name)) != old]
        if changed:
            return ', '.join(changed)
    return ''


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return 'none'
