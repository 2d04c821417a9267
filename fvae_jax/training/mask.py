"""Training the confidence mask on a frozen FVAE (3.2): soft labels of Eq. 7, cross entropy of Eq. 8."""
# ruff: noqa: D102 (the methods of an evaluator are told by `Evaluator`)

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np

from fvae_jax import losses
from fvae_jax.data.builder import FaceData
from fvae_jax.models import fvae
from fvae_jax.ops import frame as frame_lib, grid, image as image_ops
from fvae_jax.training import evaluate, steps


def measure_beta(faces: FaceData, pairs: np.ndarray, config: ml_collections.ConfigDict, variables: Any) -> float:
    """Returns β of Eq. 7: the mean over the pixels of the given (training) pairs of ‖T − g(S, μ(T))‖²."""
    forward = fvae.from_config(config).apply

    @jax.jit
    def error(variables, batch):
        output = forward(variables, batch['source'], batch['target'])
        return {'error': jnp.mean(jnp.sum(jnp.square(batch['target'] - output.warped), -1), (1, 2))}

    return float(np.mean(evaluate.over_pairs(error, variables, faces, pairs, config)['error'], dtype=np.float64))


def _make_judgement(config: ml_collections.ConfigDict) -> Callable:
    """Returns `(frozen, source, target) -> (μ(T), g(S, μ(T)), y)`: what the frozen FVAE says of a pair.

    g is the warp alone: M weighs moved pixels against each other, whatever a content layer lays over them.
    """
    forward = fvae.from_config(config).apply

    def judge(frozen: dict[str, Any], source: jax.Array, target: jax.Array):
        output = forward(frozen['fvae'], source, target)
        return output.latent.mean, output.warped, losses.soft_label(target, output.warped, frozen['beta'])

    return judge


def make_mask_train_step(config: ml_collections.ConfigDict) -> Callable:
    """Returns the step of the mask; see `steps.make_step`."""
    judge = _make_judgement(config)

    def objective(apply: Callable, batch: steps.Batch, state: steps.TrainState):
        latent, _, label = judge(state.frozen, batch['source'], batch['target'])
        logits, changed = apply(batch['source'], latent)
        loss = jnp.mean(losses.mask_cross_entropy(label, logits))
        entropy = jnp.mean(jnp.sum(losses.binary_entropy(label), (1, 2)))
        return loss, changed, {'excess': loss - entropy}

    return steps.make_step(config, fvae.mask_from_config(config), config.confidence.steps, objective)


class MaskEvaluator(evaluate.Evaluator):
    """How much of the uncertainty about y the mask removes, and where it trusts the warp.

    Scores per pixel, in nats: `cross_entropy` (Eq. 8), `entropy` (the mean of H(y), which no mask can remove),
    `constant` (the cross entropy of the best constant mask), and `removed`, the share of
    constant − entropy that the mask removes. Beside them the means of `label` (y) and of `mask` (M), of M also in
    the mouth and on the forehead.
    """

    def _make_judge(self) -> Callable:
        judge_pair, model = _make_judgement(self._config), fvae.mask_from_config(self._config)
        frame = frame_lib.of(self._config)

        def judge(state, batch):
            source = batch['source']
            latent, image, label = judge_pair(state.frozen, source, batch['target'])
            logits = model.apply(state.variables, source, latent)
            scores = {
                'cross_entropy': losses.mask_cross_entropy(label, logits) / label[0].size,
                'entropy': jnp.mean(losses.binary_entropy(label), (1, 2)),
                'label': jnp.mean(label, (1, 2)),
            }
            mask = jax.nn.sigmoid(logits)
            regions = {'mask': ((0, 1), (0, 1)), 'mask_mouth': frame.mouth, 'mask_forehead': frame.forehead}
            for name, region in regions.items():
                scores[name] = jnp.mean(image_ops.crop_region(mask[..., None], *region), (1, 2, 3))
            return scores, (image, label, mask)

        return judge

    def _finish(self, means: dict[str, float]) -> dict[str, float]:
        constant = float(losses.binary_entropy(np.float32(means['label'])))
        removed = (constant - means['cross_entropy']) / max(constant - means['entropy'], 1e-9)
        return {'loss': means['cross_entropy'], **means, 'constant': constant, 'removed': removed}

    def _draw(self, source, target, pictures, labels):
        image, label, mask = pictures
        gray = [np.repeat(np.round(255 * x[..., None]).astype(np.uint8), 3, -1) for x in (label, mask)]
        colors = [image_ops.to_uint8(x) for x in (source, image, target)]
        columns = ['source', 'warped', 'target', 'y (Eq. 7)', 'mask M']
        return grid.image_grid([list(row) for row in zip(*colors, *gray)], columns, labels)

    def summary(self, scores: dict[str, float]) -> str:
        return (
            f'mask: cross entropy {scores["cross_entropy"]:.3f} nats per pixel (best constant '
            f'{scores["constant"]:.3f}, floor {scores["entropy"]:.3f}), {100 * scores["removed"]:.0f} % '
            'of what can be removed'
        )
