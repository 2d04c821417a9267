"""Models of every form that can be exported, and crops to try them on."""

import jax
import numpy as np
import skimage.data

from editing import models
from fvae_jax.data import align
from fvae_jax.export import check
from fvae_jax.ops import image as image_ops

FORMS = {
    'plain': dict(mask=False),
    'all': dict(content=True),
    'group norm': dict(norm='group', content=True),
    'absolute': dict(flow={'parameterization': 'absolute'}),
    'near identity': dict(flow={'parameterization': 'near_identity'}, content=True),
    'bottleneck': dict(model={'source_concat': 'bottleneck'}, content=True),
    'narrow mask': dict(confidence={'width': 4}),
    'bfloat16': dict(model={'dtype': 'bfloat16'}),
    '128 px': dict(data={'image_size': 128}, content=True),
    '256 px': dict(data={'image_size': 256}, mask=False),
}


def bundle(form):
    """A model with random weights, whose normalisations have statistics, gains and offsets of their own."""
    made = models.random_bundle(**FORMS[form])
    rng = np.random.default_rng(0)

    def lively(path, value):
        if 'norm' not in jax.tree_util.keystr(path):
            return value
        draw = rng.uniform(0.5, 1.5, value.shape) if path[-1].key in ('scale', 'var') else rng.normal(0, 0.2, value.shape)
        return np.float32(draw)

    network, mask = (tree and jax.tree_util.tree_map_with_path(lively, tree) for tree in (made.fvae, made.mask))
    return made._replace(fvae=network, mask=mask)


def crops(size):
    """The astronaut, and drawn faces."""
    photo = skimage.data.astronaut()
    face = align.main_face(align.detect_faces(photo))
    crop = align.align_crop(photo, align.crop_transform(face.landmarks, size), size)
    return np.concatenate([image_ops.to_float(crop)[None], check.drawn_crops(size)])


def of_editor(editor, crop, strengths):
    """What the Editor, on its own way, says of a crop and an edit: as an export names it."""
    face = editor.encode(crop)
    latent = editor.edited_latent(face, strengths)
    decoded = editor._decode(latent, face.features)
    result = {'latent': latent, 'displacement': editor.displacement(face, latent, anchor=False)}
    if decoded.color is not None:
        result.update(alpha_logit=decoded.alpha_logit, color=decoded.color)
    if editor.has_mask:
        result['mask_logit'] = editor.mask_logits(face, latent)
    return result, editor.edit(face, strengths)
