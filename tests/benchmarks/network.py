"""A training step and a decode beside the same network in PyTorch."""

import functools
import math
import pathlib

import jax
import numpy as np
import optax
import torch
from benchmarks import harness, torch_fvae, training

from fvae_jax.editing import editor as editor_lib
from fvae_jax.training import steps


def train_step() -> harness.Result:
    """The step of `configs/photos.py` at 128 px, w = 32, batch 16."""
    config = training.training_config()
    ours, batch = training.Training(config), training.batch_of(config)
    images = [torch_fvae.turned(batch[name]) for name in ('source', 'target')]
    ways = {way: torch_fvae.Step(config, ours.initial.variables, way == 'compiled') for way in ('eager', 'compiled')}
    agreement = same_step(config)
    return harness.compare(
        'train_step',
        part="training step, paper's network, 128 px, w = 32, batch 16",
        peer='the same in torch, channels last',
        bar=0.8,
        ours=ours,
        theirs={way: functools.partial(step, *images) for way, step in ways.items()},
        agreement=agreement,
        seconds=60,
    )


def same_step(config) -> str:
    """Takes two steps on both sides in double precision and compares the losses, and the gradients of the first step.

    In single precision they are apart by a hundredth: rounding tips samples and rectifiers over their kinks. Nothing is
    clipped meanwhile, since under sums most gradients lie far beyond the limit.

    Args:
      config: The experiment.

    Returns:
      How far both are apart, in words; see `harness.agree`.
    """
    config = config.copy_and_resolve_references()
    config.model.dtype, config.train.clip = 'float64', math.inf
    with jax.enable_x64():
        ours, batch = training.Training(config), training.batch_of(config)
        theirs = torch_fvae.Step(config, ours.initial.variables, compiled=False)
        losses = [ours()['loss']]
        # After one step Adam's first moment is a fixed share of the gradient.
        moments = jax.device_get(optax.tree_utils.tree_get(ours.state.opt_state, 'mu'))
        losses.append(ours()['loss'])
        their_losses = [theirs(*_turned(config, batch, 0))]
        their_gradients = {name: parameter.grad.clone() for name, parameter in theirs.network.named_parameters()}
        their_losses.append(theirs(*_turned(config, batch, 1)))
    gradients = torch_fvae.translated({'params': jax.tree.map(lambda m: m / (1 - config.train.beta1), moments)})
    harness.agree('losses', losses, their_losses, 1e-5)
    return 'gradients in double precision ' + harness.agree(
        'gradients', [*gradients.values()], [their_gradients[name] for name in gradients], 1e-5
    )


def _turned(config, batch, step: int) -> list[torch.Tensor]:
    """S, T and ε of a step, for the peer."""
    noise = steps.example_noise(
        steps.stream(config.seed, 'latent', step),
        batch['index'],
        (4, 4, config.model.latent_channels),
        config.model.dtype,
    )
    arrays = batch['source'], batch['target'], np.asarray(noise)
    return [torch_fvae.turned(x.astype(config.model.dtype)) for x in arrays]


def decode(model: pathlib.Path) -> harness.Result:
    """The decoder of a model file, one latent at a time, from and to the host.

    Args:
      model: The file.
    """
    editor = editor_lib.load(model)
    size = editor.size
    face = editor.encode(training.smooth(0, 1, size, size, 3)[0])
    network = (
        torch_fvae.FVAE(editor.bundle.config).take(editor.bundle.fvae).eval().to(memory_format=torch.channels_last)
    )
    features = [torch_fvae.turned(np.asarray(level)) for level in face.features]
    latents = [face.latent + np.float32(0.1 * k) for k in range(1, 9)]
    counts = {'ours': 0, 'eager': 0, 'compiled': 0}

    def next_latent(side):
        counts[side] += 1
        return latents[counts[side] % len(latents)]

    def theirs(side, decoder):
        with torch.inference_mode():
            return [part.numpy() for part in decoder(torch_fvae.turned(next_latent(side)[None]), features)]

    def ours():
        return editor.decode(face, next_latent('ours'))  # as `Model.change` does

    ways = {
        'eager': functools.partial(theirs, 'eager', network.decode),
        'compiled': functools.partial(theirs, 'compiled', torch.compile(network.decode)),
    }
    for way, call in ways.items():
        counts.update(dict.fromkeys(counts, 0))
        decoded = ours()
        parts = -decoded.flow, decoded.alpha_logit, decoded.color, decoded.shading
        expected = [part if part.ndim == 2 else np.moveaxis(part, -1, 0) for part in parts if part is not None]
        agreement = harness.agree(
            f'decoder, {way}', [part[..., ::-1, ::-1] for part in expected], [part[0] for part in call()], 1e-3
        )
    config = editor.bundle.config
    return harness.compare(
        'decode',
        part=f'one decode at {size} px, w = {config.model.width}',
        peer='torch forward of the same decoder',
        bar=1.0,
        ours=ours,
        theirs=ways,
        agreement=agreement,
    )
