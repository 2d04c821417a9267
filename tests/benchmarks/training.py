"""Our training step and smooth random inputs; without PyTorch, so that processes that measure memory have none."""

import functools
from typing import Any

import cv2
import jax
import numpy as np

from configs import photos
from fvae_jax.training import devices, steps


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
    """A batch of smooth random images, S and T, and what is known of them where the losses ask for it."""
    shape = config.train.batch_size, config.data.image_size, config.data.image_size, 3
    known = {}
    if config.loss.true_flow_weight:
        nowhere = np.zeros(shape[:3], bool)
        known = {
            'displacement': smooth(2, *shape[:3], 2),
            'exposed': nowhere,
            'known': ~nowhere,
            'opening': np.zeros(shape[:3], np.float32),
            'opening_known': ~nowhere,
            'shade': 0.1 * smooth(3, *shape[:3], 1)[..., 0],
        }
    return known | {
        'source': smooth(0, *shape),
        'target': smooth(1, *shape),
        'index': np.arange(config.train.batch_size, dtype=np.int32),
    }


def arithmetic(size: int, width: int, batch: int) -> dict[str, float]:
    """Operations of the convolutions of one training step, counted layer by layer.

    Returns:
      'printed': as the paper draws the network: forward, and as much again for the gradient of the input and for that
        of the filter, but for the first layers, whose input has none. 'done': as `ops.convolution` does it, with less
        than half of the products in the upsampling layers and more in the first and the last.
    """
    stages = (size // 4).bit_length() - 1
    widths = [width * 2**i for i in range(stages)]
    latent = training_config().model.latent_channels
    layers = [(2 * 16 * 9 * widths[-1] * latent, 3, 1)]  # products forward, passes, share of them that is done
    for _ in ('encoder', 'source pyramid'):
        inputs, side = 3, size
        for i, features in enumerate(widths):
            side //= 2
            layers.append(
                (side**2 * (25 if i == 0 else 9) * inputs * features, 3 if i else 2, 36 / 25 if i == 0 else 1)
            )
            inputs = features
    inputs, side = latent + widths[-1], 4
    for features in reversed(widths[:-1]):
        side *= 2
        layers.append((side**2 * 9 * inputs * features, 3, 4 / 9))
        inputs = 2 * features
    layers.append((size**2 * 9 * inputs * (width // 2), 3, 4 / 9))
    layers.append((size**2 * 25 * (width // 2) * 2, 3, 36 / 25))
    return {
        'printed': 2.0 * batch * sum(n * passes for n, passes, _ in layers),
        'done': 2.0 * batch * sum(n * passes * share for n, passes, share in layers),
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
        self.initial = louder(jax.device_get(jax.jit(functools.partial(steps.create_state, config))()))
        self.state = strategy.place(self.initial)

    def __call__(self) -> dict[str, Any]:
        """Takes one step; returns its metrics."""
        return jax.block_until_ready(self.begin())

    def begin(self) -> dict[str, Any]:
        """Begins a step; its metrics may not be there yet."""
        self.state, metrics = self._step(self.state, self._batch)
        return metrics

    def compiled(self) -> jax.stages.Compiled:
        """The step as a compiled program that can be asked for its memory."""
        return self._step.lower(self.state, self._batch).compile()


def louder(state: steps.TrainState) -> steps.TrainState:
    """The state with a last layer that moves pixels by whole widths, as a trained one does.

    The first flow is the identity but for rounding, and at whole pixels the gradient is one-sided: there two correct
    implementations differ.
    """
    params = dict(state.params)
    out = params['decoder']['out']['conv']
    params['decoder'] = {**params['decoder'], 'out': {'conv': {**out, 'kernel': 30 * out['kernel']}}}
    return state.replace(params=params)
