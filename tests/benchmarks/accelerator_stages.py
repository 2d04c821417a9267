"""What the processes of `benchmarks.accelerator` do; each prints what it has measured."""

import functools
import time
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from benchmarks import training
from benchmarks.accelerator import _ALLOWED, _PRECISIONS

from configs import faces
from fvae_jax import losses, runtime
from fvae_jax.ops import warp
from fvae_jax.training import steps

_ALPHA, _SIGMA = 10.0, 1.0


def run(stage: Sequence[str], small: bool) -> dict[str, Any]:
    """Runs a stage by its name and arguments, on the first device there is."""
    runtime.prepare()
    what, *arguments = stage
    work = {'numbers': _numbers, 'step': _step, 'torch_step': _torch_step, 'operations': _operations}[what]
    return {'device': jax.devices()[0].device_kind, 'jax': jax.__version__, **work(*arguments, small=small)}


def _config(model: str, precision: str, small: bool):
    if model == 'paper':
        size, width, batch = (32, 4, 4) if small else (128, 64, 64)
        config = training.training_config(size, width, batch)
    else:
        config = faces.get_config()
        config.train.batch_size = 64
        if small:
            config.data.image_size, config.model.width, config.train.batch_size = 32, 4, 4
    config.model.dtype = _PRECISIONS[precision][1]
    return config


def _numbers(precision: str, small: bool) -> dict[str, Any]:
    """One step on the device beside the same step on the CPU in full precision."""
    config, plain = (_config('paper', name, small) for name in (precision, 'float32'))
    if not small:  # the CPU has to do it as well
        for one in (config, plain):
            one.model.width, one.train.batch_size = 16, 8
    state = training.louder(jax.device_get(jax.jit(functools.partial(steps.create_state, plain))()))
    found = []
    for one, device, product in (
        (config, jax.devices()[0], _PRECISIONS[precision][0]),
        (plain, jax.devices('cpu')[0], 'highest'),
    ):
        # Clipping would hide most of a gradient.
        one.train.clip = 1e9
        with jax.default_matmul_precision(product):
            step = jax.jit(steps.make_train_step(one))
            after, metrics = step(*jax.device_put((state, training.batch_of(one)), device))
        moments = optax.tree_utils.tree_get(jax.device_get(after.opt_state), 'mu')
        vector = np.concatenate([np.ravel(leaf).astype(np.float64) for leaf in jax.tree.leaves(moments)])
        found.append((float(metrics['loss']), vector))
    (loss, gradient), (true_loss, true_gradient) = found
    apart = {
        'loss': abs(loss / true_loss - 1),
        'gradient': float(np.linalg.norm(gradient - true_gradient) / np.linalg.norm(true_gradient)),
    }
    for (name, value), allowed in zip(apart.items(), _ALLOWED[precision]):
        assert value <= allowed, f'{name} is apart by {value:.2g}; {allowed:g} is allowed'
    return {f'{name}_apart': value for name, value in apart.items()}


def _seconds(call: Callable[[], Any], wait: Callable[[], Any], at_least: float) -> float:
    """Seconds of one call, of many in a row, the second half of which is waited for at the end."""
    call()
    wait()
    count, begin = 0, time.perf_counter()
    while count < 2 or time.perf_counter() - begin < at_least:
        call()
        count += 1
        if count % 10 == 0:
            wait()
    wait()
    return (time.perf_counter() - begin) / count


def _rates(seconds: float, config, model: str, peak: float) -> dict[str, float]:
    size, width, batch = config.data.image_size, config.model.width, config.train.batch_size
    facts = {'ms': 1000 * seconds, 'pairs_per_second': batch / seconds, 'peak_tflops': peak / 1e12}
    if model == 'paper':
        facts['share_of_peak'] = training.arithmetic(size, width, batch)['printed'] / seconds / peak
    return facts


def _step(model: str, precision: str, small: bool) -> dict[str, float]:
    """Our training step; the batch is on the device already, and metrics are not waited for at each step."""
    config = _config(model, precision, small)
    product, dtype = _PRECISIONS[precision]
    with jax.default_matmul_precision(product):
        step = training.Training(config)
        begin = time.perf_counter()
        step()
        compiling = time.perf_counter() - begin
        seconds = _seconds(step.begin, lambda: jax.block_until_ready(step.state), 0.5 if small else 5.0)
        matrix = jnp.ones((256 if small else 8192,) * 2, dtype)
        multiply = jax.jit(jnp.matmul)
        best = min(_seconds(lambda: multiply(matrix, matrix).block_until_ready(), lambda: None, 0.2) for _ in range(3))
    memory = jax.devices()[0].memory_stats() or {}
    return {
        **_rates(seconds, config, model, 2 * len(matrix) ** 3 / best),
        'first_step_seconds': compiling,
        'peak_memory_mb': memory.get('peak_bytes_in_use', 0) / 2**20,
    }


def _torch_step(precision: str, small: bool) -> dict[str, Any]:
    """The same step in PyTorch, channels last, eager and compiled."""
    try:
        import torch
        from benchmarks import torch_fvae
    except ImportError as error:
        return {'left out': f'no comparison: {error}'}
    device = 'cuda' if torch.cuda.is_available() else 'cpu'
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision != 'float32'
    config = _config('paper', 'float32', small)
    initial = training.louder(jax.device_get(jax.jit(functools.partial(steps.create_state, config))()))
    batch = training.batch_of(config)
    images = [torch_fvae.turned(batch[name]).to(device) for name in ('source', 'target')]
    wait = torch.cuda.synchronize if device == 'cuda' else lambda: None
    facts: dict[str, Any] = {'torch': torch.__version__, 'torch_device': device}
    for way in ('eager',) if small else ('eager', 'compiled'):
        step = torch_fvae.Step(config, initial.variables, way == 'compiled', device)
        with torch.autocast(device, torch.bfloat16, enabled=precision == 'bfloat16'):
            facts[f'{way}_ms'] = 1000 * _seconds(lambda step=step: step(*images), wait, 0.5 if small else 5.0)
        facts['pairs_per_second'] = 1000 * len(images[0]) / min(value for name, value in facts.items() if '_ms' in name)
    if device == 'cuda':
        facts['peak_memory_mb'] = torch.cuda.max_memory_allocated() / 2**20
    return facts


def _operations(small: bool) -> dict[str, float]:
    """The sampler and Eq. 6, value and gradient for the flow, beside PyTorch where there is one."""
    batch, size = (2, 32) if small else (64, 128)
    source, cotangent = training.smooth(0, batch, size, size, 3), training.smooth(2, batch, size, size, 3)
    flow = np.asarray(warp.identity_grid(size, size)) + np.float32(0.2) * training.smooth(1, batch, size, size, 2)
    displacement = 5 * training.smooth(3, batch, size, size, 2)

    @jax.jit
    def sample(source, flow, cotangent):
        value, pull = jax.vjp(functools.partial(warp.bilinear_sample, source), flow)
        return value, pull(cotangent)[0]

    @jax.jit
    def cohere(displacement, target):
        terms, pull = jax.vjp(lambda d: losses.coherence(d, target, _ALPHA, _SIGMA), displacement)
        return terms, pull(jnp.ones_like(terms))[0]

    facts, at_least = {}, 0.2 if small else 2.0
    for name, call, arrays in (
        ('sampler', sample, (source, flow, cotangent)),
        ('coherence', cohere, (displacement, source)),
    ):
        arrays = jax.device_put(arrays)
        facts[f'{name}_ms'] = 1000 * _seconds(
            lambda call=call, arrays=arrays: jax.block_until_ready(call(*arrays)), lambda: None, at_least
        )
    try:
        import torch
        from benchmarks import operations
    except ImportError as error:
        return facts | {'left out': f'no comparison: {error}'}
    device = 'cuda' if torch.cuda.is_available() else 'cpu'
    wait = torch.cuda.synchronize if device == 'cuda' else lambda: None
    images, pulls, field = (operations.channels_first(x).to(device) for x in (source, cotangent, displacement))
    grid = torch.from_numpy(flow).to(device).requires_grad_()
    field.requires_grad_()

    def torch_sample():
        value = torch.nn.functional.grid_sample(images, grid, padding_mode='border', align_corners=True)
        torch.autograd.grad(value, grid, pulls)

    def torch_cohere():
        torch.autograd.grad(operations.torch_coherence(field, images, _ALPHA, _SIGMA).sum(), field)

    facts['torch_sampler_ms'] = 1000 * _seconds(torch_sample, wait, at_least)
    facts['torch_coherence_ms'] = 1000 * _seconds(torch_cohere, wait, at_least)
    return facts
