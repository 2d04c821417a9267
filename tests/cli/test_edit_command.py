"""`fvae edit`: what is asked is what is written, as photos, films and pictures beside them."""

import contextlib
import inspect
import io
import os
import re
import shutil
import subprocess
import sys
import threading

import numpy as np
import pytest
from cli.commands import ASTRONAUT, ROOT, edit, fails, noted, play, read
from PIL import Image

import fvae_jax
from fvae_jax import bundle as bundle_lib, cli
from fvae_jax.errors import InputError


def test_an_edit(run, tmp_path):
    assert run(edit('--smile 4 --surprise -2.5 --out out.png')) == 0
    changed = (read(tmp_path / 'out.png') != ASTRONAUT).any(axis=-1)
    assert changed.sum() > 1000 and not changed[300:].any()
    assert noted(tmp_path / 'out.png')[1] == 'smile 4, surprise -2.5 (face 1)'
    assert [path.name for path in tmp_path.iterdir()] == ['out.png']


def test_the_built_in_model_edits_in_one_line(run, tmp_path, things):
    assert run('edit @me.png --smile 1 --out out.png') == 0
    changed = np.abs(read(tmp_path / 'out.png').astype(int) - ASTRONAUT).max(axis=-1)
    mouth, forehead = changed[130:160, 198:250].mean(), changed[60:85, 190:260].mean()
    assert mouth > max(3, forehead) and not changed[300:].any()
    assert noted(tmp_path / 'out.png') == ('faces', 'smile 1 (face 1)')
    fvae_jax.load().open(things / 'me.png').edit(smile=1).save(tmp_path / 'same.png')
    np.testing.assert_array_equal(read(tmp_path / 'same.png'), read(tmp_path / 'out.png'))


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


def test_ones_own_teeth(run, tmp_path):
    me = ROOT / 'docs' / 'composite_face.jpg'
    run(f'edit {me} --smile 1.3 --out laughing.png')
    run(f'edit {me} --smile 0.9 --out others.png')
    run(f'edit {me} --smile 0.9 --teeth laughing.png --out own.png')
    assert noted(tmp_path / 'own.png')[1] == 'smile 0.9, own teeth (face 1)'
    changed = (read(tmp_path / 'own.png').astype(int) - read(tmp_path / 'others.png')).any(axis=-1)
    rows, columns = (np.flatnonzero(changed.any(axis)) for axis in (1, 0))
    # Within the mouth and at its lips, which reach up to other teeth, and nowhere else.
    assert changed.sum() > 200 and 350 < rows[0] < rows[-1] < 500 and 220 < columns[0] < columns[-1] < 380
    run(f'edit {me} --smile 0 --teeth laughing.png --out zero.png')
    np.testing.assert_array_equal(read(tmp_path / 'zero.png'), read(me))
    with pytest.raises(InputError, match='shows no open mouth with teeth; take one that does'):
        run(f'edit {me} --smile 1 --teeth {me} --out closed.png')
    assert not (tmp_path / 'closed.png').exists()


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


def test_photos_of_one_name(run, tmp_path, things):
    """Two kinds of one picture in one folder both get a name; the same name in two folders is told of both."""
    for name in ('me.bmp', 'me.gif'):
        Image.fromarray(ASTRONAUT).save(things / name)
    run('edit @me.png @me.bmp @me.gif @two.png --model @model.safetensors --smile 0 --out-dir out')
    assert sorted(path.name for path in (tmp_path / 'out').iterdir()) == [
        'me.png', 'me_bmp.png', 'me_gif.png', 'two.png'
    ]  # fmt: skip
    np.testing.assert_array_equal(read(tmp_path / 'out' / 'me_bmp.png'), ASTRONAUT)
    (tmp_path / 'other').mkdir()
    shutil.copy(things / 'me.png', tmp_path / 'other' / 'me.png')
    with pytest.raises(InputError, match=r"me\.png' and 'other/me\.png' would both be written to 'calm/me\.png'"):
        run('edit @me.png other/me.png --model @model.safetensors --smile 0 --out-dir calm')
    with pytest.raises(InputError, match=r"me\.png' is given twice; give it once"):
        run('edit other/me.png other/../other/me.png --model @model.safetensors --smile 0 --out-dir calm')
    assert not (tmp_path / 'calm').exists()


def test_standard_input_and_output(process, things, tmp_path):
    line = 'edit {} --model @model.safetensors --smile 1 {}'
    edited = {}
    for content, kind in ((_as_bmp(), 'PNG'), ((things / 'me.jpg').read_bytes(), 'JPEG')):
        found = process(line.format('-', '--out -'), given=content, text=False)
        assert (found.returncode, found.stderr) == (0, b'')
        with Image.open(io.BytesIO(found.stdout)) as image:
            assert image.format == kind and image.size == (512, 512)
        edited[kind] = found.stdout
    found = process(line.format('@me.jpg', f'--out {tmp_path}/edited.png'), text=False)
    assert (found.returncode, found.stdout) == (0, b'') and (tmp_path / 'edited.png').exists()
    assert process(line.format('@me.jpg', '--out -'), text=False).stdout == edited['JPEG']
    told = process('info -', given=(things / 'me.png').read_bytes()).stdout
    assert 'standard input' in told and '512x512 px' in told


def test_content_credentials_that_end_are_told_in_one_line(process, tmp_path):
    manifest = b'JP\0\1\0\0\0\1\0\0\0\x18jumbc2pa' + bytes(12)
    segment = b'\xff\xeb' + (len(manifest) + 2).to_bytes(2, 'big') + manifest
    Image.fromarray(ASTRONAUT).save(tmp_path / 'signed.jpg', extra=segment)
    line = f'edit {tmp_path}/signed.jpg --model @model.safetensors --smile {{}} --out {tmp_path}/{{}}.jpg'
    found = process(line.format(1, 'edited'))
    assert found.returncode == 0 and found.stderr.count('\n') == 1
    assert 'edited.jpg' in found.stderr and 'C2PA' in found.stderr
    assert process(line.format(0, 'same')).stderr == ''
    assert (tmp_path / 'same.jpg').read_bytes() == (tmp_path / 'signed.jpg').read_bytes()


def _as_bmp():
    stream = io.BytesIO()
    Image.fromarray(ASTRONAUT).save(stream, 'BMP')
    return stream.getvalue()


@pytest.mark.parametrize(
    'line, photo, words',
    [
        ('edit - --smile 1 --out -', b'', 'photo on standard input is empty'),
        ('edit - --smile 1 --out -', b'no photo at all', 'photo on standard input is not of a known format'),
        ('edit - --smile 1 --out-dir out', b'', 'no file name for a folder'),
        ('edit @me.png --smile 1 --out - --steps 3', b'', 'write files of their own'),
        ('edit @me.png --smile 1 --out - --show-flow', b'', 'write files of their own'),
    ],
)
def test_what_standard_input_and_output_do_not_do(run, tmp_path, monkeypatch, capsysbinary, line, photo, words):
    monkeypatch.setattr(sys, 'stdin', io.TextIOWrapper(_named(photo)))
    fails(run, tmp_path, line, words)
    assert capsysbinary.readouterr().out == b''


def _named(content):
    stream = io.BytesIO(content)
    stream.name = '<stdin>'
    return stream


def test_a_terminal_gets_no_photo(run, tmp_path, monkeypatch):
    monkeypatch.setattr(sys.stdout, 'isatty', lambda: True)
    fails(run, tmp_path, 'edit @me.png --smile 1 --out -', 'standard output is a terminal')


def test_standard_output_that_nobody_reads(things):
    read_end, write_end = os.pipe()
    os.close(read_end)
    words = ['edit', things / 'me.png', '--model', things / 'model.safetensors', '--smile', '1', '--out', '-']
    found = subprocess.run([sys.executable, '-m', 'fvae_jax', *words], stdout=write_end, stderr=subprocess.PIPE)
    os.close(write_end)
    assert found.returncode == 2 and found.stderr.startswith(b'error: standard output cannot be written')
    assert found.stderr.count(b'\n') == 1


def test_a_cmyk_photo_works(run, tmp_path):
    assert run('edit @cmyk.jpg --smile 1 --model @model.safetensors --out out.png') == 0
    assert read(tmp_path / 'out.png').shape == (512, 512, 3)


def test_overwriting_the_photo_when_it_is_allowed(run, tmp_path):
    Image.fromarray(ASTRONAUT).save(tmp_path / 'mine.png')
    run('edit mine.png --smile 4 --model @model.safetensors --out mine.png --overwrite')
    assert (read(tmp_path / 'mine.png') != ASTRONAUT).any()


def with_names(things, path, **names):
    """Writes the small model with other names of its expressions."""
    model = bundle_lib.load(things / 'model.safetensors')
    renamed = [{names.get(name, name): value for name, value in table.items()} for table in model.statistics[:3]]
    bundle_lib.save(path, model._replace(statistics=bundle_lib.LatentStatistics(*renamed)))


def test_an_expression_of_two_words(things, tmp_path):
    with_names(things, tmp_path / 'm.safetensors', smile='big_smile')
    common = ['edit', f'{things}/me.png', '--model', f'{tmp_path}/m.safetensors', '--out']
    cli.main([*common, f'{tmp_path}/a.png', '--big-smile', '2'])
    cli.main([*common, f'{tmp_path}/b.png', '--big_smile', '2'])
    np.testing.assert_array_equal(read(tmp_path / 'a.png'), read(tmp_path / 'b.png'))


@pytest.mark.parametrize(
    'names', [('face', 'strength'), ('like', 'source'), ('pixels_only', 'out'), ('anchor', 'help')]
)
def test_expressions_named_like_options(run, things, tmp_path, capsys, names):
    with_names(things, tmp_path / 'm.safetensors', smile=names[0], surprise=names[1])
    run(edit('--smile 1.5 --out a.png --no-metadata'))
    run(f'edit @me.png --model m.safetensors --to {names[0]} --strength 1.5 --face 1 --out b.png --no-metadata')
    np.testing.assert_array_equal(read(tmp_path / 'a.png'), read(tmp_path / 'b.png'))
    run(edit('--surprise -1 --smile 1 --out a.png --no-metadata --overwrite'))
    run(f'edit @me.png --model m.safetensors --from {names[1]} --to {names[0]} --out b.png --overwrite')
    assert np.abs(read(tmp_path / 'a.png').astype(int) - read(tmp_path / 'b.png')).max() <= 1
    with pytest.raises(SystemExit):
        run('edit --help --model m.safetensors')
    words = ' '.join(capsys.readouterr().out.split())
    taken = [name for name in sorted(names) if name not in ('source', 'anchor')]
    assert f'Named like options, and so shown by --to alone: {", ".join(taken)}.' in words
    free = ['--neutral', *(f'--{name}' for name in names if name not in taken)]
    assert f'This model has {", ".join(sorted(free))}.' in words
    with pytest.raises(InputError, match=f'this model has {", ".join(sorted(free))}$'):
        run('edit @me.png --model m.safetensors --smirk 1 --out c.png')


def test_without_an_anchor(run, things, tmp_path):
    run(edit('--smile 0 --out zero.png --no-anchor'))
    expected = fvae_jax.load(things / 'model.safetensors').open(things / 'me.png').edit(anchor=False)
    np.testing.assert_array_equal(read(tmp_path / 'zero.png'), expected.photo.pixels)
    assert (read(tmp_path / 'zero.png') != ASTRONAUT).any()
    assert noted(tmp_path / 'zero.png')[1] == 'smile 0, not anchored (face 1)'


# docs/design.md describes the way of an edit by these. Beside them run pure functions, and what every command needs.
WAY = {
    'cli/__init__.py',
    'cli/edit.py',
    'cli/film.py',
    'cli/arguments.py',
    'bundle.py',
    'data/found.py',
    'editing/editor.py',
    'editing/still.py',
    'editing/model.py',
}
PURE = (
    'fields',
    'config',
    'cache',
    'runtime',
    'ops/',
    'models/',
    'photo/',
    'data/align',
    'data/detect',
    'editing/latent',
    'editing/portrait',
    'editing/seam',
    'editing/eyes',
    'editing/content',
    'editing/contour',
    'editing/exemplar',
    'editing/folds',
    'editing/mouth',
    'editing/opening',
    'editing/parting',
    'editing/tone',
    'editing/vermilion',
    'editing/edit.py',
    'editing/face',
    'editing/records',
    'errors',
)


def test_the_way_from_the_arguments_to_the_file_is_short(run):
    package, files = f'{cli.__path__[0].removesuffix("cli")}', set()

    def note(frame, event, argument):
        # Bodies of modules and classes run when they are imported, by whichever test comes first.
        is_function = frame.f_code.co_flags & inspect.CO_OPTIMIZED
        if frame.f_code.co_filename.startswith(package) and is_function:
            files.add(frame.f_code.co_filename.removeprefix(package))

    for profiled in (sys, threading):
        profiled.setprofile(note)
    try:
        run('edit @me.png --smile 1 --out out.png')
    finally:
        for profiled in (sys, threading):
            profiled.setprofile(None)
    assert {file for file in files if not file.startswith(PURE)} == WAY
    text = (ROOT / 'docs' / 'design.md').read_text()
    steps = re.search(r'## The way of a photo\n.*?\n\n(1\..*?)\n\n', text, re.DOTALL)[1]
    assert set(re.findall(r'`([\w/]+\.py)`', steps)) == WAY


def test_a_face_that_the_photo_cuts_off_is_edited_with_a_warning(run, tmp_path, capsys):
    """Without forehead and chin; with both, and hair cut off, there is nothing to say."""
    for name, box in (('cut', (188, 98, 256, 160)), ('whole', (150, 40, 300, 190))):
        part = Image.fromarray(ASTRONAUT).crop(box)
        part.resize((4 * part.width, 4 * part.height), Image.Resampling.LANCZOS).save(tmp_path / f'{name}.png')
        run(f'edit {name}.png --smile 1 --model @model.safetensors --out {name}_out.png')
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("warning: face 1 of 'cut.png' is cut off by the edge of the photo; ")


@pytest.fixture
def far(tmp_path):
    """A photo with a face of 24 px."""
    head = Image.fromarray(ASTRONAUT).crop((110, 20, 334, 244)).resize((61, 61))
    photo = Image.new('RGB', (400, 300), (150, 160, 170))
    photo.paste(head, (100, 80))
    photo.save(tmp_path / 'far.png')
    return photo


def test_a_face_of_24_px_is_edited_with_a_warning(run, tmp_path, capsys, far):
    run('edit far.png --smile 1 --model @model.safetensors --out out.png')
    (line,) = capsys.readouterr().err.splitlines()
    assert re.fullmatch(r"warning: face 1 of 'far\.png' is 2\d px wide, and under 40 px an edit is coarse; .*", line)
    assert (read(tmp_path / 'out.png') != np.asarray(far)).any()


@pytest.mark.parametrize(
    'line, count',
    [
        ('edit @me.png --like far.png far.png --out out.png', 2),
        ('edit @me.png --smile 1 --teeth far.png --out out.png', 1),
        ('interpolate @me.png far.png --frames 2 --out out', 1),
        ('figure7 far.png --smile 1 --side 64 --out out.png', 1),
    ],
)
def test_every_command_that_takes_a_photo_warns_of_a_small_face(run, capsys, far, line, count):
    # A model without content takes no teeth; it looks at the photo before it says so.
    with contextlib.suppress(InputError):
        run(f'{line} --model @model.safetensors')
    warnings = [line for line in capsys.readouterr().err.splitlines() if line.startswith('warning: ')]
    assert len(warnings) == count and all("face 1 of 'far.png'" in line for line in warnings)


BAD_PHOTOS = {
    'suit.png': 'shows no face',
    'cut.jpg': 'damaged or incomplete',
    'text.jpg': 'not of a known format',
    'empty.png': 'empty (0 bytes)',
    'dot.png': 'shows no face',
    'missing.jpg': 'does not exist',
}


@pytest.mark.parametrize('name, words', BAD_PHOTOS.items(), ids=BAD_PHOTOS)
def test_bad_photos(run, tmp_path, name, words):
    fails(run, tmp_path, f'edit @{name} --smile 1 --model @model.safetensors --out out.png', words, name)
