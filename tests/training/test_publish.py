"""What a finished run says of its training people: the expression latents of Algorithm 1."""

from typing import NamedTuple

import jax
import numpy as np

from configs import synthetic
from fvae_jax.data.people import Faces, Split
from fvae_jax.models import fvae
from fvae_jax.ops import image as image_ops
from fvae_jax.training import publish


class _Record(NamedTuple):
    identity: str
    expression: str
    strength: float = 1.0


class _Faces:
    """Random pictures; person `c` is no training person."""

    def __init__(self, size):
        self.records = [_Record(person, name) for person in 'abc' for name in ('neutral', 'smile')]
        self.images = np.random.default_rng(0).integers(0, 255, (len(self.records), size, size, 3), np.uint8)

    def __getitem__(self, index):
        return {'image': self.images[index]}


def test_class_means_are_those_of_the_training_people_and_their_mirror_images():
    config = synthetic.get_config('tiny')
    faces, network = _Faces(config.data.image_size), fvae.from_config(config)
    first = image_ops.to_float(faces.images[:1])
    variables = jax.jit(network.init)(jax.random.key(0), first, first)
    variables = {**variables, 'params': jax.tree.map(lambda weights: 10 * weights, variables['params'])}

    encode = jax.jit(lambda images: network.apply(variables, images, method='encode').mean)

    def means(images):
        return np.asarray(encode(image_ops.to_float(images)))

    smiles = faces.images[[1, 3]]
    plain, mirrored = means(smiles).mean(0), means(smiles[:, :, ::-1]).mean(0)
    assert np.abs(plain - mirrored).max() > 1e-3  # else neither test below could fail
    for mirror, expected in ((False, plain), (True, (plain + mirrored) / 2)):
        config.latent.mirror = mirror
        statistics = publish.training_latents(config, Faces(faces, Split(('a', 'b'), (), ('c',))), variables)
        assert statistics.counts == {'neutral': 2, 'smile': 2}
        np.testing.assert_allclose(statistics.class_means['smile'], expected, atol=1e-5 * np.abs(expected).max())
