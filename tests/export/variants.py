"""Models of every form that can be exported, and crops to try them on."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import skimage.data

from configs import synthetic
from fvae_jax import bundle as bundle_lib
from fvae_jax.data import align
from fvae_jax.export import check
from fvae_jax.models import fvae
from fvae_jax.ops import image as image_ops
from fvae_jax.ops.frame import TIGHT

# Every choice of a model's config that its graphs depend on; those that have nothing to do with each other share one.
FORMS = {
    'all': {'model': {'content': True, 'shading': True}},
    'no mask': {'confidence': {'enabled': False}},
    'near identity': {'model': {'content': True}, 'flow': {'parameterization': 'near_identity'}},
    'bottleneck': {'model': {'content': True, 'source_concat': 'bottleneck'}, 'confidence': {'width': 6}},
    'shading alone': {'model': {'shading': True}, 'confidence': {'enabled': False}},
    'bfloat16': {'model': {'dtype': 'bfloat16'}, 'flow': {'parameterization': 'absolute'}},
    '256 px': {'confidence': {'enabled': False}, 'data': {'image_size': 256}},
}


def bundle(form, loudness=0.3):
    """A model with random weights, in whose normalisations nothing is 0 or 1; `loudness` is of the last layers.

    It is the caller's to change.
    """
    made = _bundle(form, loudness)
    statistics = bundle_lib.LatentStatistics(*(dict(table) for table in made.statistics[:3]))
    config = made.config.copy_and_resolve_references()
    fvae_weights, mask = jax.tree.map(np.copy, (made.fvae, made.mask))
    return made._replace(config=config, fvae=fvae_weights, mask=mask, statistics=statistics, info=dict(made.info))


@functools.cache
def _bundle(form, loudness):
    config = synthetic.get_config('tiny')
    config.update(FORMS[form])
    rng = np.random.default_rng(0)

    def draw(path, leaf):
        name = path[-1].key
        if name == 'kernel':
            scale = np.sqrt(2 / np.prod(leaf.shape[:-1])) * (loudness if 'out' in jax.tree_util.keystr(path) else 1)
            return np.float32(scale * rng.normal(size=leaf.shape))
        factor = name in ('scale', 'var')
        return np.float32(rng.uniform(0.5, 1.5, leaf.shape) if factor else rng.normal(0, 0.2, leaf.shape))

    def weights(network, *inputs):
        drawn = jax.tree_util.tree_map_with_path(draw, jax.eval_shape(network.init, jax.random.key(0), *inputs))
        return dict(drawn)

    size = config.data.image_size
    image, latent = jnp.zeros((1, size, size, 3)), jnp.zeros((1, 4, 4, 8))
    network = weights(fvae.from_config(config), image, image)
    mask = weights(fvae.mask_from_config(config), image, latent) if config.confidence.enabled else None
    means = {name: np.float32(rng.normal(0, 0.5, (4, 4, 8))) for name in ('neutral', 'smile', 'surprise')}
    statistics = bundle_lib.LatentStatistics(means, {}, dict.fromkeys(means, 5))
    return bundle_lib.Bundle(config, network, mask, statistics, {'step': 12, 'data': 'dice', 'licence': 'none'})


def crops(size):
    """The astronaut, and drawn faces."""
    photo = skimage.data.astronaut()
    face = align.main_face(align.detect_faces(photo))
    crop = align.align_crop(photo, align.crop_transform(face.landmarks, size, TIGHT), size)
    return np.concatenate([image_ops.to_float(crop)[None], check.drawn_crops(size)])


def of_editor(editor, crop, strengths):
    """What the Editor, on its own way, says of a crop and an edit, named as in an export."""
    face = editor.encode(crop)
    latent = editor.edited_latent(face, strengths)
    decoded = editor.decode(face, latent)
    result = {'latent': latent, 'displacement': editor.displacement(face, latent, anchor=False)}
    if decoded.color is not None:
        result.update(alpha_logit=decoded.alpha_logit, color=decoded.color)
    if decoded.shading is not None:
        result['shading'] = decoded.shading
    if editor.has_mask:
        result['mask_logit'] = editor.mask_logits(face, latent)
    return result
