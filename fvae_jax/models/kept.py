"""Compiled programs as files beside those of JAX's compilation cache, of which a new process neither traces the source.

That cache spares compiling alone. Tracing and lowering the Flax modules of an edit takes longer than all that the
processor computes for it, so their executables are kept under a key of what they are made of: the package, JAX, the
processor, and what the caller names. As the files of that cache they are programs of this machine, which whoever may
write to the folder makes.
"""

import contextlib
import functools
import hashlib
import os
import pathlib
import pickle
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax
import jaxlib
import numpy as np
from jax.experimental import serialize_executable
from jax.experimental.compilation_cache import compilation_cache

from fvae_jax import runtime
from fvae_jax.version import __version__

SUFFIX = '.program'
_DIGEST = 16  # bytes
# Of /proc/cpuinfo: what a program that is compiled for this processor may rely on.
_PROCESSOR = ('model name', 'flags', 'Features', 'CPU implementer', 'CPU part')


def folder(devices: Sequence[jax.Device]) -> pathlib.Path | None:
    """Where programs for devices are kept: where JAX has its compilation cache.

    None where that is no folder, and for other devices than a CPU that is known.
    """
    place = jax.config.jax_compilation_cache_dir
    if not place or '://' in place or not jax.config.jax_enable_compilation_cache:
        return None
    if _processor() is None or any(device.platform != 'cpu' for device in devices):
        return None
    return pathlib.Path(place)


def key(*parts: str | Mapping[str, Any] | None) -> str:
    """Says by what a program is made, texts and trees of arrays, in a few letters."""
    digest = _digest()
    for path, leaf in jax.tree_util.tree_leaves_with_path((_environment(), *parts)):
        is_array = isinstance(leaf, np.ndarray)
        digest.update(repr((path, leaf.shape, leaf.dtype) if is_array else (path, leaf)).encode())
        if is_array:
            digest.update(np.ascontiguousarray(leaf))
    return digest.hexdigest()


def load(path: pathlib.Path, devices: Sequence[jax.Device]) -> jax.stages.Compiled | None:
    """Returns a program for these devices from its file, named by its `key`; None without it, or if it is damaged."""
    with contextlib.suppress(Exception):  # whatever a library says of bytes that it does not take
        content = memoryview(path.read_bytes())
        if _digest(path.name.encode(), content[_DIGEST:]).digest() == content[:_DIGEST]:
            return _loaded(content[_DIGEST:], devices)
    return None


def make(path: pathlib.Path, devices: Sequence[jax.Device], lowered: jax.stages.Lowered) -> jax.stages.Compiled:
    """Compiles a program and keeps it for `load`, where that can be written."""
    if not os.access(path.parent, os.W_OK | os.X_OK):
        return lowered.compile()
    with _ANEW:
        program = lowered.compile()
    with contextlib.suppress(Exception):  # a full disk, or a JAX that cannot do this: it is made again the next time
        content = pickle.dumps(serialize_executable.serialize(program))
        if _alike(program, _loaded(content, devices)):
            _write(path, _digest(path.name.encode(), content).digest() + content)
    return program


def _digest(*parts: bytes | memoryview) -> Any:
    return hashlib.blake2b(b''.join(parts), digest_size=_DIGEST)


def _loaded(content: bytes | memoryview, devices: Sequence[jax.Device]) -> jax.stages.Compiled:
    return serialize_executable.deserialize_and_load(*pickle.loads(content), execution_devices=devices)


def _alike(program: jax.stages.Compiled, again: jax.stages.Compiled) -> bool:
    """Whether both give the same bits: not all that is compiled survives being written."""
    arguments = jax.tree.map(lambda leaf: np.full(leaf.shape, 0.5, leaf.dtype), program.args_info)[0]
    both = [jax.tree.leaves(made(*arguments)) for made in (program, again)]
    return all(np.asarray(one).tobytes() == np.asarray(other).tobytes() for one, other in zip(*both))


def _write(path: pathlib.Path, content: bytes) -> None:
    """Writes a file whole or not at all."""
    temporary = path.with_name(f'{path.name}.{os.getpid()}-{threading.get_ident()}')
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def _without_cache() -> Iterator[None]:
    """Compiles anew: a program that comes from JAX's compilation cache cannot be written a second time."""
    jax.config.update('jax_enable_compilation_cache', False)
    compilation_cache.reset_cache()  # asked once, it would go on
    try:
        yield
    finally:
        jax.config.update('jax_enable_compilation_cache', True)
        compilation_cache.reset_cache()


_ANEW = runtime.Shared(_without_cache)


def _environment() -> str:
    """What every program here depends on: our source, JAX and how it is set, and the processor."""
    package = pathlib.Path(__file__).parents[1]
    sources = [path.read_bytes() for part in ('models', 'ops') for path in sorted((package / part).glob('*.py'))]
    # Attributes know of what is set for a block of code alone; not every option is one.
    options = {
        name: getattr(jax.config, name, value) for name, value in jax.config.values.items() if 'cache' not in name
    }
    versions = __version__, jax.__version__, jaxlib.__version__
    return repr((versions, _digest(*sources).hexdigest(), options, os.environ.get('XLA_FLAGS'), _processor()))


@functools.cache
def _processor() -> str | None:
    """The processor and what it can do; None where the system does not say."""
    try:
        with open('/proc/cpuinfo', encoding='utf-8', errors='replace') as file:
            lines = [line for line in iter(file.readline, '\n') if line.startswith(_PROCESSOR)]
    except OSError:
        return None
    return ''.join(lines) or None
