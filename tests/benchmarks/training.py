"""Our training step and smooth random inputs; without PyTorch, so that processes that measure memory have none."""

import functools
from typing import Any

import cv2
import jax
import numpy as np

from configs import photos
from fvae_jax.training import devices, state as state_lib, steps


def smooth(seed: int, *shape: int) -> np.ndarray:
    """Smooth random images (B, H, W, C) in [-1, 1], as a photo is smooth."""
    noise = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    blurred = np.stack([cv2.GaussianBlur(image, (0, 0), 2).reshape(shape[1:]) for image in noise])
    return np.clip(blurred / (3 * blurred.std()), -1, 1)


def training_config(image_size: int = 128, width: int = 32, batch_size: int = 16):
    """`configs/photos.py`, at another size if wanted."""
    config = photos.get_config()
    config.data.image_size, config.model.width, config.train.batch_size = image_size, width, batch_size
    return config


def batch_of(config) -> dict[str, np.ndarray]:
    """A batch of smooth random images, S and T."""
    shape = config.train.batch_size, config.data.image_size, config.data.image_size, 3
    return {
        'source': smooth(0, *shape),
        'target': smooth(1, *shape),
        'index': np.arange(config.train.batch_size, dtype=np.int32),
    }


class Training:
    """Our training as the loop runs it: compiled, on one device, the state donated.

    Args:
      config: The experiment.

    Attributes:
      initial: The state it began with, on the host.
      state: The state now.
    """

    def __init__(self, config):
        strategy = devices.single_device()
        self._step = strategy.compile(steps.make_train_step(config))
        self._batch = strategy.shard(batch_of(config))
        self.initial = louder(jax.device_get(jax.jit(functools.partial(state_lib.create_state, config))()))
        self.state = strategy.place(self.initial)

    def __call__(self) -> dict[str, Any]:
        """Takes one step; returns its metrics."""
        self.state, metrics = self._step(self.state, self._batch)
        return jax.block_until_ready(metrics)

    def compiled(self) -> jax.stages.Compiled:
        """The step as a compiled program that can be asked for its memory."""
        return self._step.lower(self.state, self._batch).compile()


def louder(state: state_lib.TrainState) -> state_lib.TrainState:
    """The state with a last layer that moves pixels by whole widths, as a trained one does.

    The first flow is the identity but for rounding, and at whole pixels the gradient is one-sided: there two correct
    implementations differ.
    """
    params = dict(state.params)
    out = params['decoder']['out']['conv']
    params['decoder'] = {**params['decoder'], 'out': {'conv': {**out, 'kernel': 30 * out['kernel']}}}
    return state.replace(params=params)
