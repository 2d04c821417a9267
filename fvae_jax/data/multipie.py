"""CMU Multi-PIE (5.1): the frontal camera 05_1 under the frontal flash 06, six expressions."""

import pathlib

import ml_collections

from fvae_jax.data import crops, index
from fvae_jax.data.builder import Source
from fvae_jax.errors import InputError
from fvae_jax.ops.frame import FRAMES

# What each subject was asked for, by session and recording.
EXPRESSIONS = {
    ('01', '01'): 'neutral',
    ('01', '02'): 'smile',
    ('02', '01'): 'neutral',
    ('02', '02'): 'surprise',
    ('02', '03'): 'squint',
    ('03', '01'): 'neutral',
    ('03', '02'): 'smile',
    ('03', '03'): 'disgust',
    ('04', '01'): 'neutral',
    ('04', '02'): 'neutral',
    ('04', '03'): 'scream',
}
CAMERA = '05_1'
ILLUMINATION = '06'


def source(settings: ml_collections.ConfigDict) -> Source:
    """Looks the photos up under `settings.manual_dir`, the folder that holds multipie/data/sessionNN.

    Raises:
      InputError: The photos are not there; says how to get them and where to put them.
    """
    entries, size, frame = find_photos(settings.manual_dir), settings.image_size, FRAMES[settings.frame]
    return Source(
        'multipie',
        f"data.manual_dir '{settings.manual_dir}'",
        size,
        {'frame': frame},
        index.fingerprint(entries),
        len(entries),
        lambda: crops.face_examples(entries, size, frame),
    )


def find_photos(manual_dir: str) -> list[index.Entry]:
    """Lists the photos of the recordings in `EXPRESSIONS`; a subject may have several neutral ones.

    Args:
      manual_dir: The folder that holds multipie/data/sessionNN.

    Raises:
      InputError: There is no such photo.
    """
    root = pathlib.Path(manual_dir).expanduser()
    photos = []
    for (session, recording), expression in EXPRESSIONS.items() if manual_dir else ():
        pattern = f'multipie/data/session{session}/multiview/*/{recording}/{CAMERA}'
        for folder in sorted(root.glob(pattern)):
            subject = folder.parts[-3]
            name = f'{subject}_{session}_{recording}_{CAMERA.replace("_", "")}_{ILLUMINATION}.png'
            file = (folder / name).relative_to(root).as_posix()
            strength = 0.0 if expression == index.NEUTRAL else 1.0
            photos.append(index.Entry(root, file, f'multipie_{subject}', expression, strength))
    if not photos:
        raise InputError(
            f"data.manual_dir '{manual_dir}' has no folders multipie/data/sessionNN/multiview/"
            f'SUBJECT/RECORDING/{CAMERA}; Multi-PIE is licensed by Carnegie Mellon University: '
            'order it at multipie.org, unpack it so that DIR/multipie/data/session01 exists, and give '
            '--config.data.manual_dir=DIR'
        )
    return photos
