"""Evaluation on people kept out of training: means over pairs, and sample grids."""
# ruff: noqa: D102 (the methods of an evaluator are told by `Evaluator`)

import abc
import json
import pathlib
from collections.abc import Callable
from typing import Any

import jax
import ml_collections
import numpy as np

from fvae_jax import losses
from fvae_jax.data import pipeline
from fvae_jax.data.builder import FaceData
from fvae_jax.data.people import Faces
from fvae_jax.models import fvae
from fvae_jax.ops import flow_color, frame as frame_lib, grid, image as image_ops, warp
from fvae_jax.photo import output
from fvae_jax.training import devices, parallel

_ROWS_SHOWN = 8


class Evaluator(abc.ABC):
    """Scores a network on pairs of people it was not trained on, and draws samples.

    Attributes:
      pairs: (pairs, 2) of the people to validate and to test, by 'validation' and 'test'.
    """

    def __init__(self, faces: Faces, config: ml_collections.ConfigDict):
        self.pairs = {part: faces.pairs(part, config.eval.max_pairs) for part in ('validation', 'test')}
        self._faces = faces.data
        self._config = config
        self._judge = jax.jit(self._make_judge())
        self._strategy = devices.own_devices(config.eval.batch_size)

    @abc.abstractmethod
    def _make_judge(self) -> Callable:
        """Returns `(state, batch) -> (scores, pictures)`, all with a leading batch axis."""

    def _finish(self, means: dict[str, float]) -> dict[str, float]:
        """Makes the scores, `loss` (what early stopping looks at) among them, from the means over all pairs."""
        return means

    @abc.abstractmethod
    def _draw(self, source: np.ndarray, target: np.ndarray, pictures: Any, labels: list[str]) -> np.ndarray:
        """Draws the labelled grid of a few pairs."""

    @abc.abstractmethod
    def summary(self, scores: dict[str, float]) -> str:
        """Returns one line for people."""

    def people(self, pairs: np.ndarray) -> int:
        """Returns the number of identities in pairs."""
        return len({self._faces.records[int(source)].identity for source, _ in pairs})

    def score(self, state: Any, pairs: np.ndarray) -> dict[str, float]:
        """Returns the scores of a state, on one device or replicated: means over (pairs, 2) indices into the set."""
        scores = over_pairs(lambda *given: self._judge(*given)[0], state, self._faces, pairs, self._config)
        return self._finish({name: float(np.mean(values, dtype=np.float64)) for name, values in scores.items()})

    def samples(self, state: Any, pairs: np.ndarray) -> np.ndarray:
        """Returns a labelled grid of a few of the pairs, (h, w, 3) uint8."""
        shown = pipeline.thin(pairs, min(_ROWS_SHOWN, self._config.eval.batch_size))
        # A batch of the usual size, so that the same program serves.
        batch, valid = next(pipeline.evaluation_batches(self._faces, shown, self._config))
        _, pictures = self._judge(self._strategy.place(state), self._strategy.shard(batch))
        records = self._faces.records
        labels = [f'{records[s].expression} → {records[t].expression}' for s, t in shown]
        first = jax.tree.map(lambda x: np.asarray(x)[:valid], (batch['source'], batch['target'], pictures))
        return self._draw(*first, labels)


def over_pairs(
    score: Callable[[Any, dict[str, jax.Array]], dict[str, jax.Array]],
    state: Any,
    faces: FaceData,
    pairs: np.ndarray,
    config: ml_collections.ConfigDict,
) -> dict[str, np.ndarray]:
    """Scores pairs, spread over the devices of all processes, which all have to call this.

    By `score`, which is compiled: `(state, batch) -> {name: (B,)}`. The state lies on one device or is replicated, and
    pairs, at least one, are (pairs, 2) indices into the set. Returns {name: (pairs,)}, the same in every process.
    """
    strategy = devices.own_devices(config.eval.batch_size)
    state = strategy.place(state)

    def work(numbers: np.ndarray) -> dict[str, np.ndarray]:
        found = [
            {name: np.asarray(values)[:valid] for name, values in score(state, strategy.shard(batch)).items()}
            for batch, valid in pipeline.evaluation_batches(faces, pairs[numbers], config)
        ]
        return {name: np.concatenate([scores[name] for scores in found]) for name in found[0]}

    return parallel.divided(work, len(pairs))


class FVAEEvaluator(Evaluator):
    """PSNR and SSIM with the target's latent, beside those of copying the source."""

    def _make_judge(self) -> Callable:
        forward, settings = fvae.from_config(self._config).apply, self._config.loss
        mouth = frame_lib.of(self._config).mouth

        def judge(state, batch):
            source, target = batch['source'], batch['target']
            output = forward(state.variables, source, target)
            scores = {'loss': losses.total(losses.fvae_terms(batch, output, settings), settings)}
            for suffix, image in (('', output.image), ('_copy', source)):
                at_mouth = (image_ops.crop_region(whole, *mouth) for whole in (image, target))
                scores['psnr' + suffix] = image_ops.psnr(image, target)
                scores['psnr_mouth' + suffix] = image_ops.psnr(*at_mouth)
                scores['ssim' + suffix] = image_ops.ssim(image, target)
            return scores, output

        return judge

    def _draw(self, source, target, pictures, labels):
        """Source, what g makes of it, target, flow and content, a row for each pair."""
        decoded = pictures.decoded
        moved = 'warped' if decoded is None or decoded.alpha_logit is None else 'warped, content added'
        made = 'decoded' if decoded is None else moved
        columns = {'source': source, made: pictures.image, 'target': target}
        columns = {name: [image_ops.to_uint8(np.asarray(x)) for x in images] for name, images in columns.items()}
        if decoded is not None:
            displacement = np.asarray(warp.flow_to_displacement(decoded.flow))
            # One scale for all rows, from the data, so that rows can be compared.
            reach = max(1.0, float(np.quantile(np.linalg.norm(displacement, axis=-1), 0.999)))
            columns[f'flow, 0 to {reach:.1f} px'] = [flow_color.flow_to_color(f, reach) for f in displacement]
            if decoded.alpha_logit is not None:
                alpha = np.asarray(jax.nn.sigmoid(decoded.alpha_logit))[..., None]
                content = -1 + alpha * (1 + np.asarray(decoded.color))
                columns['content, where it is new'] = [image_ops.to_uint8(x) for x in content]
        return grid.image_grid([list(row) for row in zip(*columns.values())], list(columns), labels)

    def summary(self, scores: dict[str, float]) -> str:
        return (
            f'PSNR {scores["psnr"]:.2f} dB (copy {scores["psnr_copy"]:.2f}), '
            f'mouth {scores["psnr_mouth"]:.2f} (copy {scores["psnr_mouth_copy"]:.2f}), '
            f'SSIM {scores["ssim"]:.3f} (copy {scores["ssim_copy"]:.3f})'
        )


def write_evaluation(workdir: pathlib.Path, scores: dict[str, float], **facts: Any) -> None:
    """Writes RUN/evaluation.json: facts (people, pairs, step, split), then every score."""
    output.write(workdir / 'evaluation.json', json.dumps({**facts, **scores}, indent=2) + '\n')
