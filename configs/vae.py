r"""The paper's VAE baseline (6.1): the encoder of the FVAE, a decoder that predicts pixels.

  python -m fvae_jax.main --config=configs/vae.py:runs/mine --workdir=runs/mine/vae
  python -m fvae_jax.main --config=configs/vae.py:runs/mine,pyramid --workdir=runs/mine/vae_pyramid

After the colon: the run that it is to be compared with, whose data, sizes and steps it takes over (none: the paper's
numbers on Multi-PIE), and `pyramid` (or `:pyramid` alone), which also shows the decoder the source, as g is shown
it. In those two places `fvae report runs/mine` finds them. Expected time: two thirds of the run's own.
"""

from fvae_jax.config import default_config, is_run, of_run, parse_arg


def get_config(arg=None):
    """Returns the config."""
    runs = [part for part in (arg or '').split(',') if is_run(part)]
    pyramid = 'pyramid' in parse_arg(arg, ('pyramid', *(runs or ['the directory of a run'])))
    if runs:
        config = of_run(runs[0])
    else:
        config = default_config()
        config.name, config.data.set, config.data.frame = 'multipie', 'multipie', 'wide'
    config.name += '_vae_pyramid' if pyramid else '_vae'
    config.model.decoder = 'pixels'
    config.model.source_concat = 'pyramid' if pyramid else 'none'
    # What only a flow and its layers can learn from.
    config.model.content = config.model.shading = config.data.true_flow = False
    config.loss.exposed_weight = config.loss.true_flow_weight = config.loss.shading_weight = 0.0
    config.data.exemplars = config.data.folds = config.data.lips = ()
    config.data.cavity = ''
    config.confidence.enabled = False
    return config
