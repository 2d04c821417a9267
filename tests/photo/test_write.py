"""Written photos lose nothing that their format can hold; files are whole or absent, and never replaced unasked."""

import dataclasses
import io
import os

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms
from skimage import data

from fvae_jax.errors import InputError
from fvae_jax.photo.photo import Photo
from fvae_jax.photo.read import read_photo
from fvae_jax.photo.write import write_photo, write_png

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
    write_photo(path, photo)
    back = read_photo(path)
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
    write_photo(tmp_path / f'a{suffix}', Photo(deep, None, PROFILE))
    back = read_photo(tmp_path / f'a{suffix}')
    assert back.pixels.dtype == np.uint8 and back.icc_profile == PROFILE
    error = np.abs(back.pixels.astype(int) - ASTRONAUT)
    assert error.mean() < (2 if suffix == '.jpg' else 3)


def test_the_jpeg_keeps_full_chroma(tmp_path):
    write_photo(tmp_path / 'a.jpg', Photo(ASTRONAUT))
    with Image.open(tmp_path / 'a.jpg') as image:
        assert [layer[1:3] for layer in image.layer] == [(1, 1)] * 3


def test_gray_jpegs_stay_gray_until_they_are_colored(tmp_path):
    gray = photo_of(gray=True)
    write_photo(tmp_path / 'gray.jpg', gray)
    with Image.open(tmp_path / 'gray.jpg') as image:
        assert image.mode == 'L'
    assert read_photo(tmp_path / 'gray.jpg').icc_profile == GRAY_PROFILE
    pixels = gray.pixels.copy()
    pixels[3, 4, 0] ^= 255
    write_photo(tmp_path / 'color.png', dataclasses.replace(gray, pixels=pixels))
    back = read_photo(tmp_path / 'color.png')
    assert not back.was_gray and back.icc_profile is None
    np.testing.assert_array_equal(back.pixels, pixels)


def test_existing_files_are_safe(tmp_path):
    path = tmp_path / 'a.png'
    write_photo(path, Photo(ASTRONAUT))
    photo = read_photo(path)
    before = path.read_bytes()
    with pytest.raises(InputError, match='is the photo itself'):
        write_photo(tmp_path / '.' / 'a.png', photo)
    with pytest.raises(InputError, match='exists'):
        write_photo(path, Photo(ASTRONAUT))
    assert path.read_bytes() == before
    other = dataclasses.replace(photo, pixels=255 - photo.pixels)
    os.link(path, tmp_path / 'link.png')
    write_photo(path, other, overwrite=True)
    assert (tmp_path / 'link.png').read_bytes() == before  # replaced as a whole, not rewritten
    np.testing.assert_array_equal(read_photo(path).pixels, other.pixels)


def test_outputs_that_cannot_be_written(tmp_path):
    see_through = photo_of(alpha=True)
    wide = Photo(np.zeros((1, 70000, 3), np.uint8))
    (tmp_path / 'file').touch()
    for name, photo, word in [
        ('a.heic', Photo(ASTRONAUT), '.jpeg, .jpg, .png, .tif, .tiff, .webp'),
        ('a', Photo(ASTRONAUT), 'suffix'),
        ('missing/a.png', Photo(ASTRONAUT), "missing' does not exist"),
        ('file/a.png', Photo(ASTRONAUT), 'is not a folder'),
        ('.', Photo(ASTRONAUT), 'is a folder'),
        ('x' * 252 + '.png', Photo(ASTRONAUT), 'cannot be written'),
        ('a.jpg', see_through, 'transparency'),
        ('a.jpg', wide, '65535'),
        ('a.webp', wide, '16383'),
    ]:
        with pytest.raises(InputError) as caught:
            write_photo(tmp_path / name, photo)
        assert word in str(caught.value) and '\n' not in str(caught.value)
    assert [entry.name for entry in tmp_path.iterdir()] == ['file']


@pytest.mark.skipif(os.geteuid() == 0, reason='every folder is writable for root')
def test_folders_without_permission(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match='is not writable'):
        write_photo(tmp_path / 'a.png', Photo(ASTRONAUT))


def test_opaque_alpha_may_go_into_a_jpeg(tmp_path):
    alpha = np.full(ASTRONAUT.shape[:2], 255, np.uint8)
    write_photo(tmp_path / 'a.jpg', Photo(ASTRONAUT, alpha))
    assert read_photo(tmp_path / 'a.jpg').alpha is None


def test_png_files_please_a_strict_reader(tmp_path):
    write_photo(tmp_path / 'a.png', photo_of(alpha=True), metadata={'Edit': 'smile=1'})
    contents = (tmp_path / 'a.png').read_bytes()
    with Image.open(io.BytesIO(contents)) as image:
        image.verify()  # checksums of all chunks
    exif = contents.index(b'eXIf') + 4
    assert contents[exif : exif + 2] in (b'II', b'MM')  # as TIFF begins, without the mark of JPEG


def test_pictures_are_written_without_loss_whole_or_not_at_all(tmp_path):
    write_png(tmp_path / 'picture.png', 255 - ASTRONAUT)
    write_png(tmp_path / 'picture.png', ASTRONAUT)
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / 'picture.png'))[..., ::-1], ASTRONAUT)
    with pytest.raises(InputError, match='missing/picture.png.* cannot be written .*folder'):
        write_png(tmp_path / 'missing' / 'picture.png', ASTRONAUT)
    (tmp_path / 'taken').mkdir()
    with pytest.raises(InputError, match='cannot be written'):
        write_png(tmp_path / 'taken', ASTRONAUT)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ['picture.png', 'taken']
