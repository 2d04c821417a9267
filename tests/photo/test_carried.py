"""What a photo carries beside its pixels is there after an edit, and what an edit adds stands in its own place."""

import dataclasses
import io
import os
import struct
import time
import zlib
from xml.etree import ElementTree

import numpy as np
import pytest
import tifffile
from PIL import Image, PngImagePlugin
from skimage import data

from fvae_jax.errors import InputError
from fvae_jax.photo import film, xmp
from fvae_jax.photo.photo import Carried, Photo
from fvae_jax.photo.read import read_photo
from fvae_jax.photo.write import encode, suffix_of, write_photo

FACE = data.astronaut()[:96, 100:228]
RATED = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF
    xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""
    xmlns:mine="http://ns.adobe.com/xap/1.0/" mine:Rating="5" xmlns:tiff="http://ns.adobe.com/tiff/1.0/"
    xmlns:GCamera="http://ns.google.com/photos/1.0/camera/" GCamera:MotionPhoto="1" tiff:Orientation="6"/>
    </rdf:RDF></x:xmpmeta><?xpacket end="w"?>""".encode()
IPTC = b'\x1c\x02\x78\0\x07Caption'
MANIFEST = b'JP\0\x01\0\0\0\x01' + struct.pack('>I4s', 24, b'jumb') + b'c2pa' + bytes(12)
MADE = {'Software': 'fvae_jax 1', 'Model': 'faces', 'Edit': 'smile 1 (face 1)'}
RDF = '{http://www.w3.org/1999/02/22-rdf-syntax-ns#}'
EVENT = '{http://ns.adobe.com/xap/1.0/sType/ResourceEvent#}'
WRITTEN = ['.jpg', '.png', '.webp', '.tif', '.avif']


def _segment(marker, payload):
    return b'\xff' + struct.pack('>BH', marker, len(payload) + 2) + payload


def _camera_exif(width=128, height=96):
    exif = Image.Exif()
    exif[0x010E], exif[0x013B], exif[0x0112] = 'A caption of mine', 'Me', 6
    camera = exif.get_ifd(0x8769)
    camera[0xA002], camera[0xA003], camera[0x9003] = width, height, '2020:01:01 00:00:00'
    return exif


def _file(kind):
    """A photo that carries whatever its format can, to be turned by 90°."""
    image, stream = Image.fromarray(FACE), io.BytesIO()
    exif = _camera_exif()
    if kind == 'JPEG':
        image.save(stream, kind, quality=83, subsampling=2, exif=exif, xmp=RATED, comment=b'my comment', dpi=(300, 300))
        content = stream.getvalue()
        block = b'8BIM\x04\x04\0\0' + struct.pack('>I', len(IPTC)) + IPTC
        return content[:20] + _segment(0xED, b'Photoshop 3.0\0' + block) + _segment(0xEB, MANIFEST) + content[20:]
    if kind == 'PNG':
        text = PngImagePlugin.PngInfo()
        text.add_text('Title', 'A title')
        text.add_itxt('XML:com.adobe.xmp', RATED.decode())
        text.add(b'caBX', b'manifest')
        image.save(stream, kind, pnginfo=text, exif=exif, dpi=(300, 300))
    elif kind == 'TIFF':
        exif[700], exif[33723] = RATED, IPTC
        image.save(stream, kind, exif=exif.tobytes(), dpi=(300, 300))
    else:
        image.save(stream, kind, exif=exif, xmp=RATED, quality=90)
    return stream.getvalue()


def _edited(content):
    """A photo, and what an edit might make of it."""
    photo = read_photo(content)
    return photo, dataclasses.replace(photo, pixels=255 - photo.pixels)


def _rdf(packet):
    return ElementTree.fromstring(packet).find(f'{RDF}RDF')


def _events(packet):
    return [event.attrib[f'{EVENT}parameters'] for event in _rdf(packet).iter(f'{RDF}li')]


@pytest.mark.parametrize('suffix', WRITTEN)
@pytest.mark.parametrize('kind', ['JPEG', 'PNG', 'WEBP', 'TIFF', 'AVIF'])
def test_what_a_photo_carries_survives(kind, suffix):
    photo, edited = _edited(_file(kind))
    found = read_photo(encode(edited, suffix, metadata=MADE, original=photo))
    exif = Image.Exif()
    exif.load(found.exif)
    camera = exif.get_ifd(0x8769)
    assert (exif[0x010E], exif[0x013B], exif.get(0x0112, 1)) == ('A caption of mine', 'Me', 1)
    assert (camera[0xA002], camera[0xA003], camera[0x9003]) == (96, 128, '2020:01:01 00:00:00')  # as it stands now
    packet = found.carried.xmp
    assert b'Rating="5"' in packet and b'Orientation="6"' not in packet and b'MotionPhoto' not in packet
    if kind in ('JPEG', 'PNG', 'TIFF'):
        np.testing.assert_allclose(found.carried.dpi or (float(exif[282]), float(exif[283])), 300, atol=0.01)
    if kind in ('JPEG', 'TIFF') and suffix in ('.jpg', '.png', '.tif'):
        assert found.carried.iptc[: len(IPTC)] == IPTC
    if kind == 'JPEG':
        assert suffix != '.jpg' or found.carried.comment == b'my comment'
        assert suffix != '.png' or found.carried.text['Comment'] == 'my comment'
    if (kind, suffix) == ('PNG', '.png'):
        assert found.carried.text == {'Title': 'A title'}
    assert not found.carried.credentials


def test_deep_tiff_files_keep_what_they_can(tmp_path):
    photo = read_photo(_file('JPEG'))
    write_photo(tmp_path / 'a.tif', dataclasses.replace(photo, pixels=photo.pixels.astype(np.uint16) * 257))
    with tifffile.TiffFile(tmp_path / 'a.tif') as file:
        tags = file.pages[0].tags
        assert tags[270].value == 'A caption of mine' and tags[315].value == 'Me' and tags[282].value == (300, 1)
    found = read_photo(tmp_path / 'a.tif').carried
    assert b'Rating="5"' in found.xmp and found.iptc[: len(IPTC)] == IPTC


@pytest.mark.parametrize('suffix', WRITTEN)
def test_an_edit_is_noted_in_its_own_place_again_and_again(suffix):
    content = _file('JPEG')
    for number in range(1, 4):
        photo, edited = _edited(content)
        before, content = content, encode(edited, suffix, metadata={**MADE, 'Edit': f'smile {number}'}, original=photo)
        assert content == encode(edited, suffix, metadata={**MADE, 'Edit': f'smile {number}'}, original=photo)
        packet = read_photo(content).carried.xmp
        assert _events(packet) == [f'Model: faces; Edit: smile {k}' for k in range(1, number + 1)]
        kinds = [element.text for element in _rdf(packet).iter() if element.tag.endswith('DigitalSourceType')]
        assert kinds == ['http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia']
        assert read_photo(content).exif.count(b'A caption of mine') == 1 and before != content
    _, edited = _edited(content)
    assert len(_events(read_photo(encode(edited, suffix)).carried.xmp)) == 3  # nothing noted where it is not wanted


def test_a_photo_without_xmp_gets_a_packet_that_pillow_reads(tmp_path):
    write_photo(tmp_path / 'a.jpg', Photo(FACE), metadata={**MADE, 'Edit': 'like \x1b[2J\udcff.png <&"> größer'})
    with Image.open(tmp_path / 'a.jpg') as image:
        packet = image.info['xmp']
    assert _events(packet) == ['Model: faces; Edit: like \\x1b[2J\\udcff.png <&"> größer']
    write_photo(tmp_path / 'b.jpg', Photo(FACE))
    assert read_photo(tmp_path / 'b.jpg').carried.xmp is None


@pytest.mark.parametrize(
    'packet',
    [
        b'no xml',
        b'<a/>',
        b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "bbbbbbbb"><!ENTITY c "&b;&b;&b;">]>' + RATED[61:],
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/">' + b'<a>' * 5000 + b'</a>' * 5000 + b'</x:xmpmeta>',
        RATED.replace(b'"5"', b'"\xff"'),
        RATED + b' ' * (1 << 20) + b'.',
        RATED.decode().encode('utf-16'),
        RATED.decode()[61:].encode('utf-16-be'),
    ],
    ids=['text', 'no RDF', 'entities', 'deep', 'no UTF-8', 'large', 'UTF-16', 'UTF-16 BE'],
)
def test_packets_that_cannot_be_read_give_way(packet):
    assert xmp.updated(packet, (1, 1), None) is None
    assert len(_events(xmp.updated(packet, (1, 1), MADE))) == 1


def test_a_history_that_is_no_list_is_left_alone():
    packet = RATED.replace(b'mine:Rating', b'xmlns:m="http://ns.adobe.com/xap/1.0/mm/" m:History="text" mine:Rating')
    noted = xmp.updated(packet, (1, 1), MADE)
    assert b'History="text"' in noted and len(_events(noted)) == 1


@pytest.mark.parametrize(
    'inside, attributes',
    [
        ('<i:DigitalSourceType/>' * 45_000, ''),
        ('<m:History><rdf:Seq/></m:History>' * 30_000, ''),
        ('<m:History><rdf:Seq>' + '<rdf:li/>' * 100_000 + '</rdf:Seq></m:History>', ''),
        ('', ' '.join(f'a{i}=""' for i in range(90_000))),
    ],
    ids=['kinds', 'histories', 'events', 'attributes'],
)
def test_hostile_packets_take_seconds_at_most(inside, attributes):
    names = 'xmlns:i="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" xmlns:m="http://ns.adobe.com/xap/1.0/mm/"'
    packet = RATED.replace(b'rdf:about=""', f'rdf:about="" {names} {attributes}'.encode())
    packet = packet.replace(b'"6"/>', f'"6">{inside}</rdf:Description>'.encode())
    assert 500_000 < len(packet) < 1 << 20
    begin = time.thread_time()
    assert len(_events(xmp.updated(packet, (1, 1), MADE).replace(b'<rdf:li/>', b''))) == 1
    assert time.thread_time() - begin < 5


def test_what_is_too_large_for_a_jpeg_is_told(caplog):
    long = RATED.replace(b'"5"', b'"' + b'5' * 70_000 + b'"')
    exif = Image.Exif()
    exif[0x010E] = 'x' * 70_000
    photo = Photo(FACE, exif=exif.tobytes(), carried=Carried(xmp=long))
    assert _events(read_photo(encode(photo, '.jpg', metadata=MADE)).carried.xmp)
    [line] = caplog.messages
    assert 'XMP of more than 64 kB' in line and 'EXIF of more than 64 kB' in line
    caplog.clear()
    assert b'5' * 70_000 in read_photo(encode(photo, '.png', metadata=MADE)).carried.xmp and not caplog.messages
    encode(dataclasses.replace(photo, carried=Carried(xmp=b'<')), '.png')
    assert caplog.messages == ["output '.png' leaves out XMP that cannot be read, or is larger than 1 MB"]


@pytest.mark.parametrize('kind', ['JPEG', 'PNG'])
def test_a_manifest_that_an_edit_breaks_is_named_in_one_line(kind, caplog, tmp_path):
    photo, edited = _edited(_file(kind))
    assert photo.carried.credentials
    write_photo(tmp_path / 'a.webp', edited, original=photo)
    [line] = caplog.messages
    assert 'a.webp' in line and 'C2PA' in line and '\n' not in line
    assert ('IPTC' in line and 'comment' in line) if kind == 'JPEG' else 'Title' in line
    caplog.clear()
    assert encode(photo, suffix_of(photo), original=photo) == _file(kind)  # where it still holds
    assert not caplog.messages


def test_jpegs_keep_their_tables_and_sampling():
    for options in (dict(quality=61, subsampling=2), dict(quality=97, subsampling=1, progressive=True)):
        stream = io.BytesIO()
        Image.fromarray(FACE).save(stream, 'JPEG', **options)
        photo, edited = _edited(stream.getvalue())
        with (
            Image.open(stream) as before,
            Image.open(io.BytesIO(encode(edited, '.jpg', metadata=MADE, original=photo))) as after,
        ):
            assert after.quantization == before.quantization and after.layer == before.layer
            assert after.info.get('progressive') == before.info.get('progressive')
    # What moves elsewhere is stored as it was: nearly the same values, and a like size.
    changed = photo.pixels.copy()
    changed[:16, :16] = 0
    again = encode(dataclasses.replace(photo, pixels=changed), '.jpg', original=photo)
    difference = np.abs(read_photo(again).pixels.astype(int) - photo.pixels)[24:, 24:]
    assert difference.mean() < 0.2 and abs(len(again) / len(stream.getvalue()) - 1) < 0.1


def test_tables_turn_with_the_photo():
    stream, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 6
    table = list(range(1, 65))
    Image.fromarray(FACE).save(stream, 'JPEG', qtables=[table, table], subsampling=1, exif=exif)
    photo, edited = _edited(stream.getvalue())
    with Image.open(io.BytesIO(encode(edited, '.jpg', original=photo))) as after:
        assert list(after.quantization[0]) == np.reshape(table, (8, 8)).T.ravel().tolist()
        assert [layer[1:3] for layer in after.layer] == [(1, 1)] * 3


def test_lossless_webp_stays_lossless():
    stream = io.BytesIO()
    Image.fromarray(FACE).save(stream, 'WEBP', lossless=True)
    photo, edited = _edited(stream.getvalue())
    found = read_photo(encode(edited, '.webp', metadata=MADE, original=photo))
    np.testing.assert_array_equal(found.pixels, edited.pixels)
    assert found.stored.lossless and not read_photo(_file('WEBP')).stored.lossless


@pytest.mark.parametrize('kind, suffix', [('JPEG', '.jpg'), ('WEBP', '.webp'), ('PNG', '.png'), ('TIFF', '.tif')])
def test_where_nothing_changes_the_file_is_copied(tmp_path, kind, suffix):
    content, path = _file(kind), tmp_path / f'a{suffix}'
    path.write_bytes(content)
    for photo in (read_photo(content), read_photo(path)):
        same = dataclasses.replace(photo, pixels=photo.pixels.copy())
        assert encode(same, suffix, metadata=MADE, original=photo) == content
        other = encode(same, '.webp' if suffix == '.png' else '.png', metadata=MADE, original=photo)
        assert not _events(read_photo(other).carried.xmp)  # another format, and no edit
    path.write_bytes(content + b' ')  # somebody else's since
    assert encode(same, suffix, original=photo) not in (content, content + b' ')
    path.unlink()
    assert encode(same, suffix, original=photo) != content


def test_the_permissions_of_a_photo_are_those_of_its_edit(tmp_path):
    path = tmp_path / 'a.jpg'
    path.write_bytes(_file('JPEG'))
    for mode in (0o600, 0o640, 0o444):
        path.chmod(mode)
        write_photo(tmp_path / f'{mode}.png', read_photo(path))
        assert (tmp_path / f'{mode}.png').stat().st_mode & 0o777 == mode


@pytest.mark.parametrize('length', [251, 255])
def test_the_longest_names_can_be_written_and_replaced(tmp_path, length):
    path = tmp_path / ('ä' * ((length - 4) // 2) + 'x' * (length % 2 == 1) + '.png')
    assert len(os.fsencode(path.name)) == length
    write_photo(path, Photo(FACE))
    write_photo(path, Photo(255 - FACE), overwrite=True)
    np.testing.assert_array_equal(read_photo(path).pixels, 255 - FACE)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize('suffix', ['.mp4', '.gif', '.webp'])
def test_films_say_how_they_were_made(tmp_path, suffix):
    path = tmp_path / f'a{suffix}'
    film.write_animation(path, [FACE, 255 - FACE, FACE], 10, metadata=MADE)
    content = path.read_bytes()
    packet = content[content.index(b'<?xpacket begin') : content.index(b'<?xpacket end="w"?>') + 19]
    assert _events(packet) == ['Model: faces; Edit: smile 1 (face 1)']
    if suffix == '.mp4':
        boxes, at = [], 0
        while at < len(content):
            boxes.append(content[at + 4 : at + 8])
            at += int.from_bytes(content[at : at + 4], 'big')
        assert at == len(content) and boxes[-1] == b'uuid'
    else:
        with Image.open(path) as image:
            assert image.n_frames == 3 and image.info.get('xmp', packet) == packet
            for number in range(3):
                image.seek(number)
                image.load()
    film.write_animation(tmp_path / 'frames', [FACE, FACE], 10, metadata=MADE)
    assert len(_events(read_photo(tmp_path / 'frames' / '0001.png').carried.xmp)) == 1


def test_text_beyond_what_png_allows_is_left_out():
    stored = encode(Photo(FACE), '.png')
    body = b'tEXt' + b'k' * 100 + b'\0value'
    chunk = struct.pack('>I', len(body) - 4) + body + struct.pack('>I', zlib.crc32(body))
    photo = read_photo(stored[:33] + chunk + stored[33:])
    with Image.open(io.BytesIO(encode(photo, '.png'))) as image:
        assert image.text == {}


def test_formats_that_are_unknown_are_named():
    with pytest.raises(InputError, match=r"output '.heic' has no known suffix; use one of .avif, .jpeg, .jpg"):
        encode(Photo(FACE), '.heic')
