"""Writing photos and pictures: their formats, what each keeps, and PNG files."""

import dataclasses
import io
import logging
import os
import struct
import zlib
from collections.abc import Callable, Mapping

import numpy as np
from PIL import Image, features

from fvae_jax.errors import InputError
from fvae_jax.photo import carried as carried_lib, output, xmp
from fvae_jax.photo.photo import Carried, Photo

_QUALITY = 95
_AVIF_QUALITY = 90
_LARGEST_JPEG_SEGMENT = 65533  # bytes
_LARGEST_JPEG_XMP = 65502
_DESCRIPTION = 0x010E  # a tag of EXIF, as of TIFF
_ACROSS, _DOWN, _UNIT, _INCH = 0x011A, 0x011B, 0x0128, 2
_NAMES = {0x010F, 0x0110, 0x013B, 0x8298}  # maker, model, artist, copyright
_DIRECTORIES = (0x8769, 0x8825, 0xA005)  # of the camera, of the place, of what goes with other programs
_XMP_TAG, _IPTC_TAG = 700, 33723

_PNG_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # by channels: gray, gray + alpha, RGB, RGBA
_SUB = 1  # the filter that stores differences from the pixel on the left

_logger = logging.getLogger(__name__)


def write_photo(
    path: str | os.PathLike,
    photo: Photo,
    *,
    overwrite: bool = False,
    metadata: Mapping[str, str] | None = None,
    original: Photo | None = None,
) -> None:
    """Writes a photo in the format of its suffix, one of `ENCODERS`; for the arguments see `encode`.

    The file gets the permissions of the photo's own, and takes its place, or that of another one, with `overwrite`.

    Raises:
      InputError: The file cannot be written, or its format cannot hold the photo.
    """
    path = output.check_output(path, ENCODERS, source=photo.source, overwrite=overwrite)
    output.write(path, encode(photo, path.suffix, metadata=metadata, original=original, name=path), like=photo.source)


def encode(
    photo: Photo,
    suffix: str,
    *,
    metadata: Mapping[str, str] | None = None,
    original: Photo | None = None,
    name: object = None,
) -> bytes:
    """Returns the file of a photo.

    PNG and TIFF are lossless and keep 16 bits and transparency; JPEG, WebP and AVIF have 8 bits, and JPEG has no
    transparency. A JPEG that came from a JPEG has its quantization and chroma sampling, another one quality 95 and all
    of the chroma; a WebP that came from a lossless one is lossless, another one has quality 95. A gray photo stays
    gray, except in WebP and AVIF. Profile, EXIF, XMP, IPTC, comment, text and resolution are kept where the format has
    a place for them, and what it has none for is logged as a warning; a 16-bit TIFF takes only names and the caption of
    EXIF, and a TIFF with all of a camera's EXIF is not compressed.

    Args:
      photo: The photo.
      suffix: The format, one of `ENCODERS`.
      metadata: How the photo was made, for its XMP; see `xmp.updated`.
      original: What was edited. Where that has the same pixels and format, its file is returned as it is.
      name: What messages call the file.

    Raises:
      InputError: The format cannot hold the photo.
    """
    suffix = suffix.lower()
    name = f"'{suffix}'" if name is None else f"'{name}'"
    if suffix not in ENCODERS:
        raise InputError(f'output {name} has no known suffix; use one of {", ".join(sorted(ENCODERS))}')
    kind, encoder = ENCODERS[suffix]
    same = original is not None and _same_pixels(photo, original)
    if same and (content := _own_file(original, kind)) is not None:
        return content
    made = None if same else metadata
    packet, lost = xmp.updated(photo.carried.xmp, photo.size, made), _left_out(photo, kind)
    if packet is not None and kind == 'JPEG' and len(packet) > _LARGEST_JPEG_XMP:
        packet = xmp.updated(None, photo.size, made)
        lost.append('XMP of more than 64 kB (.png, .webp and .tif have a place for it)')
    carried = dataclasses.replace(photo.carried, xmp=packet)
    try:
        data = encoder(dataclasses.replace(photo, carried=carried))
    except InputError as error:
        raise InputError(f'output {name}: {error}') from None
    if lost:
        _logger.warning('output %s leaves out %s', name, ', '.join(lost))
    return data


def _same_pixels(photo: Photo, other: Photo) -> bool:
    return all(
        one is two or (one is not None and two is not None and one.dtype == two.dtype and np.array_equal(one, two))
        for one, two in ((photo.pixels, other.pixels), (photo.alpha, other.alpha))
    )


def _own_file(photo: Photo, kind: str) -> bytes | None:
    """The file that a photo was read from, if it has this format and nobody has written to it since."""
    stored = photo.stored
    if stored is None or stored.format != kind:
        return None
    if stored.content is not None:
        return stored.content
    try:
        with open(photo.source, 'rb') as file:
            content = file.read()
            return content if carried_lib.stamp_of(os.fstat(file.fileno())) == stored.stamp else None
    except OSError:
        return None


def _left_out(photo: Photo, kind: str) -> list[str]:
    """What a file of this format has no place for."""
    carried, exif = photo.carried, photo.exif or b''
    lost = {
        'the C2PA manifest (content credentials), which is true of the unedited picture only': carried.credentials,
        'XMP that cannot be read, or is larger than 1 MB': carried.xmp and not xmp.is_readable(carried.xmp),
        'EXIF of more than 64 kB': kind == 'JPEG' and len(exif) > _LARGEST_JPEG_SEGMENT,
        'IPTC data (.jpg, .png and .tif have a place for it)': carried.iptc and kind in ('WEBP', 'AVIF'),
        'the comment (.jpg and .png have a place for it)': carried.comment and kind not in ('JPEG', 'PNG'),
        f'text of the PNG ({", ".join(sorted(carried.text))})': carried.text and kind != 'PNG',
    }
    return [words for words, is_lost in lost.items() if is_lost]


def write_png(path: str | os.PathLike, image: np.ndarray) -> None:
    """Writes a picture, (H, W, 3) uint8 RGB, as PNG, over a file that is there; see `output.write`."""
    output.write(path, _png(Photo(image)))


def _png(photo: Photo) -> bytes:
    """Pillow writes no 16-bit color and OpenCV no gray with alpha; this also takes a tenth of Pillow's time."""
    pixels, profile = planes(photo)
    height, width, channels = pixels.shape
    carried, text = photo.carried, dict(photo.carried.text)
    if carried.comment:
        text.setdefault('Comment', carried.comment.decode('utf-8', 'replace'))
    if carried.iptc:
        text[carried_lib.IPTC_PROFILE] = f'\niptc\n{len(carried.iptc):8d}\n{carried.iptc.hex()}\n'
    if carried.xmp:
        text[carried_lib.XMP_KEYWORD] = carried.xmp.decode()
    header = struct.pack('>IIBBBBB', width, height, 8 * pixels.itemsize, _PNG_TYPES[channels], 0, 0, 0)
    parts = [b'\x89PNG\r\n\x1a\n', _chunk(b'IHDR', header)]
    if profile:
        parts.append(_chunk(b'iCCP', b'ICC profile\0\0' + zlib.compress(profile)))
    if photo.exif:
        parts.append(_chunk(b'eXIf', photo.exif.removeprefix(b'Exif\0\0')))
    if carried.dpi:
        across, down = (round(value / 0.0254) for value in carried.dpi)  # per meter
        parts.append(_chunk(b'pHYs', struct.pack('>IIB', across, down, 1)))
    for keyword, value in text.items():
        parts.append(_chunk(b'iTXt', keyword.encode('latin-1') + b'\0' * 5 + value.encode('utf-8', 'replace')))
    parts += [_chunk(b'IDAT', _compress(pixels)), _chunk(b'IEND', b'')]
    return b''.join(parts)


def _jpeg(photo: Photo) -> bytes:
    photo = photo.eight_bit()
    if photo.alpha is not None:
        if photo.alpha.min() < 255:
            raise InputError('JPEG has no transparency, which the photo has; write .png, .webp or .tif instead')
        photo = dataclasses.replace(photo, alpha=None)
    options, stored, carried = dict(quality=_QUALITY, subsampling=0), photo.stored, photo.carried
    if stored is not None and stored.tables:
        sampling = max(stored.sampling, 0)  # all of the chroma where Pillow cannot write the same
        options = dict(qtables=stored.tables, subsampling=sampling, progressive=stored.progressive)
    segments = [(0xE1, data) for data in carried.extended_xmp if carried.xmp]
    if carried.iptc:
        block = b'8BIM\x04\x04\0\0' + struct.pack('>I', len(carried.iptc)) + carried.iptc
        segments.append((0xED, b'Photoshop 3.0\0' + block + bytes(len(block) % 2)))
    comment = carried.comment or carried.text.get('Comment', '').encode()
    return _by_pillow(
        photo,
        'JPEG',
        65535,
        comment=comment[:_LARGEST_JPEG_SEGMENT],
        dpi=carried.dpi or (0, 0),
        extra=b''.join(
            b'\xff' + struct.pack('>BH', marker, len(data) + 2) + data
            for marker, data in segments
            if len(data) <= _LARGEST_JPEG_SEGMENT
        ),
        **options,
    )


def _webp(photo: Photo) -> bytes:
    lossless = photo.stored is not None and photo.stored.lossless
    return _by_pillow(photo.eight_bit(), 'WebP', 16383, quality=_QUALITY, exact=True, lossless=lossless)


def _avif(photo: Photo) -> bytes:
    if not features.check('avif'):
        raise InputError('this Pillow was built without AVIF; write .png, .jpg or .webp instead')
    return _by_pillow(photo.eight_bit(), 'AVIF', 65535, quality=_AVIF_QUALITY, subsampling='4:4:4')


def _tiff(photo: Photo) -> bytes:
    carried = photo.carried
    if photo.pixels.dtype == np.uint8:
        options = {} if carried.dpi is None else {'dpi': carried.dpi}
        # With libtiff, which compresses, Pillow cannot write the directories that cameras fill.
        if not any(tag in _loaded_exif(photo) for tag in _DIRECTORIES):
            options['compression'] = 'tiff_adobe_deflate'
        return _by_pillow(photo, 'TIFF', **options)
    import tifffile  # Pillow writes no 16-bit color

    pixels, profile = planes(photo, gray_alpha=False)
    is_gray = pixels.shape[2] == 1
    exif = _loaded_exif(photo)
    names = [(tag, exif.get(tag)) for tag in sorted(_NAMES)]
    tags = [(tag, 's', 0, name, True) for tag, name in names if isinstance(name, str) and name and name.isascii()]
    tags += [(tag, 'B', len(data), data, True) for tag, data in _tiff_tags(carried).items()]
    file = io.BytesIO()
    tifffile.imwrite(
        file,
        pixels[..., 0] if is_gray else pixels,
        photometric='minisblack' if is_gray else 'rgb',
        planarconfig=None if is_gray else 'contig',
        extrasamples=None if photo.alpha is None else ['unassalpha'],
        compression='zlib',
        iccprofile=profile,
        resolution=carried.dpi,
        resolutionunit=None if carried.dpi is None else _INCH,
        description=str(exif.get(_DESCRIPTION, '')).encode('utf-8', 'replace') or None,
        extratags=tags,
        metadata=None,
        software=False,
    )
    return file.getvalue()


def _tiff_tags(carried: Carried) -> dict[int, bytes]:
    tags = {_XMP_TAG: carried.xmp, _IPTC_TAG: carried.iptc}
    return {tag: data for tag, data in tags.items() if data is not None}


# By suffix: Pillow's name of the format, and what encodes a photo.
ENCODERS: dict[str, tuple[str, Callable[[Photo], bytes]]] = {
    '.jpg': ('JPEG', _jpeg),
    '.jpeg': ('JPEG', _jpeg),
    '.png': ('PNG', _png),
    '.webp': ('WEBP', _webp),
    '.avif': ('AVIF', _avif),
    '.tif': ('TIFF', _tiff),
    '.tiff': ('TIFF', _tiff),
}


def suffix_of(photo: Photo) -> str:
    """The suffix of the format that a photo came in; .png where that cannot be written, or there was no file."""
    kind = None if photo.stored is None else photo.stored.format
    return next((suffix for suffix, (known, _) in ENCODERS.items() if known == kind), '.png')


def _by_pillow(photo: Photo, kind: str, largest: int | None = None, **options) -> bytes:
    """Encodes a photo, whose format may have a largest side, px."""
    if largest and max(photo.size) > largest:
        raise InputError(
            f'{kind} holds at most {largest} pixels a side and the photo has '
            f'{photo.size[0]}x{photo.size[1]}; write .png or .tif instead'
        )
    pixels, profile = planes(photo)
    image, carried = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels), photo.carried
    exif = _loaded_exif(photo)
    if kind == 'TIFF':
        exif.update(_tiff_tags(carried))
    elif carried.xmp:
        options['xmp'] = carried.xmp
    if carried.dpi is not None and kind in ('WebP', 'AVIF'):
        exif[_ACROSS], exif[_DOWN], exif[_UNIT] = *carried.dpi, _INCH
    data = exif.tobytes() if len(exif) else b''
    if data and (kind != 'JPEG' or len(data) <= _LARGEST_JPEG_SEGMENT):
        options['exif'] = data
    if profile:
        options['icc_profile'] = profile
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def _loaded_exif(photo: Photo) -> Image.Exif:
    exif = Image.Exif()
    if photo.exif:
        exif.load(photo.exif)
    return exif


def planes(photo: Photo, gray_alpha: bool = True) -> tuple[np.ndarray, bytes | None]:
    """The photo as one array, (H, W, C) gray, gray + alpha, RGB or RGBA, and the profile that goes with it.

    A gray photo stays gray unless an edit brought color in, or it has transparency and `gray_alpha` is False.
    """
    pixels, profile = photo.pixels, photo.icc_profile
    if photo.was_gray and (gray_alpha or photo.alpha is None) and (pixels[..., :1] == pixels[..., 1:]).all():
        pixels = pixels[..., :1]
    elif profile and profile[16:20] == b'GRAY':
        profile = None  # it does not describe colors
    if photo.alpha is not None:
        pixels = np.concatenate([pixels, photo.alpha[..., None]], axis=2)
    return np.ascontiguousarray(pixels), profile


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))


def _compress(pixels: np.ndarray) -> bytes:
    """The filtered and compressed scanlines.

    Photos hold few repeated strings: looking for runs only makes smaller files than zlib's search
    at the same level, in half of the time.
    """
    height, width, channels = pixels.shape
    step = channels * pixels.itemsize
    rows = pixels.astype(pixels.dtype.newbyteorder('>'), copy=False).reshape(height, -1)
    rows = np.ascontiguousarray(rows).view(np.uint8)
    lines = np.empty((height, 1 + rows.shape[1]), np.uint8)
    lines[:, 0] = _SUB
    lines[:, 1 : 1 + step] = rows[:, :step]
    np.subtract(rows[:, step:], rows[:, :-step], out=lines[:, 1 + step :])
    compressor = zlib.compressobj(1, zlib.DEFLATED, zlib.MAX_WBITS, 9, zlib.Z_RLE)
    return compressor.compress(lines) + compressor.flush()
