"""Eq. 1, 3, 4, 6, 7 and 8, each one number per example (Eq. 7: per pixel).

Terms are summed over pixels, channels and latent dimensions, as printed, and the training step averages over the
batch, so that the ratios of the λs are the paper's.
"""

import functools
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import ml_collections
import optax

from fvae_jax.ops import warp


class Terms(NamedTuple):
    """The terms of Eq. 1 and, from `content` on, those beyond the paper; each (B,), unweighted."""

    reconstruction: jax.Array
    prior: jax.Array
    coherence: jax.Array
    content: jax.Array
    exposure: jax.Array
    flow_error: jax.Array
    shading: jax.Array
    shading_error: jax.Array


def _sum(values: jax.Array) -> jax.Array:
    return jnp.sum(values, tuple(range(1, values.ndim)))


def reconstruction(target: jax.Array, output: jax.Array) -> jax.Array:
    """Eq. 4: ‖T − g(S, Z(T))‖², (B,), of T and g, each (B, H, W, C)."""
    return _sum(jnp.square(target - output))


def prior(mean: jax.Array, log_variance: jax.Array) -> jax.Array:
    """Eq. 3: −Σ(1 + log σ² − μ² − σ²), (B,), of μ and log σ², each (B, …); without a factor ½, as printed."""
    return _sum(jnp.square(mean) + jnp.exp(log_variance) - 1 - log_variance)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def coherence(displacement: jax.Array, target: jax.Array, alpha: float = 10.0, sigma: float = 1.0) -> jax.Array:
    """Eq. 6: neighbors of like color should move alike.

    Σ_i Σ_{j ∈ N(i)} ‖F_i − F_j‖² exp(−(α‖T_i − T_j‖² + ‖i − j‖²/σ²)). F is the displacement in pixels (on
    absolute coordinates the term would punish the identity map). N(i) is the 7×7 window around i; pairs that leave the
    image are dropped; T is a constant.

    Args:
      displacement: (B, H, W, 2), pixels.
      target: T, (B, H, W, 3) in [-1, 1].
      alpha: α.
      sigma: Unit of ‖i − j‖, pixels.

    Returns:
      (B,).
    """
    return _coherence_and_gradient(displacement, target, alpha, sigma)[0]


_RADIUS = 3  # of the window N(i)
# The color of what lies outside, farther from any other than where exp is above zero.
_OUTSIDE = 1e4


def _coherence_and_gradient(displacement, target, alpha, sigma):
    """Both in one pass: half the gradient at i, 2 Σ_j w_ij (F_i − F_j), is also what the sum is made of.

    Channels are planes: a last axis of 2 or 3 would keep the CPU's vector units idle.
    """
    ring = (0, 0), (_RADIUS, _RADIUS), (_RADIUS, _RADIUS)
    colors = [jnp.pad(math.sqrt(alpha) * target[..., c], ring, constant_values=_OUTSIDE) for c in range(3)]
    flow = [jnp.pad(displacement[..., c], ring) for c in range(2)]
    # Without the barrier every read would ask whether it falls into the ring.
    colors, flow = jax.lax.optimization_barrier((colors, flow))
    pulls = functools.partial(_pulls, sigma=sigma)

    def apart(colors, flow):
        # XLA:CPU would merge the pulls with what takes them apart, and compute each twice; it merges no branches. The
        # barrier keeps it from seeing which one is taken.
        none = jnp.zeros(displacement.shape[:-1], jax.lax.complex(*flow).dtype)
        return jax.lax.cond(jax.lax.optimization_barrier(True), lambda: pulls(colors, flow), lambda: none)

    both = jax.lax.platform_dependent(colors, flow, cpu=apart, default=pulls)
    gradient = 4 * jnp.stack([both.real, both.imag], -1)
    # A shift of all F changes nothing but the rounding.
    centered = displacement - jnp.mean(displacement, (1, 2), keepdims=True)
    return 0.5 * jnp.sum(centered * gradient, (1, 2, 3)), gradient


def _pulls(colors: list[jax.Array], flow: list[jax.Array], sigma: float) -> jax.Array:
    """Σ_j w_ij (F_i − F_j) of planes within a ring, (B, H, W), x as the real part and y as the imaginary one.

    Every pixel looks at all its neighbors, each pair twice, because XLA makes one loop of that, which writes nothing
    but its result; with each pair once it writes and reads pull and counter-pull of each offset, twice as slow. As one
    number both components need each weight once.
    """
    height, width = (side - 2 * _RADIUS for side in flow[0].shape[1:])
    reach = range(-_RADIUS, _RADIUS + 1)

    def away(plane, dy, dx):
        """How far each pixel is from its neighbor."""
        window = lambda y, x: plane[:, _RADIUS + y : _RADIUS + y + height, _RADIUS + x : _RADIUS + x + width]
        return window(0, 0) - window(dy, dx)

    terms = []
    for dy, dx in ((dy, dx) for dy in reach for dx in reach if dy or dx):
        distance = sum(jnp.square(away(color, dy, dx)) for color in colors)
        weight = jnp.exp(-(distance + (dy * dy + dx * dx) / sigma**2))
        terms.append(weight * jax.lax.complex(*(away(plane, dy, dx) for plane in flow)))
    return functools.reduce(jnp.add, terms)


def _coherence_backward(alpha, sigma, gradient, cotangent):
    return cotangent[:, None, None, None] * gradient, None


coherence.defvjp(_coherence_and_gradient, _coherence_backward)


def content_price(alpha_logit: jax.Array) -> jax.Array:
    """What new content costs: Σ a over pixels, (B,), for the logits (B, H, W) of a."""
    return _sum(jax.nn.sigmoid(alpha_logit))


def exposure(alpha_logit: jax.Array, opening: jax.Array, known: jax.Array) -> jax.Array:
    """Cross entropy of alpha from what the source truly lacks, (B,), nats; all are given as (B, H, W).

    `opening` is how much of each pixel is new, in [0, 1]; pixels of which it is not known are worth 0.
    """
    entropy = optax.sigmoid_binary_cross_entropy(alpha_logit, opening.astype(alpha_logit.dtype))
    return _sum(known * entropy)


def flow_error(displacement: jax.Array, truth: jax.Array, exposed: jax.Array, known: jax.Array) -> jax.Array:
    """Squared distance of a displacement from the true one, each (B, H, W, 2), px; (B,), px².

    It is summed over the pixels that have a source, which those that are `exposed` have not, and of which the truth is
    `known`, each (B, H, W) bool.
    """
    return _where_there_is_a_source(jnp.sum(jnp.square(displacement - truth), -1), exposed, known)


def shading_price(shading: jax.Array) -> jax.Array:
    """What shading costs, (B,), for r, (B, H, W).

    Σ r² and four times the squares of its steps to the next pixels, so that it stays soft.
    """
    steps = jnp.diff(shading, axis=1), jnp.diff(shading, axis=2)
    return _sum(jnp.square(shading)) + 4 * sum(_sum(jnp.square(step)) for step in steps)


def _where_there_is_a_source(squared: jax.Array, exposed: jax.Array, known: jax.Array) -> jax.Array:
    return _sum(jnp.where(exposed | ~known, 0, squared))


def fvae_terms(batch: Mapping[str, jax.Array], output: Any, settings: ml_collections.ConfigDict) -> Terms:
    """The terms of Eq. 1, and those beyond it, from a forward pass.

    Args:
      batch: `target`, and with known flow the other fields that `data.pairs.load_pair` names.
      output: Of `models.fvae.FVAE`, or of the pixel VAE, which has no flow.
      settings: `config.loss`. Terms that the output lacks are zero, and so are those of the true flow without weight.
    """
    target = batch['target']
    nothing = jnp.zeros(target.shape[0], target.dtype)
    terms = Terms(reconstruction(target, output.image), prior(*output.latent), *[nothing] * 6)
    if output.decoded is None:
        return terms
    flow, alpha_logit, _, shading = output.decoded
    displacement = warp.flow_to_displacement(flow)
    found = {'coherence': coherence(displacement, target, settings.flow_alpha, settings.flow_sigma)}
    if alpha_logit is not None:
        found['content'] = content_price(alpha_logit)
        if settings.exposed_weight:
            found['exposure'] = exposure(alpha_logit, batch['opening'], batch['opening_known'])
    if settings.true_flow_weight:
        found['flow_error'] = flow_error(displacement, batch['displacement'], batch['exposed'], batch['known'])
    if shading is not None:
        found['shading'] = shading_price(shading)
        if settings.shading_weight:
            squared = jnp.square(shading - batch['shade'])
            found['shading_error'] = _where_there_is_a_source(squared, batch['exposed'], batch['known'])
    return terms._replace(**found)


def total(terms: Terms, settings: ml_collections.ConfigDict) -> jax.Array:
    """Eq. 1 per example, (B,), and what goes beyond it; `settings` is `config.loss`."""
    return (
        terms.reconstruction
        + settings.prior_weight * terms.prior
        + settings.flow_weight * terms.coherence
        + settings.content_price * terms.content
        + settings.exposed_weight * terms.exposure
        + settings.true_flow_weight * terms.flow_error
        + settings.shading_price * terms.shading
        + settings.shading_weight * terms.shading_error
    )


def soft_label(target: jax.Array, output: jax.Array, beta: jax.Array | float) -> jax.Array:
    """Eq. 7: y = exp(−‖T − g(S, Z(T))‖² / β) per pixel, (B, H, W) in (0, 1], a constant for differentiation.

    T and g are (B, H, W, 3), and β is the mean of ‖T − g‖² over the pixels of the training pairs.
    """
    return jax.lax.stop_gradient(jnp.exp(-jnp.sum(jnp.square(target - output), -1) / beta))


def mask_cross_entropy(label: jax.Array, logits: jax.Array) -> jax.Array:
    """Eq. 8 with its brackets: −Σ(y log M + (1 − y) log(1 − M)) over pixels, (B,), nats.

    Of y, (B, H, W) in [0, 1], and the logits (B, H, W) of M.
    """
    return _sum(optax.sigmoid_binary_cross_entropy(logits, label))


def binary_entropy(label: jax.Array) -> jax.Array:
    """H(y) in nats, elementwise: what no mask can remove from Eq. 8."""
    return jax.scipy.special.entr(label) + jax.scipy.special.entr(1 - label)
