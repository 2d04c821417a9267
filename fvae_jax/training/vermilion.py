"""What a mouth at rest looks like beside the skin around it, learned from the training people, for the model file."""

import ml_collections
import numpy as np
from tqdm import tqdm

from fvae_jax.data import lips as lips_lib
from fvae_jax.data.people import Faces
from fvae_jax.editing import latent, vermilion
from fvae_jax.ops import frame as frame_lib
from fvae_jax.training import exemplars

_FEWEST = 20  # images; the mean of fewer is somebody's mouth
_MADE = 'synthetic'  # the origin of images whose lips were drawn


def collect(config: ml_collections.ConfigDict, faces: Faces) -> np.ndarray | None:
    """Returns the mean of `vermilion.seen` over neutral photos, mirrored as often as not; None without enough contours.

    Args:
      config: The experiment.
      faces: The set and who trains.
    """
    frame, size, train = frame_lib.of(config), config.data.image_size, set(faces.split.train)
    shown = []
    for i, record in enumerate(tqdm(faces.data.records, desc='lips at rest', delay=2, leave=False, disable=None)):
        if record.identity not in train or record.expression != latent.NEUTRAL or record.origin == _MADE:
            continue
        if 'lips' not in (example := faces.data[i]) or not np.isfinite(example['lips']).all():
            continue
        crop = exemplars.crop(config, frame, record.file)
        contour = (example['lips'] + 0.5) * (len(crop) / size) - 0.5
        shown.append(_at_rest(crop, contour, frame.eye_distance * len(crop)))
    if len(shown) < _FEWEST:
        return None
    rest = np.mean(shown, axis=0)
    return np.float32((rest + rest[:, ::-1]) / 2)


def _at_rest(crop: np.ndarray, contour: np.ndarray, distance: float) -> np.ndarray:
    """A map of the mouth with this contour, (n, 2), px of the crop."""
    half = lips_lib.POINTS // 2
    (left, right), lower = contour[[0, half], 0], contour[[0, *range(lips_lib.POINTS - 1, half - 1, -1)]]
    line = (contour[: half + 1] + lower) / 2
    rows = np.interp(vermilion.columns(left, right), *line.T)
    return vermilion.seen(crop, vermilion.places(left, right, rows, distance), distance)
