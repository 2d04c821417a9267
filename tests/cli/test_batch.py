"""`fvae edit` of many files: several at a time as one after another, ended at any moment, and gone on with."""

import os
import signal
import time

import pytest
from cli.commands import ASTRONAUT, fails, read, start
from PIL import Image

from fvae_jax.cli import batch

EDIT = '--smile 1 --model @model.safetensors --out-dir'


def album(folder):
    """Photos of all kinds: good ones, of which something is told, bad ones, and a film among them."""
    folder.mkdir()
    astronaut = Image.fromarray(ASTRONAUT)
    astronaut.save(folder / 'a.png')
    (folder / 'b.jpg').write_text('Dear diary')
    far = Image.new('RGB', (400, 300), (150, 160, 170))
    far.paste(astronaut.crop((110, 20, 334, 244)).resize((61, 61)), (100, 80))
    far.save(folder / 'c.png')
    frames = [astronaut.resize((256, 256)).rotate(angle) for angle in (0, 3)]
    frames[0].save(folder / 'd.gif', save_all=True, append_images=frames[1:])
    manifest = b'JP\0\1\0\0\0\1\0\0\0\x18jumbc2pa' + bytes(12)
    astronaut.save(folder / 'e.jpg', extra=b'\xff\xeb' + (len(manifest) + 2).to_bytes(2, 'big') + manifest)
    astronaut.crop((0, 300, 200, 500)).save(folder / 'f.png')
    astronaut.convert('L').save(folder / 'g.png')
    return ' '.join(f'album/{path.name}' for path in sorted(folder.iterdir()))


def test_several_at_a_time_are_as_one_after_another(run, tmp_path, capfd):
    names, told = album(tmp_path / 'album'), []
    for jobs in (1, 3):
        assert run(f'edit {names} {EDIT} out --jobs {jobs} --no-metadata') == 1
        told.append(capfd.readouterr().err.splitlines())
        (tmp_path / 'out').rename(tmp_path / str(jobs))
    assert told[0] == told[1]
    about = ('b.jpg', 'face 1', 'C2PA', 'f.png', '2 of 7 files left out')
    assert [words for line in told[0] for words in about if words in line] == list(about)
    files = sorted(os.listdir(tmp_path / '1'))
    assert files == sorted(os.listdir(tmp_path / '3')) and len(files) == 5
    for name in files:
        assert (tmp_path / '1' / name).read_bytes() == (tmp_path / '3' / name).read_bytes(), name
    assert (read(tmp_path / '3' / 'a.png') != ASTRONAUT).any()


def test_how_many_at_a_time():
    assert batch.threads_for(None, 4) == 1 and batch.threads_for(1, 1000) == 1
    assert batch.threads_for(8, 3) == 3 and batch.threads_for(3, 1000) == 3
    assert 1 <= batch.threads_for(None, 1000) <= os.cpu_count()


def test_a_batch_goes_on_where_it_stopped(run, tmp_path, capsys, things):
    names = '@me.png @me.jpg @two.png'
    assert run(f'edit {names} {EDIT} out --show-flow') == 0
    out = tmp_path / 'out'
    made = sorted(os.listdir(out))
    assert len(made) == 6
    # Killed while it wrote the second photo, whose picture was there already.
    (out / 'me.jpg').unlink()
    times = {path.name: path.stat().st_mtime_ns for path in out.iterdir()}
    assert run(f'edit {names} {EDIT} out --show-flow') == 1
    assert capsys.readouterr().err.count('exists') == 3
    assert run(f'edit {names} {EDIT} out --show-flow --skip-existing') == 0
    assert capsys.readouterr().err == '2 of 3 already there\n'
    assert sorted(os.listdir(out)) == made
    assert {name: (out / name).stat().st_mtime_ns for name in ('me.png', 'two.png')}.items() <= times.items()
    assert run(f'edit {names} --smile 1 --out-dir out --skip-existing') == 0
    assert capsys.readouterr().err == '3 of 3 already there\n'
    for photo in ('@me.png', '-', 'missing.png'):  # nothing is read
        assert run(f'edit {photo} --smile 1 --out out/me.png --skip-existing') == 0


def test_the_photos_themselves_are_not_skipped(run, tmp_path, capsys):
    for name in ('a.png', 'b.png'):
        Image.fromarray(ASTRONAUT).save(tmp_path / name)
    assert run(f'edit a.png b.png {EDIT} . --skip-existing') == 1
    assert capsys.readouterr().err.count('is the photo itself') == 2


def test_what_is_kept_is_not_replaced(run, tmp_path):
    line = f'edit @me.png @me.jpg {EDIT} . --skip-existing --overwrite'
    fails(run, tmp_path, line, '--skip-existing keeps the files that --overwrite replaces; leave one of them out')
    fails(run, tmp_path, f'edit @me.png @me.jpg {EDIT} . --jobs 0', "'0' is not a whole number from 1")


@pytest.mark.parametrize(
    'number, status, words',
    [
        (signal.SIGTERM, 143, 'error: stopped by SIGTERM'),
        pytest.param(signal.SIGINT, 130, 'error: interrupted', marks=pytest.mark.slow),
        pytest.param(signal.SIGKILL, -9, '', marks=pytest.mark.slow),
    ],
)
def test_a_batch_that_ends_early_leaves_whole_photos(things, tmp_path, number, status, words):
    names = [f'{n:02}.png' for n in range(24)]
    (tmp_path / 'album').mkdir()
    for name in names:
        Image.fromarray(ASTRONAUT).save(tmp_path / 'album' / name)
    line = ['edit', 'album', '--smile', '1', '--model', things / 'model.safetensors', '--out-dir', 'out', '--jobs', '2']
    process, out = start(*line, cwd=tmp_path), tmp_path / 'out'
    while not list(out.glob('[!.]*')) and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(number)
    told = process.communicate(timeout=60)[1].decode()
    assert (process.returncode, told.strip()) == (status, words)
    there = sorted(path.name for path in out.iterdir() if number != signal.SIGKILL or not path.name.startswith('.'))
    assert there and set(there) < set(names)
    for name in there:
        assert read(out / name).shape == ASTRONAUT.shape
    if number == signal.SIGTERM:
        return
    process = start(*line, '--skip-existing', cwd=tmp_path)
    assert process.communicate(timeout=120)[1].decode() == f'{len(there)} of 24 already there\n'
    assert sorted(path.name for path in out.glob('[!.]*')) == names
