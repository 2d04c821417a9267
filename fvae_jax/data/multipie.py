"""CMU Multi-PIE (5.1): the frontal camera 05_1 under the frontal flash 06, six expressions."""

import pathlib

from fvae_jax.data import index
from fvae_jax.errors import InputError

# What each subject was asked for in the recordings 01, 02 … of a session.
_SESSIONS = {
    '01': ('neutral', 'smile'),
    '02': ('neutral', 'surprise', 'squint'),
    '03': ('neutral', 'smile', 'disgust'),
    '04': ('neutral', 'neutral', 'scream'),
}
_CAMERA = '05_1'
_ILLUMINATION = '06'


def find_photos(manual_dir: str) -> list[index.Entry]:
    """Lists the photos of a folder that holds multipie/data/sessionNN; a subject may have several neutral ones.

    Raises:
      InputError: There is no such photo.
    """
    root = pathlib.Path(manual_dir).expanduser()
    photos = []
    recordings = [(session, i, name) for session, names in _SESSIONS.items() for i, name in enumerate(names, 1)]
    for session, recording, expression in recordings if manual_dir else ():
        for folder in sorted(root.glob(f'multipie/data/session{session}/multiview/*/{recording:02}/{_CAMERA}')):
            subject = folder.parts[-3]
            name = f'{subject}_{session}_{recording:02}_{_CAMERA.replace("_", "")}_{_ILLUMINATION}.png'
            file = (folder / name).relative_to(root).as_posix()
            strength = 0.0 if expression == index.NEUTRAL else 1.0
            photos.append(index.Entry(root, file, f'multipie_{subject}', expression, strength))
    if not photos:
        raise InputError(
            f"data.manual_dir '{manual_dir}' has no folders multipie/data/sessionNN/multiview/"
            f'SUBJECT/RECORDING/{_CAMERA}; Multi-PIE is licensed by Carnegie Mellon University: '
            'order it at multipie.org, unpack it so that DIR/multipie/data/session01 exists, and give '
            '--config.data.manual_dir=DIR'
        )
    return photos
