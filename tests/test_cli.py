"""The `fvae` command: photos in, photos out, and one clear line for whatever cannot be used."""

import pathlib
import subprocess
import sys

import imageio_ffmpeg
import numpy as np
import pytest
import skimage.data
from editing import models
from PIL import Image

import fvae_jax
from fvae_jax import bundle as bundle_lib, cli
from fvae_jax.errors import InputError

ROOT = pathlib.Path(__file__).parents[1]
ASTRONAUT = skimage.data.astronaut()


@pytest.fixture(scope='module')
def things(tmp_path_factory):
    """A folder with models and with photos of every kind."""
    folder = tmp_path_factory.mktemp('things')
    model = models.random_bundle()
    bundle_lib.save(folder / 'model.safetensors', model)
    bundle_lib.save(folder / 'bare.safetensors', model._replace(mask=None))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bundle_lib, 'VERSION', 2)
        bundle_lib.save(folder / 'newer.safetensors', model)
    photo = Image.fromarray(ASTRONAUT)
    photo.save(folder / 'me.png')
    photo.save(folder / 'me.jpg', quality=95)
    photo.convert('CMYK').save(folder / 'cmyk.jpg', quality=95)
    Image.fromarray(np.hstack([ASTRONAUT, ASTRONAUT])).save(folder / 'two.png')
    Image.fromarray(ASTRONAUT[300:500, :200]).save(folder / 'suit.png')
    Image.new('RGB', (1, 1)).save(folder / 'dot.png')
    photo.save(folder / 'film.gif', save_all=True, append_images=[photo.rotate(3)])
    (folder / 'cut.jpg').write_bytes((folder / 'me.jpg').read_bytes()[:20_000])
    (folder / 'text.jpg').write_text('Dear diary')
    (folder / 'empty.png').write_bytes(b'')
    return folder


@pytest.fixture
def run(things, tmp_path, monkeypatch):
    """Runs a command in a folder of its own, where `@` stands for the folder of `things`."""
    monkeypatch.chdir(tmp_path)
    return lambda line: cli.main(line.replace('@', f'{things}/').split())


def edit(rest):
    return f'edit @me.png --model @model.safetensors {rest}'


def read(path):
    with Image.open(path) as image:
        return np.asarray(image)


def test_an_edit(run, tmp_path):
    assert run(edit('--smile 4 --surprise -2.5 --out out.png')) == 0
    changed = (read(tmp_path / 'out.png') != ASTRONAUT).any(axis=-1)
    assert changed.sum() > 1000 and not changed[300:].any()
    with Image.open(tmp_path / 'out.png') as image:
        assert image.text['Edit'] == 'smile 4, surprise -2.5 (face 1)'
    assert [path.name for path in tmp_path.iterdir()] == ['out.png']


def test_the_built_in_model_edits_in_one_line(run, tmp_path, things):
    assert run('edit @me.png --smile 1 --out out.png') == 0
    changed = np.abs(read(tmp_path / 'out.png').astype(int) - ASTRONAUT).max(axis=-1)
    mouth, forehead = changed[130:160, 198:250].mean(), changed[60:85, 190:260].mean()
    assert mouth > max(3, forehead) and not changed[300:].any()
    with Image.open(tmp_path / 'out.png') as image:
        assert image.text['Edit'] == 'smile 1 (face 1)' and image.text['Model'] == 'faces'
    fvae_jax.load().open(things / 'me.png').edit(smile=1).save(tmp_path / 'same.png')
    np.testing.assert_array_equal(read(tmp_path / 'same.png'), read(tmp_path / 'out.png'))


def test_the_built_in_model_interpolates(run, tmp_path):
    run('interpolate @me.png @me.jpg --frames 2 --out frames')
    first, last = (read(path) for path in sorted((tmp_path / 'frames').iterdir()))
    for frame in (first, last):
        assert frame.shape == ASTRONAUT.shape and np.abs(frame.astype(int) - ASTRONAUT).mean() < 2


def test_ways_to_say_it(run, tmp_path):
    run(edit('--smile 0 --out zero.png --no-metadata'))
    np.testing.assert_array_equal(read(tmp_path / 'zero.png'), ASTRONAUT)
    run(edit('--smile 1.5 --out a.png'))
    run(edit('--to smile --strength 1.5 --out b.png'))
    run(edit('--from neutral --smile=3 --strength .5 --out c.png --overwrite --face 1'))
    for name in ('b.png', 'c.png'):
        np.testing.assert_array_equal(read(tmp_path / name), read(tmp_path / 'a.png'))
    run(edit('--from surprise --to smile --out d.png'))
    run(edit('--smile 1 --surprise -1 --out e.png'))
    difference = read(tmp_path / 'd.png').astype(int) - read(tmp_path / 'e.png')
    assert np.abs(difference).max() <= 1
    run('edit --model @model.safetensors --out f.png --smile 1.5 @me.png')
    np.testing.assert_array_equal(read(tmp_path / 'f.png'), read(tmp_path / 'a.png'))


def test_like_a_photo(run, tmp_path, things):
    mirrored = ASTRONAUT[:, ::-1]
    Image.fromarray(mirrored).save(tmp_path / 'mirror.png')
    run(edit('--out pair.png --strength 30 --like mirror.png @me.png'))
    # Without a neutral photo, that is the photo itself.
    run(edit('--out alone.png --strength 30 --like mirror.png'))
    np.testing.assert_array_equal(read(tmp_path / 'pair.png'), read(tmp_path / 'alone.png'))
    assert (read(tmp_path / 'pair.png') != ASTRONAUT).any()


def test_faces_by_number(run, tmp_path):
    for face in ('1', '2', 'all'):
        run(f'edit @two.png --model @model.safetensors --smile 5 --face {face} --out {face}.png')
    halves = {
        face: [(half != ASTRONAUT).any() for half in np.split(read(tmp_path / f'{face}.png'), 2, axis=1)]
        for face in ('1', '2', 'all')
    }
    assert sorted([halves['1'], halves['2']]) == [[False, True], [True, False]]
    assert halves['all'] == [True, True]


def test_pictures_beside_the_output(run, tmp_path):
    run(edit('--smile 1 --out out.jpg --show-flow --show-mask'))
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ['out.jpg', 'out_flow.png', 'out_mask.png']
    with pytest.raises(InputError, match="'out_flow.png' exists"):
        run(edit('--smile 1 --out out.webp --show-flow'))
    assert not (tmp_path / 'out.webp').exists()


def play(path):
    """The frames of an MP4 of 512x512 pixels."""
    played = subprocess.run(
        [imageio_ffmpeg.get_ffmpeg_exe(), '-v', 'error', '-i', path, '-f', 'rawvideo', '-pix_fmt', 'rgb24', '-'],
        capture_output=True,
        check=True,
    )
    return np.frombuffer(played.stdout, np.uint8).reshape(-1, 512, 512, 3)


def test_steps_as_a_film(run, tmp_path):
    run(edit('--smile 3 --steps 3 --out film.mp4'))
    frames = play(tmp_path / 'film.mp4')
    assert len(frames) == 4 and np.abs(frames[0].astype(int) - ASTRONAUT).mean() < 4


@pytest.mark.parametrize('suffix', ['.gif', '.webp'])
def test_steps_as_an_animation(run, tmp_path, suffix):
    run(edit(f'--smile 3 --steps 3 --fps 5 --out film{suffix}'))
    with Image.open(tmp_path / f'film{suffix}') as film:
        assert film.n_frames == 4 and film.size == (512, 512)
        assert np.abs(np.asarray(film.convert('RGB')).astype(int) - ASTRONAUT).mean() < 8


def test_steps_as_photos(run, tmp_path):
    run(edit('--smile 3 --steps 2 --out steps'))
    photos = [read(path) for path in sorted((tmp_path / 'steps').iterdir())]
    assert len(photos) == 3
    np.testing.assert_array_equal(photos[0], ASTRONAUT)
    run(edit('--smile 3 --out full.png'))
    np.testing.assert_array_equal(photos[2], read(tmp_path / 'full.png'))
    assert (photos[1] != photos[0]).any() and (photos[1] != photos[2]).any()


def test_steps_as_a_filmstrip(run, tmp_path):
    run(edit('--smile 3 --steps 2 --out strip.png'))
    height, width = read(tmp_path / 'strip.png').shape[:2]
    assert 2.4 < width / height < 3.5


def test_many_photos_with_a_bad_one(run, tmp_path, capsys):
    names = '@me.png @me.jpg @text.jpg @suit.png'
    assert run(f'edit {names} --smile 1 --model @model.safetensors --out-dir out') == 1
    assert sorted(path.name for path in (tmp_path / 'out').iterdir()) == ['me.jpg', 'me.png']
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3 and lines[2] == '2 of 4 photos left out'
    assert lines[0].startswith('error: photo ') and 'text.jpg' in lines[0]
    assert lines[1].startswith('error: photo ') and 'suit.png' in lines[1]
    # Again: those that are there are reported, too; with --overwrite all goes well.
    assert run('edit @me.png @me.jpg --smile 1 --model @model.safetensors --out-dir out') == 1
    assert capsys.readouterr().err.count('exists') == 2
    again = '--smile 1 --model @model.safetensors --out-dir out --overwrite'
    assert run(f'edit @me.png @me.jpg {again}') == 0


def test_two_photos_of_one_name(run, tmp_path):
    (tmp_path / 'other').mkdir()
    Image.fromarray(ASTRONAUT).save(tmp_path / 'other' / 'me.png')
    with pytest.raises(InputError, match=r"2 photos would be written to 'out/me\.png'"):
        run('edit @me.png other/me.png --smile 1 --model @model.safetensors --out-dir out')
    assert not (tmp_path / 'out').exists()


def test_a_cmyk_photo_works(run, tmp_path):
    assert run('edit @cmyk.jpg --smile 1 --model @model.safetensors --out out.png') == 0
    assert read(tmp_path / 'out.png').shape == (512, 512, 3)


def test_interpolation(run, tmp_path):
    frames = '--model @model.safetensors --frames 3'
    run(f'interpolate @me.png @me.jpg {frames} --crop --out crops')
    run(f'interpolate @me.png @me.jpg {frames} --out morph.mp4')
    assert len(list((tmp_path / 'crops').iterdir())) == 3
    assert len(play(tmp_path / 'morph.mp4')) == 3


def test_info_of_a_model(run, capsys):
    run('info @model.safetensors')
    words = capsys.readouterr().out
    for word in (
        'model.safetensors',
        '64x64',
        'neutral (5 images)',
        'smile (5 images)',
        '12 steps',
        'mask         yes',
        'licence      none',
    ):
        assert word in words
    run('info @bare.safetensors')
    words = capsys.readouterr().out
    assert 'mask         no' in words and 'built in' not in words


def test_info_of_the_built_in_model(run, capsys):
    run('info')
    words = capsys.readouterr().out
    assert f'built in, {bundle_lib.BUILT_IN}, ' in words and 'smile (' in words and 'not stated' not in words


def test_info_of_a_photo(run, capsys):
    run('info @two.png')
    words = capsys.readouterr().out
    assert '1024x512 px, 8 bit, color' in words and 'faces        2' in words
    assert '--face 1' in words and '--face 2' in words and words.count('the main face') == 1
    run('info @suit.png')
    assert 'none found' in capsys.readouterr().out


BAD_PHOTOS = {
    'suit.png': 'shows no face',
    'cut.jpg': 'damaged or incomplete',
    'text.jpg': 'not of a known format',
    'empty.png': 'empty (0 bytes)',
    'dot.png': 'shows no face',
    'film.gif': 'animated',
    'missing.jpg': 'does not exist',
}


@pytest.mark.parametrize('name, words', BAD_PHOTOS.items(), ids=BAD_PHOTOS)
def test_bad_photos(run, tmp_path, name, words):
    _fails(run, tmp_path, f'edit @{name} --smile 1 --model @model.safetensors --out out.png', words, name)


BAD_COMMANDS = {
    '': 'no command; use fvae edit',
    'fly': "unknown command 'fly'",
    'edit @me.png --smile 1 --out out.png --model': 'argument --model: expected one argument',
    'edit @me.png --smile 1 --out out.png --model @none.safetensors': 'no model file',
    'edit @me.png --smile 1 --out out.png --model @newer.safetensors': 'is of model version 2',
    'edit @me.png --smile 1 --out out.png --model @me.png': 'is not a model file',
    'info @newer.safetensors': 'is of model version 2',
    edit('--smile nan --out out.png'): "'nan' is not a finite number",
    edit('--smile 1 --strength inf --out out.png'): "'inf' is not a finite number",
    edit('--smirk 1 --out out.png'): 'this model has --neutral, --smile, --surprise',
    edit('--to smirk --out out.png'): 'this model has neutral, smile, surprise',
    edit('--out out.png'): 'nothing to show; give one of --neutral, --smile, --surprise',
    edit('--smile 1'): '--out --out-dir',
    edit('--smile 1 --steps 0 --out out.gif'): "'0' is not a whole number from 1",
    edit('--smile 1 --face none --out out.png'): "'none' is not a whole number from 1",
    edit('--smile 1 --face 2 --out out.png'): 'has 1 face and no face 2',
    'edit @two.png --model @model.safetensors --smile 1 --face 3 --out out.png': 'has 2 faces and no face 3',
    edit('--like @me.png @me.jpg @two.png --out out.png'): '--like takes one or two photos',
    edit('--smile 1 --out out.bmp'): 'has no known suffix',
    edit('--smile 1 --out nowhere/out.png'): 'does not exist',
    edit('--smile 1 --out @text.jpg/out.png'): 'is no folder',
    edit('--smile 1 --out-dir @text.jpg'): 'is no folder',
    edit('--smile 1 --out-dir @text.jpg/out'): 'is no folder',
    edit('--smile 1 --out @me.png'): 'is the photo itself',
    edit('--smile 1 --out @me.jpg'): 'exists',
    edit('@me.jpg --smile 1 --out out.png'): 'use --out-dir DIR',
    'edit @me.png --smile 1 --out out.png --model @bare.safetensors --show-mask': '--mode=mask',
    'interpolate @me.png @me.jpg --model @bare.safetensors --out o.mp4': '--mode=mask',
    'interpolate @me.png @me.jpg --model @model.safetensors --out o.avi': 'has no known suffix',
    'interpolate @me.png @suit.png --model @model.safetensors --out o.gif': 'shows no face',
    'interpolate @me.png --model @model.safetensors --out o.gif': 'A B',
}


@pytest.mark.parametrize('line, words', BAD_COMMANDS.items(), ids=BAD_COMMANDS)
def test_bad_commands(run, tmp_path, line, words):
    _fails(run, tmp_path, line, words)


@pytest.mark.parametrize(
    'line', ['edit @me.png --smile 1 --out out.png', 'interpolate @me.png @me.jpg --out o.mp4', 'info']
)
def test_an_installation_without_the_built_in_model(run, tmp_path, monkeypatch, line):
    monkeypatch.setattr(bundle_lib, 'BUILT_IN', tmp_path / 'faces.safetensors')
    _fails(run, tmp_path, line, 'no built-in model; reinstall, or give --model')


def _fails(run, tmp_path, line, *words):
    """Expects one line that holds the words, and nothing written."""
    with pytest.raises(InputError) as caught:
        run(line)
    message = str(caught.value)
    assert '\n' not in message and all(word in message for word in words), message
    assert not list(tmp_path.iterdir())


def test_overwriting_the_photo_when_it_is_allowed(run, tmp_path):
    Image.fromarray(ASTRONAUT).save(tmp_path / 'mine.png')
    run('edit mine.png --smile 4 --model @model.safetensors --out mine.png --overwrite')
    assert (read(tmp_path / 'mine.png') != ASTRONAUT).any()


def test_an_expression_of_two_words(things, tmp_path):
    model = bundle_lib.load(things / 'model.safetensors')
    stats = model.statistics
    renamed = bundle_lib.LatentStatistics(
        *({name.replace('smile', 'big_smile'): value for name, value in table.items()} for table in stats)
    )
    bundle_lib.save(tmp_path / 'm.safetensors', model._replace(statistics=renamed))
    common = ['edit', f'{things}/me.png', '--model', f'{tmp_path}/m.safetensors', '--out']
    cli.main([*common, f'{tmp_path}/a.png', '--big-smile', '2'])
    cli.main([*common, f'{tmp_path}/b.png', '--big_smile', '2'])
    np.testing.assert_array_equal(read(tmp_path / 'a.png'), read(tmp_path / 'b.png'))


@pytest.mark.parametrize(
    'line',
    [
        '--help',
        'edit --help',
        'edit --help --model @model.safetensors',
        'interpolate -h',
        'info --help',
        'export --help',
    ],
)
def test_help_fits_one_screen_and_has_an_example(run, capsys, line):
    if line == '--help':
        run(line)
    else:
        with pytest.raises(SystemExit) as done:
            run(line)
        assert done.value.code == 0
    text = capsys.readouterr().out
    lines = text.splitlines()
    assert len(lines) <= 45 and max(map(len, lines)) <= 100
    assert 'example' in text.split('\n\n')[-1] and lines[-1].startswith('  fvae ')
    assert ('--EXPRESSION' in text) == line.startswith('edit')


def test_help_lists_the_expressions_of_the_model(run, capsys):
    def listed(line):
        with pytest.raises(SystemExit):
            run(f'edit --help {line}')
        words = ' '.join(capsys.readouterr().out.split())
        return words.partition('This model has ')[2].partition('.')[0].split(', ')

    assert listed('--model @model.safetensors') == ['--neutral', '--smile', '--surprise']
    expressions = bundle_lib.load().statistics.counts
    assert listed('') == [f'--{name.replace("_", "-")}' for name in sorted(expressions)]


def command(*argv, **options):
    return subprocess.run(
        [sys.executable, '-m', 'fvae_jax', *map(str, argv)], cwd=ROOT, text=True, capture_output=True, **options
    )


def test_exit_statuses_of_the_command(things, tmp_path):
    common = ['--smile', '1', '--model', things / 'model.safetensors']
    common += ['--out-dir', tmp_path / 'out']
    bad = command('edit', things / 'text.jpg', *common)
    assert bad.returncode == 2 and bad.stdout == ''
    assert bad.stderr.startswith('error: photo ') and bad.stderr.count('\n') == 1
    some = command('edit', things / 'me.jpg', things / 'cut.jpg', *common)
    assert some.returncode == 1 and 'Traceback' not in some.stderr
    assert [path.name for path in (tmp_path / 'out').iterdir()] == ['me.jpg']


def test_arguments_are_checked_before_jax_is_imported(things):
    code = (
        'import sys; from fvae_jax import cli\n'
        'try: cli.main(sys.argv[1:])\n'
        'except ValueError as error: print(error)\n'
        'print("jax" in sys.modules)'
    )
    line = ['edit', things / 'me.png', '--smile', '1', '--model', things / 'model.safetensors']
    for rest, words in ((['--out', things / 'me.jpg'], 'exists'), (['--out', 'x.bmp'], 'suffix')):
        found = subprocess.run(
            [sys.executable, '-c', code, *map(str, line + rest)], cwd=ROOT, text=True, capture_output=True, check=True
        )
        assert words in found.stdout and found.stdout.endswith('False\n')
