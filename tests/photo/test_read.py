"""Photos are read as they are meant to be seen, and bad files give one clear line."""

import concurrent.futures
import contextlib
import contextvars
import io
import os
import pathlib
import struct
import subprocess
import sys
import time
import warnings
import zlib

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms, ImageOps
from skimage import data

from fvae_jax import runtime
from fvae_jax.errors import InputError
from fvae_jax.photo import read
from fvae_jax.photo.photo import Photo
from fvae_jax.photo.read import read_photo
from fvae_jax.photo.write import encode, write_photo

ROOT = pathlib.Path(__file__).parents[2]
ASTRONAUT = data.astronaut()[:96, 100:228]
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile('sRGB')).tobytes()


def noise(*shape, dtype=np.uint8):
    return np.random.default_rng(0).integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def test_reduction_to_eight_bits_rounds():
    deep = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    photo = Photo(np.stack([deep] * 3, axis=-1), deep).eight_bit()
    np.testing.assert_array_equal(photo.alpha, np.rint(deep / 257).astype(np.uint8))
    np.testing.assert_array_equal(photo.pixels[..., 1], photo.alpha)


@pytest.mark.parametrize('orientation', range(1, 9))
@pytest.mark.parametrize('deep', [False, True], ids=['8 bit', '16 bit'])
def test_exif_orientations_are_applied_once(tmp_path, orientation, deep):
    exif = Image.Exif()
    exif[0x0112], exif[271] = orientation, 'A maker'
    stored = noise(20, 30, 3, dtype=np.uint16 if deep else np.uint8)
    path = tmp_path / 'turned.png'
    write_photo(path, Photo(stored, exif=exif.tobytes()))
    photo = read_photo(path)
    # Pillow as the judge; it keeps the upper 8 bits only.
    with Image.open(path) as image:
        assert image.getexif()[0x0112] == orientation
        seen = np.asarray(ImageOps.exif_transpose(image))
    assert photo.pixels.shape == seen.shape == ((30, 20, 3) if orientation > 4 else (20, 30, 3))
    np.testing.assert_array_equal(photo.pixels >> 8 if deep else photo.pixels, seen)

    write_photo(tmp_path / 'upright.jpg', photo)
    with Image.open(tmp_path / 'upright.jpg') as image:
        assert image.getexif()[0x0112] == 1 and image.getexif()[271] == 'A maker'


def test_sixteen_bits_are_not_reduced_on_the_way(tmp_path):
    stored = noise(21, 35, 3, dtype=np.uint16)
    cv2.imwrite(str(tmp_path / 'a.png'), stored[..., ::-1])
    cv2.imwrite(str(tmp_path / 'a.tiff'), stored[..., ::-1])  # LZW, as Photoshop writes
    cv2.imwrite(str(tmp_path / 'gray.png'), stored[..., 0])
    for name in ('a.png', 'a.tiff'):
        np.testing.assert_array_equal(read_photo(tmp_path / name).pixels, stored)
    gray = read_photo(tmp_path / 'gray.png')
    assert gray.was_gray
    np.testing.assert_array_equal(gray.pixels, stored[..., :1].repeat(3, axis=2))


@pytest.mark.parametrize('interlaced', [False, True])
@pytest.mark.parametrize('channels', [2, 3, 4])
def test_sixteen_bit_pngs_give_every_bit(tmp_path, channels, interlaced):
    stored = noise(19, 13, channels, dtype=np.uint16)
    pixels = stored[..., :3] if channels > 2 else stored[..., :1].repeat(3, axis=2)
    alpha = None if channels == 3 else stored[..., -1]
    data = encode(Photo(pixels, alpha, was_gray=channels == 2), '.png')
    if interlaced:  # Adam7: every pass is a small picture of its own, here without filters
        passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
        parts = [stored[y::down, x::across].astype('>u2') for y, x, down, across in passes]
        rows = b''.join(b'\0' + row.tobytes() for part in parts if part.size for row in part)
        header = data[16:28] + b'\1'
        chunks = ((b'IHDR', header), (b'IDAT', zlib.compress(rows)), (b'IEND', b''))
        data = data[:8] + b''.join(
            struct.pack('>I', len(body)) + kind + body + struct.pack('>I', zlib.crc32(kind + body))
            for kind, body in chunks
        )
    (tmp_path / 'a.png').write_bytes(data)
    photo = read_photo(tmp_path / 'a.png')
    np.testing.assert_array_equal(photo.pixels, pixels)
    assert photo.was_gray == (channels == 2) and (photo.alpha is None) == (channels == 3)
    if channels != 3:
        np.testing.assert_array_equal(photo.alpha, stored[..., -1])


def test_the_transparent_color_of_a_sixteen_bit_png(tmp_path):
    stored = noise(9, 7, 3, dtype=np.uint16)
    data, body = encode(Photo(stored), '.png'), b'tRNS' + stored[2, 3].astype('>u2').tobytes()
    chunk = struct.pack('>I', len(body) - 4) + body + struct.pack('>I', zlib.crc32(body))
    (tmp_path / 'a.png').write_bytes(data[:33] + chunk + data[33:])
    photo = read_photo(tmp_path / 'a.png')
    np.testing.assert_array_equal(photo.pixels, stored)
    assert photo.alpha[2, 3] == 0 and (photo.alpha == 65535).sum() == photo.alpha.size - 1


@pytest.mark.parametrize('order', ['<', '>'])
@pytest.mark.parametrize('options', [{}, {'compression': 'zlib'}, {'tile': (16, 16)}], ids=['raw', 'zlib', 'tiles'])
@pytest.mark.parametrize('extra', [None, 'unassalpha', 'assocalpha'])
@pytest.mark.parametrize('orientation', [1, 6, 7])
def test_sixteen_bit_tiffs_give_every_bit(tmp_path, order, options, extra, orientation):
    stored = noise(40, 30, 4 if extra else 3, dtype=np.uint16)
    tifffile.imwrite(
        tmp_path / 'a.tif', stored, photometric='rgb', metadata=None, byteorder=order,
        extrasamples=[extra] if extra else None, extratags=[(274, 'H', 1, orientation, True)], **options,
    )  # fmt: skip
    photo = read_photo(tmp_path / 'a.tif')
    expected = {1: stored, 6: np.rot90(stored, -1), 7: np.rot90(stored, 2).swapaxes(0, 1)}[orientation]
    np.testing.assert_array_equal(photo.pixels, expected[..., :3])
    assert (photo.alpha is None) == (extra is None)
    if extra:
        np.testing.assert_array_equal(photo.alpha, expected[..., 3])


def test_other_kinds_are_read(tmp_path):
    image = Image.fromarray(ASTRONAUT)
    expected = {}
    for mode in ('1', 'L', 'P', 'RGBA', 'LA'):
        image.convert(mode).save(tmp_path / f'{mode}.png')
        expected[f'{mode}.png'] = np.asarray(image.convert(mode).convert('RGB'))
    palette = image.convert('P')
    palette.save(tmp_path / 'hole.png', transparency=palette.getpixel((5, 5)))
    expected['hole.png'] = np.asarray(palette.convert('RGB'))
    image.save(tmp_path / 'still.gif')
    with Image.open(tmp_path / 'still.gif') as still:
        expected['still.gif'] = np.asarray(still.convert('RGB'))
    Image.fromarray(noise(1, 1, 3)).save(tmp_path / 'one.png')
    expected['one.png'] = noise(1, 1, 3)
    for name, pixels in expected.items():
        photo = read_photo(tmp_path / name)
        np.testing.assert_array_equal(photo.pixels, pixels, err_msg=name)
        assert photo.was_gray == (name in ('1.png', 'L.png', 'LA.png')), name
        assert (photo.alpha is not None) == (name in ('RGBA.png', 'LA.png', 'hole.png')), name
    hole = read_photo(tmp_path / 'hole.png').alpha
    assert hole[5, 5] == 0 and hole.max() == 255


def test_cmyk_becomes_rgb_without_the_profile_of_the_inks(tmp_path):
    image = Image.fromarray(ASTRONAUT).convert('CMYK')
    image.save(tmp_path / 'plain.jpg', quality=100)
    image.save(tmp_path / 'wrong.jpg', quality=100, icc_profile=PROFILE)  # not one for inks
    for name in ('plain.jpg', 'wrong.jpg'):
        photo = read_photo(tmp_path / name)
        assert photo.icc_profile is None and photo.alpha is None
        # Inverted inks would be off by 100.
        assert np.abs(photo.pixels.astype(int) - ASTRONAUT).mean() < 4


def test_a_phones_jpeg_with_a_second_picture_gives_the_first(tmp_path):
    first, second = Image.fromarray(ASTRONAUT), Image.fromarray(255 - ASTRONAUT)
    first.save(tmp_path / 'phone.jpg', 'MPO', save_all=True, append_images=[second], quality=100)
    photo = read_photo(tmp_path / 'phone.jpg')
    assert np.abs(photo.pixels.astype(int) - ASTRONAUT).mean() < 3


def _truncated(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _bad_files(folder):
    """Writes bad files: their names, and the words that say what is wrong."""
    image = Image.fromarray(ASTRONAUT)
    for name in ('cut.jpg', 'cut.png', 'cut.webp', 'cut.tif'):
        image.save(folder / name)
        _truncated(folder / name)
    write_photo(folder / 'cut16.png', Photo(noise(33, 47, 3, dtype=np.uint16)))
    _truncated(folder / 'cut16.png')
    tifffile.imwrite(
        folder / 'planar.tif', noise(3, 20, 30, dtype=np.uint16), photometric='rgb', planarconfig='separate'
    )
    tifffile.imwrite(folder / 'float.tif', noise(20, 30).astype(np.float32))
    (folder / 'empty.png').touch()
    (folder / 'text.jpg').write_text('this is no photo, whatever its name says\n' * 20)
    frames = [Image.fromarray(255 - ASTRONAUT)]
    image.save(folder / 'moving.gif', save_all=True, append_images=frames)
    image.save(folder / 'moving.webp', save_all=True, append_images=frames)
    image.save(folder / 'pages.tif', save_all=True, append_images=frames)
    (folder / 'folder.png').mkdir()
    return {
        'cut.jpg': 'incomplete',
        'cut.png': 'incomplete',
        'cut.webp': 'incomplete',
        'cut.tif': 'incomplete',
        'cut16.png': 'incomplete',
        'planar.tif': 'order',
        'float.tif': 'convert',
        'empty.png': '0 bytes',
        'text.jpg': 'not of a known format',
        'moving.gif': 'animated',
        'moving.webp': 'animated',
        'pages.tif': 'several pages',
        'folder.png': 'is a folder',
        'missing.jpg': 'does not exist',
    }


def test_every_bad_file_gives_one_line_with_its_name(tmp_path):
    for name, word in _bad_files(tmp_path).items():
        with pytest.raises(InputError) as caught:
            read_photo(tmp_path / name)
        message = str(caught.value)
        assert name in message and word in message and '\n' not in message, message


def test_huge_photos_are_refused_before_they_are_unpacked(tmp_path):
    Image.fromarray(ASTRONAUT).save(tmp_path / 'a.png')
    pixels = ASTRONAUT.shape[0] * ASTRONAUT.shape[1]
    assert read_photo(tmp_path / 'a.png', max_pixels=pixels)
    with pytest.raises(InputError, match='million pixels'):
        read_photo(tmp_path / 'a.png', max_pixels=pixels - 1)
    # A header of 60000×60000 pixels with nothing behind it.
    data = bytearray((tmp_path / 'a.png').read_bytes())
    data[16:24] = struct.pack('>II', 60000, 60000)
    data[29:33] = struct.pack('>I', zlib.crc32(data[12:29]))
    (tmp_path / 'bomb.png').write_bytes(data)
    with pytest.raises(InputError, match="bomb.png' has more than 200 million pixels"):
        read_photo(tmp_path / 'bomb.png')


def _tiff_of_pages(count):
    """Directories of one small picture after another, 90 bytes each."""
    data = bytearray(b'II*\0' + struct.pack('<I', 8))
    entries = [
        (256, 4, 1, 4),
        (257, 4, 1, 4),
        (258, 3, 1, 8),
        (259, 3, 1, 1),
        (262, 3, 1, 1),
        (273, 4, 1, 8),
        (279, 4, 1, 16),
    ]
    for number in range(count):
        directory = struct.pack('<H', len(entries)) + b''.join(struct.pack('<HHII', *entry) for entry in entries)
        data += directory + struct.pack('<I', len(data) + len(directory) + 4 if number < count - 1 else 0)
    return bytes(data)


def test_pages_are_not_counted(tmp_path):
    # Counting took minutes: each page is looked for among those before.
    (tmp_path / 'pages.tif').write_bytes(_tiff_of_pages(20_000))
    begin = time.thread_time()
    with pytest.raises(InputError, match="pages.tif' has several pages"):
        read_photo(tmp_path / 'pages.tif')
    assert time.thread_time() - begin < 2


def test_a_jpeg_of_endless_scans_is_refused_at_once(tmp_path):
    stream = io.BytesIO()
    Image.fromarray(ASTRONAUT).save(stream, 'JPEG', progressive=True)
    data = stream.getvalue()
    last = data[data.rindex(b'\xff\xda') : -2]
    (tmp_path / 'few.jpg').write_bytes(data[:-2] + 20 * last + data[-2:])
    (tmp_path / 'many.jpg').write_bytes(data[:-2] + 200 * last + data[-2:])
    # What looks like scans after the picture, as in phones' films, and within metadata is none.
    (tmp_path / 'film.jpg').write_bytes(
        data[:2] + b'\xff\xe5\x02\x5a' + 300 * b'\xff\xda' + data[2:] + 500 * b'\xff\xda\0\2'
    )
    assert read_photo(tmp_path / 'few.jpg').size == read_photo(tmp_path / 'film.jpg').size == (128, 96)
    with pytest.raises(InputError, match="many.jpg' has at least 101 scans, where JPEGs have about ten; save it again"):
        read_photo(tmp_path / 'many.jpg')


def test_a_pipe_is_no_photo(tmp_path):
    os.mkfifo(tmp_path / 'a.jpg')
    with pytest.raises(InputError, match="a.jpg' is a pipe or a device, which may never end"):
        read_photo(tmp_path / 'a.jpg')


@pytest.mark.parametrize('profile', [('s', 0, 'text'), ('H', 3, (1, 2, 3)), ('d', 1, 0.5)])
@pytest.mark.filterwarnings('ignore:Metadata Warning')  # Pillow's
def test_a_profile_that_is_none_is_left_out(profile, tmp_path):
    tifffile.imwrite(
        tmp_path / 'a.tif', ASTRONAUT, photometric='rgb', metadata=None, extratags=[(34675, *profile, True)]
    )
    photo = read_photo(tmp_path / 'a.tif')
    assert photo.icc_profile is None
    write_photo(tmp_path / 'a.png', photo)


def _odd_files(folder):
    """Files that libraries in C or Pillow have something to say about, beside what they return or raise."""
    Image.fromarray(ASTRONAUT).save(folder / 'a.tif', compression='tiff_lzw')
    data = bytearray((folder / 'a.tif').read_bytes())
    data[100:3000] = bytes(2900)  # libtiff complains of the pixels
    (folder / 'pixels.tif').write_bytes(data)
    data = (folder / 'a.tif').read_bytes()
    entry = data.index(struct.pack('<HHI', 277, 3, 1))  # Pillow logs a thousand channels
    (folder / 'channels.tif').write_bytes(data[: entry + 8] + struct.pack('<I', 2048) + data[entry + 12 :])
    tags = [(34675, 'H', 3, (1, 2, 3), True)]  # Pillow warns of a profile of three numbers
    tifffile.imwrite(folder / 'profile.tif', ASTRONAUT, photometric='rgb', metadata=None, extratags=tags)
    # libpng complained of pixels after the last one.
    header, pixels = struct.pack('>IIBBBBB', 8, 8, 16, 2, 0, 0, 0), zlib.compress(bytes(8 * (1 + 6 * 8) + 100))
    chunks = ((b'IHDR', header), (b'IDAT', pixels), (b'IEND', b''))
    (folder / 'deep.png').write_bytes(
        b'\x89PNG\r\n\x1a\n'
        + b''.join(
            struct.pack('>I', len(body)) + kind + body + struct.pack('>I', zlib.crc32(kind + body))
            for kind, body in chunks
        )
    )
    return [folder / name for name in ('pixels.tif', 'channels.tif', 'profile.tif', 'deep.png')]


def _try_to_read(path):
    try:
        return read_photo(path).size
    except InputError as error:
        return str(error)


def test_a_command_says_one_line_about_a_damaged_file(tmp_path, capfd):
    *_, profile, deep = files = _odd_files(tmp_path)
    with runtime.owned_process():
        for path in files:
            _try_to_read(path)
    assert capfd.readouterr().err == ''
    os.write(2, b'heard again')
    assert capfd.readouterr().err == 'heard again'
    for path in files:
        found = subprocess.run(
            [sys.executable, '-m', 'fvae_jax', 'info', path], capture_output=True, text=True, cwd=ROOT
        )
        if path in (profile, deep):
            assert (found.returncode, found.stderr) == (0, '') and 'none found' in found.stdout
        else:
            assert found.returncode == 2 and found.stderr.startswith(f"error: photo '{path}' is")
            assert len(found.stderr.splitlines()) == 1


@pytest.mark.parametrize('owner', [runtime.owned_process, contextlib.nullcontext], ids=['command', 'library'])
@pytest.mark.filterwarnings('ignore')
def test_reading_in_threads_changes_nothing_for_the_process(tmp_path, capfd, owner):
    """Standard error was lost for good, and so were warnings, when one thread put back what the other had changed."""
    files = [path for path in _odd_files(tmp_path) if path.name != 'pixels.tif']  # of which libtiff itself complains
    write_photo(tmp_path / 'a.png', Photo(noise(200, 200, 3, dtype=np.uint16)))
    files += [tmp_path / 'a.png', tmp_path / 'a.tif']
    with owner():
        before = list(warnings.filters), Image.MAX_IMAGE_PIXELS, os.fstat(2)
        alone = list(map(_try_to_read, files))
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            assert list(pool.map(_try_to_read, files * 20)) == alone * 20
            # As threads of the command, if this is one.
            begun = [pool.submit(contextvars.copy_context().run, _try_to_read, path) for path in files * 20]
            assert [one.result() for one in begun] == alone * 20
        assert (list(warnings.filters), Image.MAX_IMAGE_PIXELS, os.fstat(2)) == before
    capfd.readouterr()
    os.write(2, b'heard')
    assert capfd.readouterr().err == 'heard'


def test_a_larger_limit_than_pillow_s_own_holds_for_one_photo(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', 1000)
    write_photo(tmp_path / 'a.png', Photo(ASTRONAUT))
    write_photo(tmp_path / 'a.tif', Photo(ASTRONAUT))
    assert read_photo(tmp_path / 'a.png').size == (128, 96)
    found = _try_to_read(tmp_path / 'a.tif')  # older versions of Pillow ask only when a file is opened
    assert found == (128, 96) or 'set PIL.Image.MAX_IMAGE_PIXELS' in found
    with runtime.owned_process():
        assert read_photo(tmp_path / 'a.tif').size == (128, 96)
        with pytest.raises(InputError, match='a.tif.* has more than 0.01 million pixels'):
            read_photo(tmp_path / 'a.tif', 10_000)
    assert Image.MAX_IMAGE_PIXELS == 1000


@pytest.mark.parametrize('kind', [b'iCCP', b'zTXt'])
def test_metadata_that_unpacks_to_too_much_is_refused(tmp_path, kind):
    write_photo(tmp_path / 'a.png', Photo(ASTRONAUT))
    data = (tmp_path / 'a.png').read_bytes()
    body = kind + b'x\0\0' + zlib.compress(bytes(2**27))
    chunk = struct.pack('>I', len(body) - 4) + body + struct.pack('>I', zlib.crc32(body))
    (tmp_path / 'bomb.png').write_bytes(data[:33] + chunk + data[33:])
    with pytest.raises(InputError, match='bomb.png.*too large'):
        read_photo(tmp_path / 'bomb.png')


HERE = pathlib.Path(__file__).parent
HEIC = HERE / 'composite_face_turned.heic'  # of docs/composite_face.jpg, stored turned, with EXIF and XMP


def test_heic_is_read_as_it_is_meant_to_be_seen(tmp_path):
    photo = read_photo(HEIC)
    face = Image.open(ROOT / 'docs' / 'composite_face.jpg').resize(photo.size)
    assert np.abs(photo.pixels.astype(int) - np.asarray(face.convert('RGB'))).mean() < 4
    exif = Image.Exif()
    exif.load(photo.exif)
    assert (exif[271], exif[0x0112], exif.get_ifd(0x8769)[0xA002]) == ('A maker', 1, photo.size[0])
    assert b'Rating="5"' in photo.carried.xmp and photo.stored.format == 'HEIF'
    (tmp_path / 'phone.jpg').write_bytes(HEIC.read_bytes())
    np.testing.assert_array_equal(read_photo(tmp_path / 'phone.jpg').pixels, photo.pixels)
    branded = bytearray(HEIC.read_bytes())
    branded[8:12] = b'mif1'  # as some programs write it, with heic among the brands that follow
    np.testing.assert_array_equal(read_photo(bytes(branded)).pixels, photo.pixels)
    assert not any(name in Image.OPEN for name in ('HEIF', 'HEIC'))  # the table of the whole process is as it was


def test_heic_of_ten_bits_keeps_them():
    photo = read_photo(HERE / 'gradient_10_bit.heic')
    y, x = np.mgrid[:48, :64]
    expected = np.stack([x / 63, y / 47, (x + y) / 110], axis=-1)
    assert photo.pixels.dtype == np.uint16 and np.abs(photo.pixels / 65535 - expected).mean() < 0.005
    assert len(np.unique(photo.pixels)) > 256


def test_damaged_and_large_heic_files_are_refused(tmp_path):
    (tmp_path / 'cut.heic').write_bytes(HEIC.read_bytes()[:3000])
    with pytest.raises(InputError, match=r'cut.heic. is damaged or incomplete \(.+\); copy it again'):
        read_photo(tmp_path / 'cut.heic')
    with pytest.raises(InputError, match='more than 0.01 million pixels'):
        read_photo(HEIC, max_pixels=10_000)


def _all_alike(pictures, expected):
    for picture in pictures:
        photo = read_photo(picture)
        np.testing.assert_array_equal(photo.pixels, expected)
        assert photo.source is None


def test_pictures_in_memory_are_photos(tmp_path):
    Image.fromarray(ASTRONAUT).save(tmp_path / 'a.png')
    content = (tmp_path / 'a.png').read_bytes()
    with open(tmp_path / 'a.png', 'rb') as file:
        alike = [content, bytearray(content), memoryview(content), io.BytesIO(content), file, ASTRONAUT]
        _all_alike([*alike, Image.open(tmp_path / 'a.png'), Image.fromarray(ASTRONAUT)], ASTRONAUT)
    gray = ASTRONAUT[..., 0]
    for picture in (gray, Image.fromarray(gray)):
        photo = read_photo(picture)
        assert photo.was_gray and (photo.pixels == gray[..., None]).all()
    deep = noise(20, 30, 4, dtype=np.uint16)
    photo = read_photo(deep)
    np.testing.assert_array_equal(np.concatenate([photo.pixels, photo.alpha[..., None]], axis=2), deep)
    deep[:] = 0  # the photo is not the caller's array
    assert photo.pixels.any() and photo.alpha.any()
    assert (read_photo(np.float32([[0, 0.5, 1]]), unit_range=True).pixels[0, :, 0] == [0, 32768, 65535]).all()


@pytest.mark.parametrize(
    'picture, options, words',
    [
        (None, {}, 'a NoneType is not a photo; give a path'),
        (3, {}, 'a int is not a photo'),
        ([[1, 2], [3, 4]], {}, 'a list is not a photo'),
        (np.zeros((4, 4, 3)), {}, r'float64; give uint8 or uint16, or say unit_range=True'),
        (np.zeros((4, 4, 3), np.int32), {}, 'int32; give uint8 or uint16$'),
        (np.zeros((4, 4, 3), np.uint8), {'unit_range': True}, 'leave it out'),
        (np.full((4, 4), 200.0), {'unit_range': True}, 'from 200 to 200; scale them'),
        (np.full((4, 4), np.nan), {'unit_range': True}, 'scale them'),
        (np.zeros((3, 4, 4), np.uint8)[..., :2], {}, r'shape \(3, 4, 2\); give \(H, W\)'),
        (np.zeros((0, 4, 3), np.uint8), {}, 'at least one pixel'),
        (np.zeros((2, 4, 4, 3), np.uint8), {}, 'shape'),
        (np.zeros((40, 40), np.uint8), {'max_pixels': 1000}, 'array has more than 0.001 million pixels'),
        (Image.new('RGB', (40, 40)), {'max_pixels': 1000}, 'PIL image has more than'),
        (Image.new('F', (4, 4)), {}, 'F pixels; convert'),
        (b'', {}, 'photo in memory is empty'),
        (b'a.png', {}, 'photo in memory is not of a known format'),
        (io.BytesIO(b''), {}, 'photo in an open file is empty'),
        (io.StringIO('text'), {}, 'open it for bytes, as open'),
    ],
)
def test_what_is_no_picture_is_refused_with_a_remedy(picture, options, words):
    with pytest.raises(InputError, match=words):
        read_photo(picture, **options)


def test_an_open_file_without_end_is_refused(monkeypatch):
    monkeypatch.setattr(read, '_LARGEST_STREAM', 1 << 22)
    with open('/dev/zero', 'rb') as endless, pytest.raises(InputError, match='save it as a file'):
        read_photo(endless)


_SCARCE = """
import resource, sys
from fvae_jax.errors import InputError
from fvae_jax.photo import read
read.read_photo(sys.argv[1])  # what is imported and kept is there
used = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (40 << 20), -1))
try:
    read.read_photo(sys.argv[2])
except InputError as error:
    print(error)
"""


@pytest.mark.parametrize('suffix', ['.jpg', '.png', '.webp', '.tif', '.avif', '.bmp', '.gif'])
def test_too_little_memory_is_not_called_damage(tmp_path, suffix):
    large = Image.new('L' if suffix == '.gif' else 'RGB', (5000, 5000), 200 if suffix == '.gif' else (200, 150, 100))
    options = {'.avif': dict(speed=10), '.webp': dict(method=0)}.get(suffix, {})
    large.save(tmp_path / f'large{suffix}', **options)
    large.resize((20, 20)).save(tmp_path / f'small{suffix}')
    found = subprocess.run(
        [sys.executable, '-c', _SCARCE, tmp_path / f'small{suffix}', tmp_path / f'large{suffix}'],
        capture_output=True, text=True, cwd=ROOT,
    )  # fmt: skip
    assert 'needs more memory than there is' in found.stdout and 'damaged' not in found.stdout, found
