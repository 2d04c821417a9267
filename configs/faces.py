r"""The model that ships: real and made expressions of 590 people, with known flow, shading and lips, at 128 px.

  python -m fvae_jax.main --config=configs/faces.py --config.data.root=DATA --workdir=runs/faces

DATA is a folder of aligned crops with index.csv, lips.csv and flow files (docs/training.md, "Own data").
"""

from fvae_jax.config import default_config, parse_arg


def get_config(arg=None):
    """Returns the config."""
    parse_arg(arg, ())
    config = default_config()
    config.name = 'faces'
    config.data.set = 'photos'
    config.data.aligned = True
    config.data.frame = 'wide'
    config.data.note = (
        'Face Research Lab London Set (DeBruine and Jones 2017, doi 10.6084/m9.figshare.5047666.v5, CC BY 4.0); '
        'Young Adult White Faces with Manipulated Versions (DeBruine and Jones 2017, doi '
        '10.6084/m9.figshare.4220517.v1, CC BY 4.0); official portraits of members of the US Congress (public domain); '
        'expressions not photographed were made through a 3D face model (ICT-FaceKit, MIT, (c) 2020 USC ICT); '
        'teeth are the insides of mouths of 13 people of the London Set, folds of smiles those of 9, lips those of 18'
    )
    config.data.licence = 'CC BY 4.0'
    # Studio smiles with sharp and clean upper teeth, of light and dark faces.
    config.data.exemplars = tuple(
        f'london_{number}'
        for number in ('002', '034', '036', '064', '094', '097', '099', '100', '113', '117', '127', '134', '139')
    )
    config.data.cavity = 'london_064'  # rendered, with a tongue
    # Smiles of light and dark faces that fold, without beards and with hair out of the face.
    config.data.folds = tuple(
        f'london_{number}' for number in ('034', '036', '038', '064', '099', '105', '113', '127', '134')
    )
    config.data.true_flow = True
    # Not a smile, or one of unknown kind: the mean of toothy and closed smiles is a mouth half open.
    config.data.exclude = ('smile_slight', 'unknown')
    # Lips at rest, thin and full, pale and red, of light and dark people, without hair that grows over them.
    config.data.lips = tuple(
        f'london_{number:03}' for number in (1, 2, 17, 19, 21, 39, 68, 81, 82, 94, 96, 97, 100, 117, 122, 125, 139, 172)
    )
    # The folds of the synthetic images are seen through at their full depth.
    config.data.shading = 0.7
    # Photos to be edited show these two; of all ordered pairs of nine expressions they make up three in a hundred.
    config.data.emphasized = ('neutral', 'smile')
    config.data.identity_pairs = 0.1
    config.data.jitter_degrees = 8.0
    config.data.jitter_scale = 0.06
    config.data.jitter_shift = 0.03
    # Photos of strangers have another white balance; new content must follow it.
    config.data.jitter_color = 0.2
    config.model.norm_momentum = 0.9
    config.model.width = 16
    config.model.latent_channels = 64
    config.model.content = True
    config.model.shading = True
    # Of the people who show most expressions all are from two studios, of the neutral faces a fifth.
    config.latent.direction = 'within_identity'
    # The sums of reconstruction and flow terms are four times those of 64 px, squared pixels sixteen times.
    config.loss.prior_weight = 0.012
    config.loss.content_price = 0.02
    config.loss.exposed_weight = 1.0
    config.loss.true_flow_weight = 0.02
    config.loss.shading_price = 0.05
    config.loss.shading_weight = 30.0
    config.confidence.width = 8
    config.confidence.steps = 1000
    config.train.batch_size = 16
    config.train.steps = 10_000
    config.train.schedule = 'cosine'
    config.train.evaluate_every = 1000
    config.eval.max_pairs = 400
    return config
