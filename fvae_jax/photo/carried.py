"""What files carry beside their pixels, found in their segments, chunks, boxes and tags."""

import os
from collections.abc import Iterator, Mapping
from typing import BinaryIO

from PIL import Image, JpegImagePlugin

from fvae_jax.photo.photo import Carried, Stored

EXTENDED_XMP = b'http://ns.adobe.com/xmp/extension/\0'
XMP_KEYWORD = 'XML:com.adobe.xmp'
IPTC_PROFILE = 'Raw profile type iptc'  # where ImageMagick and exiv2 keep it in a PNG
# Copies of EXIF, XMP and IPTC, which are written where they belong.
_NO_TEXT = {XMP_KEYWORD, IPTC_PROFILE, *(f'Raw profile type {kind}' for kind in ('exif', 'APP1', 'xmp'))}
_IPTC_RESOURCE = 0x0404
_C2PA_UUID = bytes.fromhex('d8fec3d61b0e483c92975828877ec481')
_TIFF_IPTC, _TIFF_C2PA = 33723, 0xCD41
_MOST_CHUNKS = 10_000


def of(file: BinaryIO, image: Image.Image) -> Carried:
    """Returns what an opened file carries; call it when the pixels are read, behind which a PNG keeps text."""
    info = image.info
    xmp, comment = info.get('xmp'), info.get('comment')
    if isinstance(xmp, str):
        xmp = xmp.encode('utf-8', 'replace')
    segments = getattr(image, 'applist', [])
    return Carried(
        xmp=xmp if isinstance(xmp, bytes) and xmp else None,
        extended_xmp=tuple(data for kind, data in segments if kind == 'APP1' and data.startswith(EXTENDED_XMP)),
        iptc=_iptc(image),
        comment=comment if isinstance(comment, bytes) and comment and image.format in ('JPEG', 'MPO') else None,
        text=_text(image),
        dpi=_dpi(image),
        credentials=_has_credentials(file, image),
    )


def stored(file: BinaryIO, image: Image.Image, content: bytes | None) -> Stored:
    """Returns how an opened file stores its pixels; `content` is all of it, unless it is a file on the disk."""
    kind = 'JPEG' if image.format == 'MPO' else image.format
    stamp = stamp_of(os.fstat(file.fileno())) if content is None else None
    if kind == 'JPEG':
        # The two of chroma are one table as a rule, and an encoder gives the last one to all that are left.
        tables, colors = getattr(image, 'quantization', {}), [layer[3] for layer in image.layer]
        # Where the components are red, green and blue themselves, tables are of other things than ours.
        fits = image.mode in ('L', 'RGB') and image.info.get('adobe_transform') != 0 and set(colors) <= set(tables)
        if colors[1:2] * 2 == colors[1:]:
            colors = colors[:2]
        return Stored(
            kind,
            content,
            stamp,
            tables=[list(tables[number]) for number in colors] if fits else (),
            sampling=JpegImagePlugin.get_sampling(image),
            progressive=bool(image.info.get('progressive')),
        )
    lossless = kind == 'WEBP' and b'VP8L' in dict(_pieces(file, riff=True))
    return Stored(kind, content, stamp, lossless=lossless)


def stamp_of(status: os.stat_result) -> tuple[int, ...]:
    """What changes when a file is written or replaced."""
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _iptc(image: Image.Image) -> bytes | None:
    resources = image.info.get('photoshop')
    found = resources.get(_IPTC_RESOURCE) if isinstance(resources, Mapping) else None
    if found is None and hasattr(image, 'tag_v2'):
        found = image.tag_v2.get(_TIFF_IPTC)
        if isinstance(found, tuple) and all(isinstance(value, int) for value in found):
            # Written as whole numbers of four bytes, in the order of the file.
            order = 'little' if image.tag_v2.prefix == b'II' else 'big'
            found = b''.join((value & 0xFFFFFFFF).to_bytes(4, order) for value in found)
    if found is None and isinstance(profile := image.info.get(IPTC_PROFILE), str):
        try:
            found = bytes.fromhex(''.join(profile.split()[2:]))
        except ValueError:
            found = None
    # Its datasets begin with a mark; a Photoshop block in its place is another one's.
    return found if isinstance(found, bytes) and found[:1] == b'\x1c' else None


def _text(image: Image.Image) -> dict[str, str]:
    if image.format != 'PNG':
        return {}
    text = {str(name): str(value) for name, value in image.text.items() if isinstance(value, str)}
    return {name: value for name, value in text.items() if name not in _NO_TEXT and 0 < len(name) < 80}


def _dpi(image: Image.Image) -> tuple[float, float] | None:
    if image.format in ('JPEG', 'MPO') and not image.info.get('jfif_unit'):
        return None  # Pillow's guess; what EXIF may say of it stays there
    try:
        across, down = (float(number) for number in image.info.get('dpi'))
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return (across, down) if 1 <= across <= 65535 and 1 <= down <= 65535 else None


def _has_credentials(file: BinaryIO, image: Image.Image) -> bool:
    if image.format in ('JPEG', 'MPO'):
        return any(kind == 'APP11' and b'jumb' in data[:64] for kind, data in getattr(image, 'applist', []))
    if image.format == 'PNG':
        return any(chunk[0] == b'caBX' for chunk in getattr(image, 'private_chunks', []))
    if image.format == 'TIFF':
        return _TIFF_C2PA in getattr(image, 'tag_v2', {})
    if image.format == 'WEBP':
        return b'C2PA' in dict(_pieces(file, riff=True))
    if image.format in ('AVIF', 'HEIF'):
        return (b'uuid', _C2PA_UUID) in _pieces(file)
    return False


def _pieces(file: BinaryIO, *, riff: bool = False) -> Iterator[tuple[bytes, bytes]]:
    """The chunks of a RIFF file, or the boxes of another one: names, and the first 16 bytes of what is in them."""
    at = 12 if riff else 0
    for _ in range(_MOST_CHUNKS):
        file.seek(at)
        head = file.read(32)
        if len(head) < 8:
            return
        if riff:
            name, length, body = head[:4], int.from_bytes(head[4:8], 'little'), 8
            length += body + length % 2
        else:
            length, name, body = int.from_bytes(head[:4], 'big'), head[4:8], 8
            if length == 1:
                length, body = int.from_bytes(head[8:16], 'big'), 16
        yield name, head[body : body + 16]
        if length < body:
            return  # the last box, or damage
        at += length
