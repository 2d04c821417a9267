"""The sampler of Eq. 5 and the flow term of Eq. 6 beside PyTorch, at 128 px and a batch of 64."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import torch
import torch.nn.functional as F
from benchmarks import harness
from benchmarks.training import smooth

from fvae_jax import losses
from fvae_jax.ops import warp

_SHAPE = 64, 128, 128, 3
_ALPHA, _SIGMA = 10.0, 1.0


def flows() -> np.ndarray:
    """Flows (B, H, W, 2) as an expression has them: smooth, up to a tenth of the side, some leaving the image."""
    return np.asarray(warp.identity_grid(*_SHAPE[1:3])) + np.float32(0.2) * smooth(1, *_SHAPE[:3], 2)


def channels_first(x: np.ndarray) -> torch.Tensor:
    """(B, H, W, C) → (B, C, H, W), contiguous: PyTorch's own layout."""
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(x, -1, 1)))


def sampler_forward() -> harness.Result:
    """`bilinear_sample` beside `grid_sample`."""
    source, flow = smooth(0, *_SHAPE), flows()
    ours_in = jax.device_put((source, flow))
    images, grid = channels_first(source), torch.from_numpy(flow)
    ours = lambda: warp.bilinear_sample(*ours_in).block_until_ready()
    theirs = torch.inference_mode()(lambda: F.grid_sample(images, grid, padding_mode='border', align_corners=True))
    return harness.compare(
        'sampler_forward',
        part='`bilinear_sample`, 64×128×128×3',
        peer='torch `grid_sample`',
        bar=1.0,
        ours=ours,
        theirs=theirs,
        agreement=harness.agree('sampler', np.moveaxis(ours(), -1, 1), theirs(), 1e-4),
    )


def sampler_gradient() -> harness.Result:
    """The sampler's value and its gradient for the flow."""
    source, flow, cotangent = smooth(0, *_SHAPE), flows(), smooth(2, *_SHAPE)

    @jax.jit
    def value_and_gradient(source, flow, cotangent):
        value, pull = jax.vjp(functools.partial(warp.bilinear_sample, source), flow)
        return value, pull(cotangent)[0]

    ours_in = jax.device_put((source, flow, cotangent))
    images, pulls = channels_first(source), channels_first(cotangent)
    grid = torch.from_numpy(flow).requires_grad_()

    def theirs():
        value = F.grid_sample(images, grid, padding_mode='border', align_corners=True)
        return value.detach(), torch.autograd.grad(value, grid, pulls)[0]

    ours = lambda: jax.block_until_ready(value_and_gradient(*ours_in))
    value, gradient = ours()
    agreement = harness.agree('sampler', [np.moveaxis(value, -1, 1), gradient], theirs(), 1e-3)
    return harness.compare(
        'sampler_gradient',
        part='its value and gradient for the flow',
        peer='torch, forward and backward',
        bar=1.0,
        ours=ours,
        theirs=theirs,
        agreement=agreement,
    )


def torch_coherence(displacement: torch.Tensor, target: torch.Tensor, alpha: float, sigma: float) -> torch.Tensor:
    """Eq. 6 as `losses.coherence` has it: displacement (B, 2, H, W), px, and target (B, 3, H, W) → (B,)."""
    radius, (height, width) = 3, target.shape[2:]
    total = target.new_zeros(len(target))
    for dy in range(radius + 1):
        for dx in range(-radius, radius + 1):
            if dy == 0 and dx <= 0:
                continue
            first = slice(0, height - dy), slice(max(0, -dx), width - max(0, dx))
            second = slice(dy, height), slice(max(0, dx), width - max(0, -dx))
            likeness = (target[:, :, *first] - target[:, :, *second]).square().sum(1)
            weight = torch.exp(-(alpha * likeness + (dy * dy + dx * dx) / sigma**2))
            apart = (displacement[:, :, *first] - displacement[:, :, *second]).square().sum(1)
            total = total + 2 * (weight * apart).sum((1, 2))
    return total


def coherence_gradient() -> harness.Result:
    """Eq. 6, value and gradient."""
    displacement, target = 5 * smooth(3, *_SHAPE[:3], 2), smooth(0, *_SHAPE)

    @jax.jit
    def value_and_gradient(displacement, target):
        terms, pull = jax.vjp(lambda d: losses.coherence(d, target, _ALPHA, _SIGMA), displacement)
        return terms, pull(jnp.ones_like(terms))[0]

    ours_in = jax.device_put((displacement, target))
    field, images = channels_first(displacement).requires_grad_(), channels_first(target)

    def way(term):
        def call():
            terms = term(field, images, _ALPHA, _SIGMA)
            return terms.detach(), torch.autograd.grad(terms.sum(), field)[0]

        return call

    ours = lambda: jax.block_until_ready(value_and_gradient(*ours_in))
    terms, gradient = ours()
    theirs = way(torch_coherence)
    agreement = harness.agree('Eq. 6', [terms, np.moveaxis(gradient, -1, 1)], theirs(), 1e-4)
    compiled = way(torch.compile(torch_coherence))
    harness.agree('Eq. 6, compiled', [terms, np.moveaxis(gradient, -1, 1)], compiled(), 1e-4)
    return harness.compare(
        'coherence_gradient',
        part='Eq. 6, value and gradient, 64×128×128, 7×7',
        peer='the same loop in torch',
        bar=0.35,
        ours=ours,
        theirs={'eager': theirs, 'compiled': compiled},
        agreement=agreement,
    )
