r"""The embedded default: faces drawn in code, at 64 px and width 16. Needs no data.

  python -m fvae_jax.main --config=configs/synthetic.py

Expected time: 6 minutes on 2 CPU cores. Expected result: see docs/paper.md, "Measured".
Variants: `:tiny` is what the tests train in seconds. `:content` adds the content layer and learns from the true flow,
for three times as many steps and twice as many strengths: 14 minutes on 2 CPU cores.
"""

from fvae_jax.config import default_config, parse_arg


def get_config(arg=None):
    """Returns the config."""
    variants = parse_arg(arg, ('tiny', 'content'))
    config = default_config()
    config.name = 'synthetic'
    config.data.set = 'synthetic'
    config.data.note = 'faces drawn in code by fvae_jax'
    config.data.licence = 'Apache-2.0'
    config.data.image_size = 64
    # Half strengths teach the frames between, which interpolation passes; class means leave them out.
    config.data.strengths = (0.5, 1.0)
    config.model.norm_momentum = 0.9
    config.model.width = 16
    config.model.latent_channels = 64
    config.train.batch_size = 32
    config.train.steps = 1000
    config.confidence.steps = 300
    config.train.schedule = 'cosine'
    config.train.evaluate_every = 250
    config.eval.max_pairs = 256
    if 'content' in variants:
        config.name = 'synthetic_content'
        config.model.content = True
        config.data.true_flow = True
        config.data.strengths = (0.25, 0.5, 0.75, 1.0)
        config.loss.exposed_weight = 0.1
        config.loss.true_flow_weight = 0.02
        config.train.steps = 3000
    if 'tiny' in variants:
        config.name = 'synthetic_tiny'
        config.data.identities = 12
        config.data.strengths = (1.0,)
        config.data.validation_share = 0.2
        config.model.width = 4
        config.model.latent_channels = 8
        config.train.batch_size = 8
        config.train.steps = 12
        config.confidence.steps = 8
        config.train.log_every = 4
        config.train.evaluate_every = 4
        config.eval.batch_size = 8
        config.eval.max_pairs = 16
    return config
