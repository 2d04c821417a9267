r"""The paper's experiment: CMU Multi-PIE at 128 px, width 64 (44 M parameters).

  python -m fvae_jax.main --config=configs/multipie.py --config.data.manual_dir=DIR

DIR holds multipie/data/sessionNN/…, licensed by CMU (see docs/training.md, "Multi-PIE").
Variants: `:literal` is the paper as printed in every point that a setting reaches: F = tanh(h) instead of
'near_identity', which is a tanh as well but starts from the identity map; no pairs S = T; Algorithm 1 with sums
divided by |D|, without mirror images. What is not a setting is in docs/paper.md, "Code vs paper".
Expected time: not measured here, the set is licensed. Expected result: the paper's Table 1 has 18.14 dB.
"""

from fvae_jax.config import default_config, parse_arg


def get_config(arg=None):
    """Returns the config."""
    variants = parse_arg(arg, ('literal',))
    config = default_config()
    config.name = 'multipie_literal' if 'literal' in variants else 'multipie'
    config.data.set = 'multipie'
    config.data.note = 'CMU Multi-PIE (Gross et al. 2010), camera 05_1, illumination 06'
    config.data.licence = 'licensed by CMU, research use'
    # Screams are among the expressions.
    config.data.frame = 'wide'
    config.flow.parameterization = 'near_identity'
    if 'literal' in variants:
        config.flow.parameterization = 'absolute'
        config.data.identity_pairs = 0.0
        config.latent.direction = 'paper'
        config.latent.mirror = False
    return config
