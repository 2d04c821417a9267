"""Photos survive being read and written, and bad files give one clear line."""

import dataclasses
import io
import os
import struct
import time
import zlib

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms, ImageOps
from skimage import data

from fvae_jax.errors import InputError
from fvae_jax.photo import io as photo_io
from fvae_jax.photo.photo import Photo

ASTRONAUT = data.astronaut()[:96, 100:228]
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile('sRGB')).tobytes()
# A gray profile of which only the header counts here.
GRAY_PROFILE = PROFILE[:16] + b'GRAY' + PROFILE[20:]


def noise(*shape, dtype=np.uint8):
    return np.random.default_rng(0).integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def photo_of(dtype=np.uint8, alpha=False, gray=False):
    pixels = noise(33, 47, 1 if gray else 3, dtype=dtype)
    pixels = np.ascontiguousarray(np.broadcast_to(pixels, (33, 47, 3)))
    exif = Image.Exif()
    exif[271] = 'A maker'
    return Photo(
        pixels, noise(33, 47, dtype=dtype) if alpha else None, GRAY_PROFILE if gray else PROFILE, exif.tobytes(), gray
    )


@pytest.mark.parametrize('gray', [False, True], ids=['color', 'gray'])
@pytest.mark.parametrize('alpha', [False, True], ids=['opaque', 'alpha'])
@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
@pytest.mark.parametrize('suffix', ['.png', '.tif'])
def test_lossless_formats_lose_nothing(tmp_path, suffix, dtype, alpha, gray):
    photo = photo_of(dtype, alpha, gray)
    path = tmp_path / f'photo{suffix}'
    photo_io.write_photo(path, photo)
    back = photo_io.read_photo(path)
    assert back.pixels.dtype == dtype
    np.testing.assert_array_equal(back.pixels, photo.pixels)
    assert (back.alpha is None) == (not alpha)
    if alpha:
        np.testing.assert_array_equal(back.alpha, photo.alpha)
    # A 16-bit TIFF with gray and alpha is one that few programs read; it is stored as RGBA.
    stays_gray = gray and (suffix, dtype, alpha) != ('.tif', np.uint16, True)
    assert back.was_gray == stays_gray
    assert back.icc_profile == (photo.icc_profile if stays_gray or not gray else None)
    if (suffix, dtype) != ('.tif', np.uint16):
        kept = Image.Exif()
        kept.load(back.exif)
        assert kept[271] == 'A maker'


@pytest.mark.parametrize('suffix', ['.jpg', '.webp'])
def test_lossy_formats_stay_close_and_keep_the_profile(tmp_path, suffix):
    deep = ASTRONAUT.astype(np.uint16) * 257 + np.uint16(100)
    photo_io.write_photo(tmp_path / f'a{suffix}', Photo(deep, None, PROFILE))
    back = photo_io.read_photo(tmp_path / f'a{suffix}')
    assert back.pixels.dtype == np.uint8 and back.icc_profile == PROFILE
    error = np.abs(back.pixels.astype(int) - ASTRONAUT)
    assert error.mean() < (2 if suffix == '.jpg' else 3)


def test_the_jpeg_keeps_full_chroma(tmp_path):
    photo_io.write_photo(tmp_path / 'a.jpg', Photo(ASTRONAUT))
    with Image.open(tmp_path / 'a.jpg') as image:
        assert [layer[1:3] for layer in image.layer] == [(1, 1)] * 3


def test_reduction_to_eight_bits_rounds():
    deep = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    photo = Photo(np.stack([deep] * 3, axis=-1), deep).eight_bit()
    np.testing.assert_array_equal(photo.alpha, np.rint(deep / 257).astype(np.uint8))
    np.testing.assert_array_equal(photo.pixels[..., 1], photo.alpha)


def test_gray_jpegs_stay_gray_until_they_are_colored(tmp_path):
    gray = photo_of(gray=True)
    photo_io.write_photo(tmp_path / 'gray.jpg', gray)
    with Image.open(tmp_path / 'gray.jpg') as image:
        assert image.mode == 'L'
    assert photo_io.read_photo(tmp_path / 'gray.jpg').icc_profile == GRAY_PROFILE
    pixels = gray.pixels.copy()
    pixels[3, 4, 0] ^= 255
    photo_io.write_photo(tmp_path / 'color.png', dataclasses.replace(gray, pixels=pixels))
    back = photo_io.read_photo(tmp_path / 'color.png')
    assert not back.was_gray and back.icc_profile is None
    np.testing.assert_array_equal(back.pixels, pixels)


@pytest.mark.parametrize('orientation', range(1, 9))
@pytest.mark.parametrize('deep', [False, True], ids=['8 bit', '16 bit'])
def test_exif_orientations_are_applied_once(tmp_path, orientation, deep):
    exif = Image.Exif()
    exif[0x0112], exif[271] = orientation, 'A maker'
    stored = noise(20, 30, 3, dtype=np.uint16 if deep else np.uint8)
    path = tmp_path / 'turned.png'
    photo_io.write_photo(path, Photo(stored, exif=exif.tobytes()))
    photo = photo_io.read_photo(path)
    # Pillow as the judge; it keeps the upper 8 bits only.
    with Image.open(path) as image:
        assert image.getexif()[0x0112] == orientation
        seen = np.asarray(ImageOps.exif_transpose(image))
    assert photo.pixels.shape == seen.shape == ((30, 20, 3) if orientation > 4 else (20, 30, 3))
    np.testing.assert_array_equal(photo.pixels >> 8 if deep else photo.pixels, seen)

    photo_io.write_photo(tmp_path / 'upright.jpg', photo)
    with Image.open(tmp_path / 'upright.jpg') as image:
        assert image.getexif()[0x0112] == 1 and image.getexif()[271] == 'A maker'


def test_sixteen_bits_are_not_reduced_on_the_way(tmp_path):
    stored = noise(21, 35, 3, dtype=np.uint16)
    cv2.imwrite(str(tmp_path / 'a.png'), stored[..., ::-1])
    cv2.imwrite(str(tmp_path / 'a.tiff'), stored[..., ::-1])  # LZW, as Photoshop writes
    cv2.imwrite(str(tmp_path / 'gray.png'), stored[..., 0])
    for name in ('a.png', 'a.tiff'):
        np.testing.assert_array_equal(photo_io.read_photo(tmp_path / name).pixels, stored)
    gray = photo_io.read_photo(tmp_path / 'gray.png')
    assert gray.was_gray
    np.testing.assert_array_equal(gray.pixels, stored[..., :1].repeat(3, axis=2))


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
        photo = photo_io.read_photo(tmp_path / name)
        np.testing.assert_array_equal(photo.pixels, pixels, err_msg=name)
        assert photo.was_gray == (name in ('1.png', 'L.png', 'LA.png')), name
        assert (photo.alpha is not None) == (name in ('RGBA.png', 'LA.png', 'hole.png')), name
    hole = photo_io.read_photo(tmp_path / 'hole.png').alpha
    assert hole[5, 5] == 0 and hole.max() == 255


def test_cmyk_becomes_rgb_without_the_profile_of_the_inks(tmp_path):
    image = Image.fromarray(ASTRONAUT).convert('CMYK')
    image.save(tmp_path / 'plain.jpg', quality=100)
    image.save(tmp_path / 'wrong.jpg', quality=100, icc_profile=PROFILE)  # not one for inks
    for name in ('plain.jpg', 'wrong.jpg'):
        photo = photo_io.read_photo(tmp_path / name)
        assert photo.icc_profile is None and photo.alpha is None
        # Inverted inks would be off by 100.
        assert np.abs(photo.pixels.astype(int) - ASTRONAUT).mean() < 4


def test_a_phones_jpeg_with_a_second_picture_gives_the_first(tmp_path):
    first, second = Image.fromarray(ASTRONAUT), Image.fromarray(255 - ASTRONAUT)
    first.save(tmp_path / 'phone.jpg', 'MPO', save_all=True, append_images=[second], quality=100)
    photo = photo_io.read_photo(tmp_path / 'phone.jpg')
    assert np.abs(photo.pixels.astype(int) - ASTRONAUT).mean() < 3


def test_metadata_is_written(tmp_path):
    notes = {'Software': 'fvae', 'Edit': 'smile=1.0, größer'}
    for suffix in ('.png', '.jpg', '.webp', '.tif'):
        photo_io.write_photo(tmp_path / f'a{suffix}', Photo(ASTRONAUT), metadata=notes)
        with Image.open(tmp_path / f'a{suffix}') as image:
            found = image.text if suffix == '.png' else image.getexif()[270]
        assert found == notes if suffix == '.png' else 'smile=1.0' in found


def _truncated(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _bad_files(folder):
    """Writes bad files: their names, and the words that say what is wrong."""
    image = Image.fromarray(ASTRONAUT)
    for name in ('cut.jpg', 'cut.png', 'cut.webp', 'cut.tif'):
        image.save(folder / name)
        _truncated(folder / name)
    photo_io.write_photo(folder / 'cut16.png', photo_of(np.uint16))
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
            photo_io.read_photo(tmp_path / name)
        message = str(caught.value)
        assert name in message and word in message and '\n' not in message, message


def test_huge_photos_are_refused_before_they_are_unpacked(tmp_path):
    Image.fromarray(ASTRONAUT).save(tmp_path / 'a.png')
    pixels = ASTRONAUT.shape[0] * ASTRONAUT.shape[1]
    assert photo_io.read_photo(tmp_path / 'a.png', max_pixels=pixels)
    with pytest.raises(InputError, match='million pixels'):
        photo_io.read_photo(tmp_path / 'a.png', max_pixels=pixels - 1)
    # A header of 60000×60000 pixels with nothing behind it.
    data = bytearray((tmp_path / 'a.png').read_bytes())
    data[16:24] = struct.pack('>II', 60000, 60000)
    data[29:33] = struct.pack('>I', zlib.crc32(data[12:29]))
    (tmp_path / 'bomb.png').write_bytes(data)
    with pytest.raises(InputError, match="bomb.png' has more than 200 million pixels"):
        photo_io.read_photo(tmp_path / 'bomb.png')


def test_existing_files_are_safe(tmp_path):
    path = tmp_path / 'a.png'
    photo_io.write_photo(path, Photo(ASTRONAUT))
    photo = photo_io.read_photo(path)
    before = path.read_bytes()
    with pytest.raises(InputError, match='is the photo itself'):
        photo_io.write_photo(tmp_path / '.' / 'a.png', photo)
    with pytest.raises(InputError, match='exists'):
        photo_io.write_photo(path, Photo(ASTRONAUT))
    assert path.read_bytes() == before
    other = dataclasses.replace(photo, pixels=255 - photo.pixels)
    os.link(path, tmp_path / 'link.png')
    photo_io.write_photo(path, other, overwrite=True)
    assert (tmp_path / 'link.png').read_bytes() == before  # replaced as a whole, not rewritten
    np.testing.assert_array_equal(photo_io.read_photo(path).pixels, other.pixels)


def test_outputs_that_cannot_be_written(tmp_path):
    see_through = photo_of(alpha=True)
    wide = Photo(np.zeros((1, 70000, 3), np.uint8))
    (tmp_path / 'file').touch()
    for name, photo, word in [
        ('a.heic', Photo(ASTRONAUT), '.jpeg, .jpg, .png, .tif, .tiff, .webp'),
        ('a', Photo(ASTRONAUT), 'suffix'),
        ('missing/a.png', Photo(ASTRONAUT), "missing' does not exist"),
        ('file/a.png', Photo(ASTRONAUT), 'is no folder'),
        ('.', Photo(ASTRONAUT), 'is a folder'),
        ('x' * 252 + '.png', Photo(ASTRONAUT), 'cannot be written'),
        ('a.jpg', see_through, 'transparency'),
        ('a.jpg', wide, '65535'),
        ('a.webp', wide, '16383'),
    ]:
        with pytest.raises(InputError) as caught:
            photo_io.write_photo(tmp_path / name, photo)
        assert word in str(caught.value) and '\n' not in str(caught.value)
    assert [entry.name for entry in tmp_path.iterdir()] == ['file']


@pytest.mark.skipif(os.geteuid() == 0, reason='every folder is writable for root')
def test_folders_without_permission(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match='is not writable'):
        photo_io.write_photo(tmp_path / 'a.png', Photo(ASTRONAUT))


def test_opaque_alpha_may_go_into_a_jpeg(tmp_path):
    alpha = np.full(ASTRONAUT.shape[:2], 255, np.uint8)
    photo_io.write_photo(tmp_path / 'a.jpg', Photo(ASTRONAUT, alpha))
    assert photo_io.read_photo(tmp_path / 'a.jpg').alpha is None


def test_png_files_please_a_strict_reader(tmp_path):
    photo_io.write_photo(tmp_path / 'a.png', photo_of(alpha=True), metadata={'Edit': 'smile=1'})
    contents = (tmp_path / 'a.png').read_bytes()
    with Image.open(io.BytesIO(contents)) as image:
        image.verify()  # checksums of all chunks
    exif = contents.index(b'eXIf') + 4
    assert contents[exif : exif + 2] in (b'II', b'MM')  # as TIFF begins, without the mark of JPEG


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
    begin = time.process_time()
    with pytest.raises(InputError, match="pages.tif' is animated or has several pages"):
        photo_io.read_photo(tmp_path / 'pages.tif')
    assert time.process_time() - begin < 2


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
    assert (
        photo_io.read_photo(tmp_path / 'few.jpg').size == photo_io.read_photo(tmp_path / 'film.jpg').size == (128, 96)
    )
    with pytest.raises(InputError, match="many.jpg' has at least 101 scans, where JPEGs have about ten; save it again"):
        photo_io.read_photo(tmp_path / 'many.jpg')


def test_a_pipe_is_no_photo(tmp_path):
    os.mkfifo(tmp_path / 'a.jpg')
    with pytest.raises(InputError, match="a.jpg' is a pipe or a device, which may never end"):
        photo_io.read_photo(tmp_path / 'a.jpg')


@pytest.mark.parametrize('profile', [('s', 0, 'text'), ('H', 3, (1, 2, 3)), ('d', 1, 0.5)])
def test_a_profile_that_is_none_is_left_out(profile, tmp_path):
    tifffile.imwrite(
        tmp_path / 'a.tif', ASTRONAUT, photometric='rgb', metadata=None, extratags=[(34675, *profile, True)]
    )
    photo = photo_io.read_photo(tmp_path / 'a.tif')
    assert photo.icc_profile is None
    photo_io.write_photo(tmp_path / 'a.png', photo)


def test_libraries_say_nothing_of_their_own_about_damaged_files(tmp_path, capfd, caplog):
    Image.fromarray(ASTRONAUT).save(tmp_path / 'a.tif', compression='tiff_lzw')
    data = bytearray((tmp_path / 'a.tif').read_bytes())
    data[100:3000] = bytes(2900)  # libtiff complained of the pixels
    (tmp_path / 'pixels.tif').write_bytes(data)
    data = (tmp_path / 'a.tif').read_bytes()
    entry = data.index(struct.pack('<HHI', 277, 3, 1))  # Pillow complained of a thousand channels
    (tmp_path / 'channels.tif').write_bytes(data[: entry + 8] + struct.pack('<I', 2048) + data[entry + 12 :])
    for name in ('pixels.tif', 'channels.tif'):
        with pytest.raises(InputError, match=f"{name}' is"):
            photo_io.read_photo(tmp_path / name)
    # 16 bits are read by OpenCV: libpng complained of pixels after the last one.
    header, pixels = struct.pack('>IIBBBBB', 8, 8, 16, 2, 0, 0, 0), zlib.compress(bytes(8 * (1 + 6 * 8) + 100))
    chunks = ((b'IHDR', header), (b'IDAT', pixels), (b'IEND', b''))
    (tmp_path / 'deep.png').write_bytes(
        b'\x89PNG\r\n\x1a\n'
        + b''.join(
            struct.pack('>I', len(body)) + kind + body + struct.pack('>I', zlib.crc32(kind + body))
            for kind, body in chunks
        )
    )
    assert photo_io.read_photo(tmp_path / 'deep.png').size == (8, 8)
    assert capfd.readouterr().err == ''
    os.write(2, b'heard again')
    assert capfd.readouterr().err == 'heard again'


def test_a_larger_limit_than_pillow_s_own_holds_for_one_photo(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', 1000)
    photo_io.write_photo(tmp_path / 'a.png', Photo(ASTRONAUT))
    assert photo_io.read_photo(tmp_path / 'a.png').size == (128, 96)
    assert Image.MAX_IMAGE_PIXELS == 1000


@pytest.mark.parametrize('kind', [b'iCCP', b'zTXt'])
def test_metadata_that_unpacks_to_too_much_is_refused(tmp_path, kind):
    photo_io.write_photo(tmp_path / 'a.png', Photo(ASTRONAUT))
    data = (tmp_path / 'a.png').read_bytes()
    body = kind + b'x\0\0' + zlib.compress(bytes(2**27))
    chunk = struct.pack('>I', len(body) - 4) + body + struct.pack('>I', zlib.crc32(body))
    (tmp_path / 'bomb.png').write_bytes(data[:33] + chunk + data[33:])
    with pytest.raises(InputError, match='bomb.png.*too large'):
        photo_io.read_photo(tmp_path / 'bomb.png')
