"""Makes the model of a run the one that the package ships: python launch/ship_model.py RUN [--help]

RUN/model.safetensors goes to fvae_jax/assets/faces.safetensors in half precision, provided that pictures stay what they
are: NASA's portrait of Eileen Collins (scikit-image's `astronaut`), edited with each expression of the model at
strength 1, must come out the same with both files, but for rounding. `--without` leaves out expressions that turned
out badly. `--stronger smile=1.2` makes strength 1 what 1.2 was, of an expression that moves strangers less than the
people who show it, by an outside measurement.
"""

import argparse
import pathlib
import tempfile
import types
from collections.abc import Collection, Mapping
from typing import NamedTuple

import numpy as np
import skimage.data

import fvae_jax
from fvae_jax import bundle as bundle_lib, runtime
from fvae_jax.editing import latent
from fvae_jax.errors import InputError
from fvae_jax.photo import write

MAX_MEGABYTES = 20
# Of a channel, in steps of 1/255: what nearly all pixels of the face may differ by, and what all but one in two
# thousand. Lips that part or meet have edges, which rounded weights move by a fiftieth of a pixel, and in the corners
# of a mouth one may begin a pixel sooner.
ROUNDING, SHARE, MAX_DIFFERENCE, ALL = 1, 0.997, 4, 0.9995


class Difference(NamedTuple):
    """How far two edits of one photo are apart.

    Attributes:
      largest: Over channels and all but one in two thousand pixels of the face, in steps of 1/255.
      equal: Share of the pixels of the face that differ by rounding at most.
    """

    largest: int
    equal: float


def compare(model: pathlib.Path, candidate: pathlib.Path) -> dict[str, Difference]:
    """Edits the portrait by two model files; returns how far the results are apart, by expression."""
    editors = [fvae_jax.load(path) for path in (model, candidate)]
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / 'astronaut.png'
        write.write_png(path, skimage.data.astronaut())
        photos = [editor.open(path) for editor in editors]
    differences = {}
    for name in editors[1].expressions:
        edits = [photo.edit(**{name: 1.0}) for photo in photos]
        first, second = (edited.photo.pixels.astype(np.int16) for edited in edits)
        apart = np.abs(first - second).max(axis=-1)
        y0, y1, x0, x1 = edits[0].box  # what is outside cannot differ, and would dilute the share
        apart = apart[y0:y1, x0:x1]
        differences[name] = Difference(int(np.quantile(apart, ALL)), float((apart <= ROUNDING).mean()))
    return differences


def without(bundle: bundle_lib.Bundle, expressions: Collection[str]) -> bundle_lib.Bundle:
    """Takes expressions out of what a model offers.

    Raises:
      InputError: The model does not have one of them.
    """
    for name in sorted(set(expressions) - set(bundle.statistics.counts)):
        raise InputError(f'--without {name}: the model has {", ".join(sorted(bundle.statistics.counts))}')
    *tables, spread = bundle.statistics
    kept = ({name: value for name, value in table.items() if name not in expressions} for table in tables)
    return bundle._replace(statistics=bundle_lib.LatentStatistics(*kept, spread))


def stronger(bundle: bundle_lib.Bundle, factors: Mapping[str, float]) -> bundle_lib.Bundle:
    """Multiplies the directions of expressions, and notes it in the model's facts.

    Raises:
      InputError: The model does not have one of them.
    """
    stats = bundle.statistics
    for name in sorted(factors.keys() - (stats.class_means.keys() - {latent.NEUTRAL})):
        raise InputError(f'--stronger {name}: the model has {", ".join(sorted(stats.class_means))}')
    neutral = stats.class_means[latent.NEUTRAL]
    means = {n: neutral + np.float32(factors.get(n, 1)) * (mean - neutral) for n, mean in stats.class_means.items()}
    within = {n: np.float32(factors.get(n, 1)) * change for n, change in stats.within_identity.items()}
    info = {**bundle.info, 'stronger': dict(factors)} if factors else bundle.info
    return bundle._replace(statistics=stats._replace(class_means=means, within_identity=within), info=info)


def ship(
    model: pathlib.Path,
    target: pathlib.Path,
    left_out: Collection[str] = (),
    factors: Mapping[str, float] = types.MappingProxyType({}),
) -> str:
    """Writes a model in half precision, if it edits as before and is small enough; returns what was measured.

    Args:
      model: RUN/model.safetensors.
      target: The file, replaced if it is there.
      left_out: Expressions that the model knows and shall not offer.
      factors: See `stronger`.

    Raises:
      InputError: The model cannot be read or edits no photos, or half precision shows, or the file is too large;
        nothing is replaced then.
    """
    candidate, whole = (target.with_name(f'{target.name}.{name}.tmp') for name in ('candidate', 'whole'))
    try:
        bundle = stronger(without(bundle_lib.load(model), left_out), factors)
        bundle_lib.save(whole, bundle)
        bundle_lib.save(candidate, bundle, half=True)
        size = candidate.stat().st_size / 1e6
        differences = compare(whole, candidate)
        worst = max(differences, key=lambda name: differences[name].largest)
        largest, equal = differences[worst].largest, min(difference.equal for difference in differences.values())
        measured = (
            f'{size:.1f} MB; {len(differences)} edits differ by {largest}/255 at most ({worst}), and by '
            f'{ROUNDING}/255 at most in {100 * equal:.3f} % of the pixels of the face'
        )
        if size > MAX_MEGABYTES:
            raise InputError(
                f'{model} is too large to ship, {measured}; at most {MAX_MEGABYTES} MB: train it with a '
                'smaller model.width, model.latent_channels or confidence.width'
            )
        if largest > MAX_DIFFERENCE or equal < SHARE:
            raise InputError(
                f'{model} edits otherwise in half precision, {measured}; {MAX_DIFFERENCE}/255, and '
                f'{ROUNDING}/255 in {100 * SHARE:g} %, are allowed: ship another run'
            )
        candidate.replace(target)
    finally:
        candidate.unlink(missing_ok=True)
        whole.unlink(missing_ok=True)
    return measured


def main() -> None:
    """Ships the model of the run that is named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('run', metavar='RUN', type=pathlib.Path, help='the directory of a training run')
    parser.add_argument('--without', metavar='EXPRESSION', nargs='+', default=[], help='expressions to leave out')
    parser.add_argument(
        '--stronger', metavar='EXPRESSION=FACTOR', nargs='+', type=_factor, default=[], help='directions to multiply'
    )
    args = parser.parse_args()
    runtime.prepare()
    measured = ship(args.run / 'model.safetensors', bundle_lib.BUILT_IN, args.without, dict(args.stronger))
    print(f'wrote {bundle_lib.BUILT_IN}: {measured}')


def _factor(text: str) -> tuple[str, float]:
    name, _, factor = text.rpartition('=')
    return name, float(factor)


if __name__ == '__main__':
    runtime.exit_on_error(main)
