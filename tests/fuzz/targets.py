"""The doors through which strangers' files come in, and good files for each."""

import contextlib
import csv
import io
import json
import pathlib
import struct
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np
import skimage.data
import tifffile
from editing import models
from PIL import Image, ImageCms, PngImagePlugin

from fvae_jax import bundle as bundle_lib, cli
from fvae_jax.cli import arguments
from fvae_jax.data import builder, crops, index, lips
from fvae_jax.editing import editor as editor_lib
from fvae_jax.errors import InputError
from fvae_jax.evaluation.card import groups
from fvae_jax.ops.frame import TIGHT
from fvae_jax.photo import ffmpeg, read, write
from fvae_jax.photo.photo import Carried, Photo

_SIDE = 128  # px, of the photos: small ones are read in milliseconds
_HEIC = pathlib.Path(__file__).parents[1] / 'photo' / 'composite_face_turned.heic'
_XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="5" '
    b'xmlns:xmpMM="http://ns.adobe.com/xap/1.0/mm/"><xmpMM:History><rdf:Seq><rdf:li/></rdf:Seq></xmpMM:History>'
    b'</rdf:Description></rdf:RDF></x:xmpmeta>'
)
_IPTC = b'Photoshop 3.0\0' + b'8BIM\x04\x04\0\0' + struct.pack('>I', 8) + b'\x1c\x02\x78\0\x03abc'
_JUMBF = b'JP\0\1\0\0\0\1' + struct.pack('>I', 16) + b'jumbjumd'
_SEGMENTS = b''.join(
    b'\xff' + struct.pack('>BH', marker, len(data) + 2) + data for marker, data in ((0xED, _IPTC), (0xEB, _JUMBF))
)


class Target(NamedTuple):
    """A door.

    Attributes:
      name: For people.
      good: {file name: content}, files that are taken.
      enter: Takes a folder and a file in it through the door.
    """

    name: str
    good: dict[str, bytes]
    enter: Callable[[pathlib.Path, pathlib.Path], None]


def targets() -> list[Target]:
    """Every door, with an editor of a small model that stays warm."""
    model = _model()
    editor = editor_lib.Editor(models.random_bundle(content=True))
    return [
        Target('fvae edit', _photos(), lambda folder, file: _edit(editor, model, folder, file)),
        Target('fvae edit -', _photos(), lambda folder, file: _edit_standard_input(editor, model, folder, file)),
        Target('Editor.open: bytes', _photos(), lambda folder, file: _open_bytes(editor, file)),
        Target('Editor.open: array', _arrays(), lambda folder, file: _open_array(editor, file)),
        Target('Editor.open_film', _films(), lambda folder, file: _edit_film(editor, folder, file)),
        Target('fvae_jax.load, fvae info', {'model.safetensors': model}, _load),
        Target('photos: index.csv', {'index.csv': _index()}, _read_index),
        Target('photos: lips.csv', {'lips.csv': _lips()}, lambda folder, file: lips.read(folder)),
        Target('fvae card: people', {'people.csv': _people()}, lambda folder, file: groups.read_people(file)),
        Target('photos: crops', _photos(), _crop),
        Target('photos: flow', {'flow.npz': _flow()}, _read_flow),
        Target('study score: answers', {'answers.json': _answers()}, _score),
        Target('study score: key', {'key.json': _key()}, _score),
    ]


def _text() -> PngImagePlugin.PngInfo:
    text = PngImagePlugin.PngInfo()
    text.add_text('Title', 'a title', zip=True)
    text.add_itxt('XML:com.adobe.xmp', _XMP.decode())
    text.add_text('Raw profile type iptc', '\niptc\n       8\n1c02780003616263\n')
    text.add(b'caBX', b'a manifest')
    return text


def _arrays() -> dict[str, bytes]:
    photo = skimage.data.astronaut()[:260, 90:350]
    files = {}
    for name, array in {
        'color.npy': photo,
        'gray.npy': photo[..., 1],
        'deep.npy': photo.astype(np.uint16) * 257,
        'alpha.npy': np.dstack([photo, photo[..., 0]]),
        'unit.npy': photo / np.float32(255),
    }.items():
        stream = io.BytesIO()
        np.save(stream, array)
        files[name] = stream.getvalue()
    return files


def _photos() -> dict[str, bytes]:
    image = Image.fromarray(skimage.data.astronaut()).crop((90, 0, 350, 260)).resize((_SIDE, _SIDE))
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, 'a description'  # to be turned, so it is stored turned the other way
    turned = image.rotate(90)
    carried = dict(exif=exif.tobytes(), xmp=_XMP)  # Pillow takes orientations out of what it is given
    deep = np.asarray(image.convert('L')).astype(np.uint16) * 257
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile('sRGB')).tobytes()
    kinds = {
        'a.jpg': (turned, dict(exif=exif, icc_profile=profile)),
        'progressive.jpg': (image, dict(progressive=True)),
        'inks.jpg': (image.convert('CMYK'), {}),
        'a.png': (turned, dict(exif=exif)),
        'palette.png': (image.convert('P'), {}),
        'alpha.png': (image.convert('RGBA'), {}),
        'deep.png': (Image.fromarray(deep), {}),
        'a.webp': (turned, dict(exif=exif)),
        'lossless.webp': (image, dict(lossless=True)),
        'a.tif': (image, {}),
        'lzw.tif': (image, dict(compression='tiff_lzw')),
        'jpeg.tif': (image, dict(compression='jpeg')),
        'a.bmp': (image, {}),
        'a.gif': (image.convert('P'), {}),
        'a.avif': (image, {}),
        'carrying.jpg': (turned, dict(**carried, comment=b'a comment', dpi=(300, 300), extra=_SEGMENTS, subsampling=1)),
        'carrying.png': (turned, dict(exif=exif, pnginfo=_text(), dpi=(300, 300))),
        'carrying.webp': (turned, carried),
        'carrying.avif': (turned, carried),
    }
    files = {'a.heic': _HEIC.read_bytes()}
    for name, (picture, options) in kinds.items():
        stream = io.BytesIO()
        picture.save(stream, {'jpg': 'JPEG', 'tif': 'TIFF'}.get(name[-3:], name.rpartition('.')[2].upper()), **options)
        files[name] = stream.getvalue()
    color, turned_color = (np.asarray(picture).astype(np.uint16) * 257 for picture in (image, turned))
    told = Carried(text={'Software': 'none'})
    photo = Photo(turned_color, icc_profile=profile, exif=exif.tobytes(), carried=told)
    files['color.png'] = write.encode(photo, '.png')
    for name, options in {
        'color.tif': dict(compression='zlib'),
        'tiles.tif': dict(tile=(64, 64), compression='zlib'),
    }.items():
        stream = io.BytesIO()
        tifffile.imwrite(stream, color, photometric='rgb', iccprofile=profile, metadata=None, **options)
        files[name] = stream.getvalue()
    return files


def _films() -> dict[str, bytes]:
    """Four frames of a face that is large enough to be found, with sound where the format has any."""
    photo = np.ascontiguousarray(skimage.data.astronaut()[:260, 90:350])
    kinds = {
        'a.mp4': ['-c:v', 'libx264', '-pix_fmt', 'yuv420p', '-c:a', 'aac', '-movflags', '+faststart'],
        'late.mp4': ['-c:v', 'libx264', '-pix_fmt', 'yuv420p', '-an'],
        'a.mkv': ['-c:v', 'libx264', '-pix_fmt', 'yuv420p10le', '-c:a', 'flac'],
        'a.webm': ['-c:v', 'libvpx', '-b:v', '1M', '-c:a', 'libopus'],
        'moving.gif': ['-an'],
    }
    source = [
        '-f',
        'rawvideo',
        '-pix_fmt',
        'rgb24',
        '-s',
        '130x130',
        '-r',
        '25',
        '-i',
        '-',
        '-f',
        'lavfi',
        '-i',
        'sine',
    ]
    pixels, files = np.ascontiguousarray(photo[::2, ::2]).tobytes() * 4, {}
    with tempfile.TemporaryDirectory() as folder:
        for name, options in kinds.items():
            path = pathlib.Path(folder) / name
            command = ffmpeg.command('-v', 'error', *source, '-t', '0.16', *options, str(path))
            subprocess.run([option for option in command if option != '-nostdin'], input=pixels, check=True)
            files[name] = path.read_bytes()
    return files


def _model() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / 'model.safetensors'
        bundle_lib.save(path, models.random_bundle(content=True))
        return path.read_bytes()


def _index() -> bytes:
    stream = io.StringIO()
    rows = csv.writer(stream)
    rows.writerow([*index.COLUMNS, 'strength', 'origin', 'flow'])
    for person in ('ann', 'bob', 'zoë'):
        rows.writerow([f'{person}.jpg', person, 'neutral', 0, 'real', ''])
        rows.writerow([f'{person}_smile.jpg', person, 'smile', 1.0, 'synthetic', f'flow/{person}.npz'])
    return stream.getvalue().encode()


def _lips() -> bytes:
    stream = io.StringIO()
    rows = csv.writer(stream, delimiter=';')
    rows.writerow(['path', *(f'{axis}{i}' for i in range(lips.POINTS) for axis in 'xy')])
    for name in ('ann', 'bob', 'zoë'):
        rows.writerow([f'{name}.jpg', *(f'{n},25' for n in range(2 * lips.POINTS))])
    return stream.getvalue().encode()


def _people() -> bytes:
    return '\n'.join([','.join(groups.COLUMNS), 'ann,30,female,white', 'zoë,NA,male,']).encode()


def _flow() -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, flow=np.zeros((16, 16, 2), np.float16), exposed=np.zeros((16, 16), bool))
    return stream.getvalue()


def _key() -> bytes:
    images = {f'{i:04x}': ('real', 'FVAE')[i % 2] for i in range(8)}
    return json.dumps({'study': 'abc', 'methods': ['real', 'FVAE'], 'images': images}).encode()


def _answers() -> bytes:
    answers = {f'{i:04x}': ('real', 'fake', 'skip')[i % 3] for i in range(8)}
    return json.dumps(
        {'study': 'abc', 'participant': '0123456789abcdef', 'finished': '2026-01-01T00:00:00+00:00', 'answers': answers}
    ).encode()


@contextlib.contextmanager
def _command(editor, model, folder):
    """The command as it is, but for an editor that need not be compiled each time; its options for model and edit."""
    (folder / 'model').mkdir()
    path = folder / 'model' / 'model.safetensors'
    path.write_bytes(model)
    real, arguments.open_editor = arguments.open_editor, lambda bundle, args: editor
    try:
        yield ['--smile', '1', '--model', str(path)]
    finally:
        arguments.open_editor = real


def _edit(editor, model, folder, file):
    with _command(editor, model, folder) as options:
        cli.main(['edit', str(file), *options, '--out', str(folder / 'out' / 'edited.png')])


def _edit_standard_input(editor, model, folder, file):
    real = sys.stdin
    with _command(editor, model, folder) as options, open(file) as sys.stdin:
        try:
            cli.main(['edit', '-', *options, '--out', '-'])
        finally:
            sys.stdin = real


def _open_bytes(editor, file):
    content = file.read_bytes()
    edited = editor.open(content).edit(smile=1.0)
    # As strangers' metadata goes on into files of every kind; which one, the file decides.
    suffixes = sorted(write.ENCODERS)
    back = edited.encode(suffixes[zlib.crc32(content) % len(suffixes)])
    read.read_photo(back)
    edited.to_image()


def _open_array(editor, file):
    try:
        array = np.load(file)
    except Exception as error:  # NumPy's, whose door this is not
        raise InputError(f'no array: {error}') from None
    photo = editor.open(array, unit_range=getattr(array, 'dtype', np.dtype('u1')).kind == 'f')
    editor.open(photo.edit(smile=1.0).to_array())


def _edit_film(editor, folder, file):
    edited = editor.open_film(file).edit(smile=1.0)
    edited.save(folder / 'out' / 'edited.mkv')


def _load(folder, file):
    cli.main(['info', str(file)])
    editor = editor_lib.load(file)
    with jax.disable_jit():  # other weights would be compiled each time
        face = editor.encode(np.zeros((editor.size, editor.size, 3), np.uint8))
        editor.edit(face, dict.fromkeys(editor.expressions[:3], 1.0))


def _read_index(folder, file):
    index.fingerprint(index.read_roots(str(folder)))


def _crop(folder, file):
    [example] = crops.face_examples([index.Entry(folder, file.name, 'ann', 'neutral', 0.0)], 64, TIGHT)
    if isinstance(example, builder.Skipped):
        raise InputError(example.reason)


def _read_flow(folder, file):
    crops.read_flow(file, 64)


def _score(folder, file):
    for name, content in (('answers.json', _answers()), ('key.json', _key())):
        if name != file.name:
            (folder / name).write_bytes(content)
    cli.main(['study', 'score', str(folder / 'answers.json'), '--key', str(folder / 'key.json')])
