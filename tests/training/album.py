"""A folder of aligned photos with its index, for a training."""

import cv2
import numpy as np

from configs import synthetic
from fvae_jax.data import lips


def written(root, photos, people=12):
    """Writes the photos of so many people, and the lips that are known: the tiny config of that folder.

    Args:
      root: An empty folder.
      photos: `photos(person)` gives {expression: (BGR image, origin, and contour of the lips if it is known)}, person
        from 0 on.
      people: How many.
    """
    rows = ['path,identity,expression,origin']
    contours = ['path,' + ','.join(f'{axis}{i}' for i in range(lips.POINTS) for axis in 'xy')]
    for person in range(people):
        for expression, (image, origin, *known) in photos(person).items():
            name = f'p{person}_{expression}.png'
            cv2.imwrite(str(root / name), np.clip(np.rint(image), 0, 255).astype(np.uint8))
            rows.append(f'{name},p{person},{expression},{origin}')
            contours += [f'{name},' + ','.join(map(str, points.ravel())) for points in known]
    (root / 'index.csv').write_text('\n'.join(rows))
    if len(contours) > 1:
        (root / lips.FILE).write_text('\n'.join(contours))
    config = synthetic.get_config('tiny')
    config.data.update(set='photos', root=str(root), aligned=True, frame='wide', cache=str(root / 'cache'))
    return config
