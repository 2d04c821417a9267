"""Multi-PIE on a small tree in the layout in which CMU delivers it."""

import numpy as np
import pytest
import skimage.data
from PIL import Image

from fvae_jax import config as config_lib
from fvae_jax.data import sets
from fvae_jax.errors import InputError

FACE = skimage.data.astronaut()[0:260, 90:350]
# The label table of the paper's data, written out once more and by session.
TABLE = {
    '01': ['neutral', 'smile'],
    '02': ['neutral', 'surprise', 'squint'],
    '03': ['neutral', 'smile', 'disgust'],
    '04': ['neutral', 'neutral', 'scream'],
}


def write(root, session, subject, recording, camera='05_1', light='06', darker=0):
    folder = root / f'multipie/data/session{session}/multiview/{subject}/{recording}/{camera}'
    folder.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(FACE - np.minimum(FACE, darker))
    image.save(folder / f'{subject}_{session}_{recording}_{camera.replace("_", "")}_{light}.png')


def _settings(folder, manual_dir):
    settings = config_lib.default_config().data
    settings.update(set='multipie', image_size=64, cache=str(folder / 'cache'), manual_dir=manual_dir)
    return settings


def test_the_delivered_layout(tmp_path):
    for session, expressions in TABLE.items():
        for recording in range(1, len(expressions) + 1):
            write(tmp_path, session, '007', f'{recording:02d}', darker=10 * recording)
    write(tmp_path, '01', '123', '01')
    write(tmp_path, '01', '123', '02', light='07')  # another flash only
    write(tmp_path, '01', '123', '02', camera='04_1')  # another camera
    write(tmp_path, '02', '123', '04')  # a recording without a label
    faces = sets.open_set(_settings(tmp_path, str(tmp_path)))

    got = sorted((r.identity, *r.file.split('/')[-1].split('_')[1:3], r.expression) for r in faces.records)
    expected = [
        ('multipie_007', session, f'{i:02d}', expression)
        for session, expressions in TABLE.items()
        for i, expression in enumerate(expressions, 1)
    ]
    assert got == expected + [('multipie_123', '01', '01', 'neutral')]
    assert faces.report['by_identity']['multipie_007'] == {
        'disgust': 1,
        'neutral': 5,
        'scream': 1,
        'smile': 2,
        'squint': 1,
        'surprise': 1,
    }
    (skipped,) = faces.report['skipped']
    assert 'does not exist' in skipped['reason']
    for record, example in zip(faces.records, faces):
        assert record.strength == (record.expression != 'neutral')
        assert example['image'].shape == (64, 64, 3) and example['origin'] == 'real'
    light = {r.file.split('/')[-1][:9]: example['image'].mean() for r, example in zip(faces.records, faces)}
    assert light['007_04_01'] > light['007_04_02'] > light['007_04_03']


@pytest.mark.parametrize('where', ['', 'gone', '.'])
def test_missing_data_says_how_to_get_it(tmp_path, where):
    manual_dir = str(tmp_path / where) if where else ''
    with pytest.raises(InputError) as error:
        sets.open_set(_settings(tmp_path, manual_dir))
    message = str(error.value)
    assert message.startswith(f"data.manual_dir '{manual_dir}'") and '\n' not in message
    for part in ('Carnegie Mellon', 'multipie.org', 'data/session01', 'data.manual_dir=DIR'):
        assert part in message
