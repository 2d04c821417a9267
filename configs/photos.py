r"""Anyone's own photos: a folder with index.csv (path, identity, expression) or IDENTITY/EXPRESSION*.jpg.

  python -m fvae_jax.main --config=configs/photos.py:small --config.data.root=DATA --workdir=runs/mine

Variants: `:small` is 64 px and width 16.
Expected time of `:small`: 8 minutes on 2 CPU cores, mask included. Expected result on 16 people kept out of training,
with 59 to learn neutral and smile from (London set, see docs/training.md): PSNR 27.1 dB where copying the source has
23.2, in the mouth region 25.3 and 22.2. At 128 px and width 32 a step takes about 1.2 s on 2 CPU cores: take a
GPU, or a smaller width; its result was not measured.
"""

from fvae_jax.config import default_config, parse_arg


def get_config(arg=None):
    """Returns the config."""
    variants = parse_arg(arg, ('small',))
    config = default_config()
    config.name = 'photos'
    config.data.set = 'photos'
    config.data.jitter_degrees = 6.0
    config.data.jitter_scale = 0.05
    config.data.jitter_shift = 0.02
    config.model.norm_momentum = 0.9
    config.model.width = 32
    config.model.latent_channels = 64
    config.train.batch_size = 16
    config.train.steps = 20_000
    config.confidence.width = 8
    config.confidence.steps = 1000
    config.train.schedule = 'cosine'
    config.train.evaluate_every = 500
    if 'small' in variants:
        config.name = 'photos_small'
        config.data.image_size = 64
        config.model.width = 16
        config.train.batch_size = 32
        config.train.steps = 1800
        config.confidence.steps = 400
        config.train.evaluate_every = 200
    return config
