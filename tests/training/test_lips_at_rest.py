"""What lips at rest are like is learned from neutral photos of the training people."""

import numpy as np
from editing import mouths
from training import album

from fvae_jax.data import lips as lips_lib
from fvae_jax.data.people import open_faces
from fvae_jax.editing import vermilion as used
from fvae_jax.training import lips


def test_the_mean_of_neutral_mouths(tmp_path, monkeypatch):
    """Drawn ones are lips of one color above and below their line; smiles, and what was made, are left out."""
    table = ['path,' + ','.join(f'{axis}{i}' for i in range(lips_lib.POINTS) for axis in 'xy')]
    rng = np.random.default_rng(0)

    def photos(person):
        found = {}
        for expression in ('neutral', 'smile'):
            image, points = mouths.drawn(rng, open_=0.0 if expression == 'neutral' else 0.2)
            found[expression] = image[..., ::-1], 'real'
            table.append(f'p{person}_{expression}.png,' + ','.join(map(str, points.ravel())))
        return found

    config = album.written(tmp_path, photos, 12)
    (tmp_path / lips_lib.FILE).write_text('\n'.join(table))
    faces = open_faces(config)
    assert lips.at_rest(config, faces, lips.outlined(faces)) is None  # too few
    monkeypatch.setattr(lips, '_FEWEST_AT_REST', 4)
    rest = lips.at_rest(config, faces, lips.outlined(faces))
    assert rest.shape == (len(used.DOWN), len(used.ACROSS), 3) and rest.dtype == np.float32
    np.testing.assert_allclose(rest, rest[:, ::-1], atol=1e-6)
    red = np.log(np.array([172, 92, 98]) / [205, 165, 145])  # lips beside skin, as they are drawn
    middle = len(used.ACROSS) // 2
    for down in (-0.04, 0.06):
        np.testing.assert_allclose(rest[np.argmin(np.abs(used.DOWN - down)), middle], red, atol=0.12)
    for down in (-0.22, 0.28):
        assert np.abs(rest[np.argmin(np.abs(used.DOWN - down)), middle]).max() < 0.05
