"""Films are read as their files mean them: upright, with their times, colors and sound, or refused in one line."""

import contextlib
import os
import stat
import subprocess
import sys

import cv2
import films
import numpy as np
import pytest

from fvae_jax.errors import InputError
from fvae_jax.photo import footage, recode

SIZE = (160, 120)
KINDS = {
    'plain.mp4': ['-c:v', 'libx264', '-pix_fmt', 'yuv420p', '-c:a', 'aac'],
    'turned.mp4': ['-c:v', 'libx264', '-pix_fmt', 'yuv420p', '-c:a', 'aac'],
    'varying.mkv': [
        '-vf',
        "select='mod(n,3)'",
        '-fps_mode',
        'vfr',
        '-c:v',
        'libx264',
        '-pix_fmt',
        'yuv420p',
        '-c:a',
        'flac',
    ],
    'full.mov': [
        '-vf',
        'scale=out_range=pc,format=yuvj420p',
        '-c:v',
        'libx264',
        '-color_range',
        'pc',
        '-c:a',
        'pcm_s16le',
    ],
    'ten.mkv': [
        '-vf',
        'format=yuv420p10le,setparams=colorspace=bt2020nc:color_primaries=bt2020:color_trc=smpte2084',
        '-c:v',
        'libx264',
        '-c:a',
        'libopus',
    ],
    'phone.mp4': [
        '-vf',
        'setparams=colorspace=bt2020nc:color_primaries=bt2020:color_trc=arib-std-b67',
        '-c:v',
        'libx264',
        '-pix_fmt',
        'yuv420p',
        '-c:a',
        'aac',
    ],
    'odd.webm': ['-vf', 'scale=133:101', '-c:v', 'libvpx', '-b:v', '1M', '-c:a', 'libopus'],
    'still.mp4': ['-frames:v', '1', '-an', '-c:v', 'libx264', '-pix_fmt', 'yuv420p'],
    'moving.gif': ['-an'],
    'squeezed.mp4': ['-vf', 'setsar=4/3', '-c:v', 'libx264', '-pix_fmt', 'yuv420p', '-c:a', 'aac'],
    'late.mkv': ['-output_ts_offset', '1.5', '-c:v', 'libx264', '-pix_fmt', 'yuv420p', '-c:a', 'aac'],
}


def ffmpeg(*options):
    told = subprocess.run([films.FFMPEG, '-hide_banner', '-y', *map(str, options)], capture_output=True)
    assert told.returncode == 0, told.stderr.decode()
    return told.stdout


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Films of many kinds, of 20 frames at 30000/1001 a second, with 0.7 s of sound."""
    folder = tmp_path_factory.mktemp('films')
    for name, options in KINDS.items():
        source = ['-f', 'lavfi', '-i', f'testsrc2=s={SIZE[0]}x{SIZE[1]}:r=30000/1001', '-f', 'lavfi', '-i', 'sine=440']
        ffmpeg(*source, '-t', '0.66', *options, folder / name)
    ffmpeg('-display_rotation', '90', '-i', folder / 'turned.mp4', '-c', 'copy', folder / 'copy.mp4')
    (folder / 'copy.mp4').rename(folder / 'turned.mp4')
    (folder / 'sound.mp4').write_bytes((folder / 'plain.mp4').read_bytes())
    ffmpeg('-i', folder / 'plain.mp4', '-vn', '-c', 'copy', folder / 'sound.mp4')
    (folder / 'text.mp4').write_text('Dear diary')
    whole = (folder / 'plain.mp4').read_bytes()
    (folder / 'cut.mp4').write_bytes(whole[: len(whole) // 2])
    ffmpeg('-i', folder / 'plain.mp4', '-c', 'copy', folder / 'whole.mkv')
    whole = (folder / 'whole.mkv').read_bytes()
    (folder / 'cut.mkv').write_bytes(whole[: len(whole) // 2])
    return folder


def packets(path, kind):
    """Times and checksums of a stream's packets, as ffmpeg copies them, and the base of the times."""
    lines = (
        ffmpeg('-v', 'error', '-i', path, '-map', f'0:{kind}', '-c', 'copy', '-f', 'framecrc', '-')
        .decode()
        .splitlines()
    )
    base = next((line for line in lines if line.startswith('#tb')), None)
    return base, [[part.strip() for part in line.split(',')] for line in lines if not line.startswith('#')]


def frames(path, size):
    """Its frames by ffmpeg, upright, (n, h, w) luma."""
    played = ffmpeg(
        '-v', 'error', '-i', path, '-map', '0:V', '-fps_mode', 'passthrough', '-f', 'rawvideo', '-pix_fmt', 'gray', '-'
    )
    return np.frombuffer(played, np.uint8).reshape(-1, size[1], size[0])


def copy(folder, name, target, **options):
    film = footage.open_footage(folder / name)
    recode.write(target, film, film.frames(), crf=4, **options)
    return film, footage.open_footage(target)


@pytest.mark.parametrize('name', KINDS)
def test_what_is_written_is_the_film(folder, tmp_path, name):
    target = tmp_path / (
        'out.mkv' if name.endswith(('mkv', 'webm')) else 'out.mp4' if name != 'full.mov' else 'out.mov'
    )
    film, other = copy(folder, name, target)
    even = [side + side % 2 for side in (film.width, film.height)]
    assert [other.width, other.height] == even and other.aspect == film.aspect
    assert other.colors == film.colors and other.rate == pytest.approx(film.rate, rel=0.15)
    kept = {tag: value for tag, value in film.tags.items() if (tag, value) != ('range', 'tv')}
    assert kept.items() <= other.tags.items()
    # Every frame at its time, to the tick; the sound to the byte.
    times = [sorted(int(packet[2]) for packet in packets(path, 'V')[1]) for path in (folder / name, target)]
    if name not in ('varying.mkv', 'still.mp4'):
        assert len(times[0]) == 20 if name != 'moving.gif' else 19
    base = packets(folder / name, 'V')[0]
    assert times[0] == times[1] and packets(target, 'V')[0] == base
    sounds = [packets(path, 'a?')[1] for path in (folder / name, target)] if film.sound else ([], [])
    assert [packet[4:] for packet in sounds[0]] == [packet[4:] for packet in sounds[1]]
    for packet, same in zip(*sounds):
        assert abs(int(packet[2]) - int(same[2])) <= 1  # a rounded millisecond
    before, after = frames(folder / name, (film.width, film.height)), frames(target, even)
    if name not in ('moving.gif', 'ten.mkv'):
        assert np.abs(after[:, : film.height, : film.width].astype(int) - before).mean() < 1
    assert other.notes == ()
    assert bool(film.notes) == (name in ('turned.mp4', 'ten.mkv', 'odd.webm', 'moving.gif'))


def test_colors_are_those_that_a_player_shows(folder):
    """Both matrices and both ranges, against ffmpeg's own conversion."""
    for name in ('plain.mp4', 'full.mov', 'turned.mp4'):
        film = footage.open_footage(folder / name)
        shown = [shown.frame.pixels() for shown in film.frames()]
        played = ffmpeg('-v', 'error', '-i', folder / name, '-f', 'rawvideo', '-pix_fmt', 'rgb24', '-')
        played = np.frombuffer(played, np.uint8).reshape(-1, film.height, film.width, 3)
        # Edges of color differ by how chroma is enlarged.
        smooth = [cv2.resize(both[10], (20, 15), interpolation=cv2.INTER_AREA).astype(int) for both in (shown, played)]
        assert np.abs(smooth[0] - smooth[1]).mean() < 1.5


def test_a_part_begins_and_ends_where_it_is_asked_to(folder, tmp_path):
    film = footage.open_footage(folder / 'plain.mp4')
    whole, part = list(film.frames()), list(film.frames(0.2, 0.5))
    inside = [shown for shown in whole if 0.2 <= shown.time < 0.5]
    assert len(part) == len(inside)
    for shown, same in zip(part, inside):
        np.testing.assert_array_equal(shown.frame.luma, same.frame.luma)
        assert abs(shown.time + 1 / 5 - same.time) < 1e-3
    recode.write(tmp_path / 'part.mp4', film, part, start=0.2, end=0.5)
    sound = packets(tmp_path / 'part.mp4', 'a')[1]
    assert 0.25 < len(sound) * 1024 / 44100 < 0.36
    # The sound of the part, at its time: the packets are some of the film's, as much earlier as the part begins.
    at = {packet[5]: int(packet[2]) for packet in packets(folder / 'plain.mp4', 'a')[1]}
    shifts = {at[packet[5]] - int(packet[2]) for packet in sound}
    assert len(shifts) == 1 and abs(shifts.pop() / 44100 - 0.2) < 0.03


def test_damaged_films_give_what_they_have_or_one_line(folder, tmp_path):
    film = footage.open_footage(folder / 'cut.mkv')
    whole = [shown.frame.luma for shown in footage.open_footage(folder / 'whole.mkv').frames()]
    rest = [shown.frame.luma for shown in film.frames()]
    assert 3 < len(rest) < 20
    np.testing.assert_array_equal(rest[:3], whole[:3])
    copy(folder, 'cut.mkv', tmp_path / 'cut.mp4')
    for name, words in {
        'cut.mp4': 'moov atom not found',
        'text.mp4': 'moov atom not found',
        'sound.mp4': 'matches no streams',
        'none.mp4': 'does not exist',
        '.': 'is a folder',
    }.items():
        with pytest.raises(InputError, match=words) as caught:
            footage.open_footage(folder / name)
        assert '\n' not in str(caught.value) and name in str(caught.value)


def test_nothing_is_left_of_a_film_that_is_not_finished(folder, tmp_path):
    film = footage.open_footage(folder / 'plain.mp4')

    def interrupted():
        for number, shown in enumerate(film.frames()):
            yield shown
            if number == 5:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        recode.write(tmp_path / 'out.mp4', film, interrupted())
    with pytest.raises(InputError, match='no frames'):
        recode.write(tmp_path / 'out.mp4', film, ())
    assert not list(tmp_path.iterdir())
    (tmp_path / 'out.mp4').write_text('mine')
    with pytest.raises(InputError, match='exists'):
        recode.write(tmp_path / 'out.mp4', film, film.frames())
    assert (tmp_path / 'out.mp4').read_text() == 'mine'


def test_sound_that_a_format_does_not_take(folder, tmp_path):
    ffmpeg(
        *['-f', 'lavfi', '-i', 'testsrc2=s=64x64', '-f', 'lavfi', '-i', 'sine', '-t', '0.2', '-c:a', 'flac'],
        tmp_path / 'a.mkv',
    )
    film = footage.open_footage(tmp_path / 'a.mkv')
    with pytest.raises(InputError, match='does not take the sound .*; name it out.mkv'):
        recode.check_output(tmp_path / 'out.mov', film)
    recode.check_output(tmp_path / 'out.mkv', film)


def test_a_change_keeps_every_bit_elsewhere(folder):
    for name in ('plain.mp4', 'odd.webm'):
        (shown, *_) = footage.open_footage(folder / name).frames()
        frame = shown.frame
        height, width, _ = frame.shape
        box = (40, height, 30, width)
        before = frame.pixels(box)
        same = frame.changed(box, before, before)
        np.testing.assert_array_equal(same.luma, frame.luma)
        np.testing.assert_array_equal(same.chroma, frame.chroma)
        after = before.copy()
        after[:30, :50] = cv2.GaussianBlur(before, (0, 0), 3)[:30, :50]
        other = frame.changed(box, before, after)
        changed = np.zeros(frame.luma.shape, bool)
        changed[40:70, 30:80] = True
        np.testing.assert_array_equal(other.luma[~changed], frame.luma[~changed])
        assert (other.luma != frame.luma)[changed].mean() > 0.3
        assert np.abs(other.pixels(box)[2:28, 2:48].astype(int) - after[2:28, 2:48]).mean() < 4
        assert np.abs(frame.pixels(box)[2:28, 2:48].astype(int) - after[2:28, 2:48]).mean() > 6


def test_a_program_may_end_with_frames_left(folder):
    code = (
        'import sys; from fvae_jax.editing.stream import ahead; from fvae_jax.photo import footage\n'
        'film = footage.open_footage(sys.argv[1])\n'
        'frames, others = film.frames(), ahead(film.frames(), 2)\n'
        'next(frames), next(others)'
    )
    command = [sys.executable, '-c', code, str(folder / 'plain.mp4')]
    environment = {**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)}
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)
    assert ended.returncode == 0 and ended.stderr == ''


def test_a_decoder_that_is_ended_is_no_end_of_the_film(folder, monkeypatch):
    begun = []
    start = footage.ffmpeg.running

    @contextlib.contextmanager
    def remembered(*arguments, **pipes):
        with start(*arguments, **pipes) as process:
            begun.append(process)
            yield process

    monkeypatch.setattr(footage.ffmpeg, 'running', remembered)
    large = folder / 'large.mp4'
    ffmpeg('-f', 'lavfi', '-i', 'testsrc2=s=1280x720:r=25', '-t', '2', '-pix_fmt', 'yuv420p', large)
    with pytest.raises(InputError, match='ffmpeg was ended after'):
        for shown in footage.open_footage(large).frames():
            if shown.time > 0.1:
                begun[0].kill()


def test_what_made_a_film_stands_in_its_xmp_and_its_own_comment_stays(folder, tmp_path):
    commented = folder / 'commented.mp4'
    ffmpeg('-i', folder / 'plain.mp4', '-c', 'copy', '-metadata', 'comment=my own words', commented)
    commented.chmod(0o600)
    made = {'Software': 'fvae_jax', 'Edit': 'smile 1'}
    for name, noted in (('out.mp4', made), ('out.mov', made), ('without.mp4', None)):
        copy(folder, 'commented.mp4', tmp_path / name, metadata=noted)
        written = (tmp_path / name).read_bytes()
        assert (b'compositeWithTrainedAlgorithmicMedia' in written and b'smile 1' in written) == bool(noted)
        assert b'my own words' in written
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
        frames(tmp_path / name, SIZE)  # it plays
    copy(folder, 'commented.mp4', tmp_path / 'out.mkv', metadata=made)
    assert b'smile 1' in (tmp_path / 'out.mkv').read_bytes()


def test_what_is_left_out_is_told(folder, tmp_path):
    (tmp_path / 'words.srt').write_text('1\n00:00:00,000 --> 00:00:00,500\nHello\n')
    spoken = tmp_path / 'spoken.mp4'
    ffmpeg('-i', folder / 'plain.mp4', '-i', tmp_path / 'words.srt', '-c', 'copy', '-c:s', 'mov_text', spoken)
    assert any('has subtitles' in note for note in footage.open_footage(spoken).notes)


def test_chapters_stay_and_attachments_are_told_of(folder, tmp_path):
    (tmp_path / 'chapters.txt').write_text(
        ';FFMETADATA1\n'
        '[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=300\ntitle=one\n'
        '[CHAPTER]\nTIMEBASE=1/1000\nSTART=300\nEND=660\ntitle=two\n'
    )
    (tmp_path / 'font.ttf').write_bytes(b'a font')
    chapters = ['-i', tmp_path / 'chapters.txt', '-map', '0', '-map_chapters', '1', '-c', 'copy']
    font = ['-attach', tmp_path / 'font.ttf', '-metadata:s:t', 'mimetype=font/ttf']
    for suffix, options in (('mp4', []), ('mkv', font)):
        ffmpeg('-i', folder / 'plain.mp4', *chapters, *options, tmp_path / f'book.{suffix}')
        film, _ = copy(tmp_path, f'book.{suffix}', tmp_path / f'out.{suffix}')
        told = ffmpeg('-i', tmp_path / f'out.{suffix}', '-f', 'ffmetadata', '-').decode()
        assert told.count('[CHAPTER]') == 2 and 'title=two' in told
        assert [note for note in film.notes if 'attachments' in note] == list(film.notes)
        assert bool(film.notes) == (suffix == 'mkv')


def test_fields_become_whole_frames(tmp_path):
    """A bar that moves sideways: odd rows are taken later than even ones, and see it elsewhere."""
    x = np.arange(SIZE[0]) - (30 + 4 * np.arange(40)[:, None])  # 50 fields a second
    fields = np.uint8(200 / (1 + np.exp(np.abs(x) - 12)))[:, None, :, None].repeat(SIZE[1], 1).repeat(3, 3)
    interlaced = fields[::2].copy()
    interlaced[:, 1::2] = fields[1::2, 1::2]
    options = ['-vf', 'setfield=tff', '-flags', '+ildct+ilme', '-c:v', 'libx264', '-crf', '4', '-pix_fmt', 'yuv420p']
    films.write(tmp_path / 'fields.mp4', interlaced, *options)
    film, other = copy(tmp_path, 'fields.mp4', tmp_path / 'out.mp4')
    assert film.interlaced and not other.interlaced and ['is interlaced' in note for note in film.notes] == [True]
    before, after = (frames(tmp_path / name, SIZE) for name in ('fields.mp4', 'out.mp4'))
    combs = [np.abs(luma[:, 21:100:2].astype(int) - luma[:, 20:99:2]).mean() for luma in (before, after)]
    assert len(after) == len(before) == 20 and combs[0] > 4 and combs[1] < 0.1 * combs[0], combs
    # The first field is left as it is; the last frame has no next one to learn from.
    assert np.abs(after[:-1, 20:100:2].astype(int) - before[:-1, 20:100:2]).mean() < 1.5
    times = [[int(packet[2]) for packet in packets(tmp_path / name, 'V')[1]] for name in ('fields.mp4', 'out.mp4')]
    assert sorted(times[0]) == sorted(times[1])


def test_a_film_that_is_cut_off_is_told_of(folder, tmp_path, caplog):
    ffmpeg('-i', folder / 'plain.mp4', '-c', 'copy', '-movflags', '+faststart', tmp_path / 'a.mp4')
    ffmpeg('-i', folder / 'plain.mp4', '-c', 'copy', tmp_path / 'a.mkv')
    for name in ('a.mp4', 'a.mkv'):
        whole = (tmp_path / name).read_bytes()
        assert len(list(footage.open_footage(tmp_path / name).frames())) == 20 and not caplog.records
        (tmp_path / name).write_bytes(whole[: 2 * len(whole) // 3])
        count = len(list(footage.open_footage(tmp_path / name).frames()))
        (record,) = caplog.records
        assert (
            3 < count < 20
            and f'{name}' in record.getMessage()
            and 'is cut off: it ends after 0.' in record.getMessage()
        )
        caplog.clear()


@pytest.mark.parametrize(
    'content',
    [b'GIF89a\xe8\xfd\xe8\xfd\x00\x00\x00,\x00\x00\x00\x00\xe8\xfd\xe8\xfd\x00\x02\x01\x00\x00;', b'GIF89a', b''],
)
def test_a_damaged_gif_is_no_film(tmp_path, content):
    (tmp_path / 'a.gif').write_bytes(content)
    assert not footage.is_film(tmp_path / 'a.gif')
    os.mkfifo(tmp_path / 'pipe.gif')
    assert not footage.is_film(tmp_path / 'pipe.gif')


def test_a_name_with_a_colon(folder, tmp_path):
    copy(folder, 'plain.mp4', tmp_path / '12:30.mp4')
    assert (tmp_path / '12:30.mp4').exists()
