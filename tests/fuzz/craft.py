"""Files that are well formed and yet hostile: what damages at random places hardly ever make."""

import copy
import io
import json
import struct
import zipfile
import zlib

import numpy as np
import safetensors.numpy

from fvae_jax import bundle as bundle_lib

# Values that a table of a program does not expect.
_VALUES = [
    None,
    True,
    -1,
    0,
    1e308,
    float('nan'),
    float('inf'),
    10**30,
    10**6,
    '',
    'x' * 5000,
    '../../outside',
    '/etc/hostname',
    '--help',
    'a b',
    'two\nlines',
    '\x1b[2J',
    '\u202e',
    '<script>',
    [],
    {},
    [[]] * 3,
    {'a': {'b': [1]}},
    ['real'],
]
_NUMBERS = [0, 1, 2, 7, 255, 256, 4000, 65535, 2**31 - 1, 2**31, 2**32 - 1]


def crafted(name: str, data: bytes, rng: np.random.Generator) -> bytes:
    """Returns a file with checksums and lengths that fit what is wrong in it.

    Args:
      name: Of the file; its suffix decides what can be wrong.
      data: A good file.
      rng: Decides.
    """
    for _ in range(int(rng.integers(1, 3))):
        data = _CRAFTS[name.rpartition('.')[2]](data, rng)
    return data


def _one(items, rng):
    return items[int(rng.integers(len(items)))]


def _change_table(table, rng):
    """Sets, renames, removes or repeats one entry, however deep, of nested dicts and lists."""
    inside = table
    while True:
        keys = list(inside) if isinstance(inside, dict) else list(range(len(inside)))
        if not keys:
            return
        key = _one(keys, rng)
        if not isinstance(inside[key], (dict, list)) or not inside[key] or rng.random() < 0.2:
            break
        inside = inside[key]
    action = rng.integers(4)
    if action == 0:
        del inside[key]
    elif action == 1 and isinstance(inside, dict):
        inside[str(_one(_VALUES, rng))] = inside.pop(key)
    elif action == 2:
        inside[key] = [inside[key]] * 3
    else:
        inside[key] = copy.deepcopy(_one(_VALUES, rng))


def _json(data, rng):
    try:
        table = json.loads(data)
    except ValueError:  # crafted already
        return data
    _change_table(table, rng)
    text = json.dumps(table, ensure_ascii=bool(rng.integers(2)))
    if rng.random() < 0.1:
        text = text.replace('{', '{"study": "abc", "study": [1], ', 1)
    return text.encode('utf-8' if rng.random() < 0.9 else 'utf-16')


def _model(data, rng):
    if rng.random() < 0.3:
        return _model_header(data, rng)
    try:
        tensors = safetensors.numpy.load(data)
    except safetensors.SafetensorError:
        return data
    length = int.from_bytes(data[:8], 'little')
    try:
        facts = json.loads(json.loads(data[8 : 8 + length])['__metadata__'][bundle_lib.KEY])
        config = json.loads(facts['config'])
        parts = [facts, config, config['model'], config['data']]
    except (KeyError, TypeError, ValueError):  # crafted already
        return data
    name = _one(sorted(tensors), rng)
    value, action = tensors[name], rng.integers(7)
    if action == 0:
        tensors[name] = np.full_like(value, _one([np.nan, np.inf, 3e38, -1e30, 0], rng))
    elif action == 1:
        tensors[name] = np.zeros(_one([(), (0,), (1,), (3, 3), (4, 4, 1), (1,) * 30, (2,) * 9], rng), np.float32)
    elif action == 2:
        tensors[name] = value.astype(_one([np.float64, np.float16, np.int8, np.uint64, bool], rng))
    elif action == 3:
        del tensors[name]
    elif action == 4:
        tensors[
            _one(
                [
                    'fvae',
                    'mask',
                    'class_means',
                    'class_means/--help',
                    'class_means/../../x',
                    'class_means/out',
                    '',
                    'within_identity/new',
                    'class_means/' + 'x' * 3000,
                    'class_means/two\nlines',
                    f'{name}/more',
                ],
                rng,
            )
        ] = value
    else:
        _change_table(_one(parts, rng), rng)
        if isinstance(facts.get('config'), str):
            facts['config'] = json.dumps(config)
    return safetensors.numpy.save(tensors, {bundle_lib.KEY: json.dumps(facts)})


def _model_header(data, rng):
    """The same tensors under a header that says something else."""
    length = int.from_bytes(data[:8], 'little')
    try:
        header = json.loads(data[8 : 8 + length])
    except ValueError:
        return data
    entry = header[_one(sorted(header), rng)]
    if 'dtype' in entry:
        key = _one(['dtype', 'shape', 'data_offsets'], rng)
        entry[key] = _one(
            {
                'dtype': ['BF16', 'F8_E4M3', 'F64', 'I64', 'X', None],
                'shape': [[2**62, 4], [-1], [], [10**30], 'x'],
                'data_offsets': [[0, 2**63], [0, 0], [5, 1], [-1, 4], []],
            }[key],
            rng,
        )
    else:
        _change_table(header, rng)
    text = json.dumps(header).encode()
    length = len(text) if rng.random() < 0.8 else _one([0, 1, 2**32, 2**63, 2**64 - 1], rng)
    return struct.pack('<Q', length) + text + data[8 + int.from_bytes(data[:8], 'little') :]


def _csv(data, rng):
    rows = [line.split(b',') for line in data.split(b'\n')]
    row = _one(rows, rng)
    row[int(rng.integers(len(row)))] = _one(
        [
            b'',
            b'../../outside.jpg',
            b'/etc/hostname',
            b'a/../../b',
            b'nan',
            b'inf',
            b'1e999',
            b'-0',
            b'0x1p3',
            b'1_0',
            '٣'.encode(),
            b'"a\nb"',
            b'"',
            b'\0',
            b'\xff',
            b'x' * 200_000,
            b'--help',
            b'=cmd()',
            b'\x1b[2J',
            '\u2028'.encode(),
            b'.',
            b'..',
            b'~/x',
            b'outside.jpg',
            b'CON',
            b'a' * 300 + b'.jpg',
        ],
        rng,
    )
    if rng.random() < 0.1:
        rows.append(list(row) * 40)
    return b'\n'.join(b','.join(row) for row in rows)


def _npz(data, rng):
    stream = io.BytesIO()
    shape = _one([(16, 16), (0, 0), (1, 70_000), (3, 0), (), (4,), (2, 2, 2), (2000, 2000)], rng)
    dtype = _one([np.float16, np.float64, np.int64, np.uint8, complex, bool, 'M8[s]', 'U3', 'S2', 'f4,i4', object], rng)
    values = np.full((*shape, 2), _one([0, 1, 100], rng)).astype(dtype)
    if np.issubdtype(dtype, np.floating) and values.size:
        values.flat[0] = _one([np.nan, np.inf, 6e4], rng)
    kept = dict(flow=values, exposed=np.zeros(shape, _one([bool, np.float32, 'U1', object], rng)))
    if rng.random() < 0.1:
        kept.pop(_one(sorted(kept), rng))
    _one([np.savez, np.savez_compressed], rng)(stream, **kept)
    if rng.random() < 0.3:  # NumPy's own header, changed
        method = _one([zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA], rng)
        head = _one(
            [
                b"{'descr': '<f8', 'fortran_order': False, 'shape': (4L, 4, 2), }",
                b'(' * 900,
                b"{'descr': '<f8'",
                b'',
                b"{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999, 2), }",
                b'__import__("os").getcwd()',
            ],
            rng,
        )
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, 'w', method) as archive:
            for member in ('flow.npy', 'exposed.npy'):
                archive.writestr(
                    member, b'\x93NUMPY\x01\x00' + struct.pack('<H', len(head) + 1) + head + b'\n' + bytes(256)
                )
    return stream.getvalue()


def _npy(data, rng):
    """Another shape, another type, values that no photo has."""
    shape = _one(
        [(), (0,), (9,), (40, 40), (40, 40, 1), (40, 40, 2), (40, 40, 3), (40, 40, 5), (1, 70_000, 3), (2, 2, 2, 3)],
        rng,
    )
    dtype = _one(
        [np.uint8, np.uint16, np.int64, np.float16, np.float64, complex, bool, 'M8[s]', 'U3', 'i4,i4', '>u2'], rng
    )
    values = np.full(shape, _one([0, 1, 100], rng)).astype(dtype)
    if values.dtype.kind == 'f' and values.size:
        values.flat[0] = _one([np.nan, np.inf, -1, 0.5], rng)
    stream = io.BytesIO()
    np.save(stream, values)
    return stream.getvalue()


def _png(data, rng):
    chunks, at = [], 8
    while at + 8 <= len(data):
        length = int.from_bytes(data[at : at + 4], 'big')
        chunks.append([data[at + 4 : at + 8], data[at + 8 : at + 8 + length]])
        at += 12 + length
    action = rng.integers(4)
    if action == 0 and chunks:
        kind, body = _one(chunks, rng)
        chunks.append([kind, body])
    elif action == 1:
        bomb = zlib.compress(bytes(_one([10, 10**5, 10**8], rng)))
        extra = _one(
            [
                [b'iCCP', b'x\0\0' + bomb],
                [b'zTXt', b'x\0\0' + bomb],
                [b'iTXt', b'x\0\1\0\0\0' + bomb],
                [b'eXIf', b'II*\0\x08\0\0\0' + b'\xff' * 500],
                [b'acTL', b'\x7f\xff\xff\xff' + bytes(4)],
                [b'tRNS', bytes(300)],
                [b'PLTE', bytes(7)],
                [b'gAMA', b''],
                [b'cHRM', bytes(3)],
            ],
            rng,
        )
        chunks.insert(1, extra)
    elif action == 2 and chunks:
        head = bytearray(chunks[0][1])
        if len(head) == 13:
            head[:8] = struct.pack('>II', *(_one(_NUMBERS, rng) for _ in range(2)))
        chunks[0][1] = bytes(head)
    elif chunks:
        head = bytearray(chunks[0][1])
        if len(head) == 13:
            head[int(rng.integers(8, 13))] = _one([0, 1, 2, 3, 4, 6, 8, 16, 255], rng)
        chunks[0][1] = bytes(head)
    return data[:8] + b''.join(
        struct.pack('>I', len(body)) + kind + body + struct.pack('>I', zlib.crc32(kind + body)) for kind, body in chunks
    )


def _jpeg(data, rng):
    """Segments dropped, doubled and swapped, sizes and tables changed, scans repeated."""
    places = [
        i
        for i in range(len(data) - 1)
        if data[i] == 0xFF and data[i + 1] not in (0, 0xFF) and not 0xD0 <= data[i + 1] <= 0xD9
    ]
    if len(places) < 2:
        return data
    at = _one(places, rng)
    end = min(at + 2 + int.from_bytes(data[at + 2 : at + 4], 'big'), len(data))
    action = rng.integers(4)
    if action == 0:
        return data[:at] + data[end:]
    if action == 1:
        return data[:end] + data[at:end] * int(rng.integers(1, 4)) + data[end:]
    if action == 2:
        last = data.rfind(b'\xff\xda')
        return data[:-2] + data[last:-2] * int(rng.integers(1, 300)) + data[-2:]
    body = bytearray(data[at + 4 : end])
    for _ in range(3):
        if body:
            body[int(rng.integers(len(body)))] = _one([0, 1, 2, 3, 4, 127, 255], rng)
    return data[: at + 4] + bytes(body) + data[end:]


def _tiff(data, rng):
    """Entries of the directory: tag, type, count and value."""
    data = bytearray(data)
    if len(data) < 8 or data[:2] != b'II':
        return bytes(data)
    start = int.from_bytes(data[4:8], 'little')
    count = int.from_bytes(data[start : start + 2], 'little')
    if not count or start + 2 + 12 * count > len(data):
        return bytes(data)
    entry = start + 2 + 12 * int(rng.integers(count))
    action = rng.integers(4)
    if action == 0:
        data[entry : entry + 2] = struct.pack(
            '<H',
            _one(
                [
                    256,
                    257,
                    258,
                    259,
                    262,
                    273,
                    277,
                    278,
                    279,
                    284,
                    317,
                    322,
                    323,
                    324,
                    338,
                    339,
                    347,
                    34675,
                    34665,
                    700,
                ],
                rng,
            ),
        )
    elif action == 1:
        data[entry + 2 : entry + 4] = struct.pack('<H', _one([0, 1, 2, 3, 4, 5, 7, 11, 12, 13, 16, 99], rng))
    else:
        place = entry + (4 if action == 2 else 8)
        data[place : place + 4] = struct.pack('<I', _one([*_NUMBERS, start, 8], rng))
    return bytes(data)


def _boxes(data, rng):
    """Lengths and sizes of the boxes of AVIF, the chunks of WebP, the headers of BMP and GIF: numbers near names."""
    data = bytearray(data)
    marks = [
        data.find(mark)
        for mark in (
            b'ispe',
            b'iloc',
            b'iinf',
            b'ipma',
            b'av1C',
            b'meta',
            b'mdat',
            b'VP8',
            b'EXIF',
            b'RIFF',
            b'BM',
            b'GIF8',
            b'XMP ',
            b'hvcC',
            b'irot',
            b'infe',
            b'colr',
            b'ftyp',
        )
    ]
    at = _one([mark for mark in marks if mark >= 0] or [0], rng) + _one(
        [-4, 4, 6, 8, 10, 12, 16, 18, 22, 26, 30, 46], rng
    )
    number = (
        struct.pack(_one(['<I', '>I', '<H', '>H'], rng), _one(_NUMBERS, rng) & 0xFFFF)
        if rng.random() < 0.5
        else struct.pack(_one(['<I', '>I'], rng), _one(_NUMBERS, rng))
    )
    if 0 <= at <= len(data) - len(number):
        data[at : at + len(number)] = number
    return bytes(data)


# Names of boxes of MP4, and numbers of elements of Matroska, that say how a film is made.
_MARKS = (
    *(
        b'mvhd',
        b'tkhd',
        b'mdhd',
        b'hdlr',
        b'stsd',
        b'stts',
        b'ctts',
        b'stsc',
        b'stsz',
        b'stco',
        b'elst',
        b'avc1',
        b'avcC',
    ),
    *(b'mp4a', b'mdat', b'moov', b'trak', b'ftyp', b'\x2a\xd7\xb1', b'\x44\x89', b'\xe0\x01', b'\xb0\x82', b'\xba\x82'),
    *(b'\x55\xb0', b'\x1f\x43\xb6\x75', b'\x16\x54\xae\x6b', b'\xae\x01', b'\x63\xa2', b'\x86\x8f', b'\x23\xe3\x83'),
)


def _film(data, rng):
    """Sizes, lengths, counts and times of a film: numbers near names."""
    data = bytearray(data)
    at = _one([mark for mark in map(data.find, _MARKS) if mark >= 0] or [0], rng) + int(rng.integers(-4, 48))
    size = _one([1, 2, 4], rng)
    number = (_one(_NUMBERS, rng) & (256**size - 1)).to_bytes(size, 'big')
    if 0 <= at <= len(data) - len(number):
        data[at : at + len(number)] = number
    return bytes(data)


_CRAFTS = {
    'json': _json,
    'safetensors': _model,
    'csv': _csv,
    'npz': _npz,
    'png': _png,
    'jpg': _jpeg,
    'tif': _tiff,
    'webp': _boxes,
    'avif': _boxes,
    'heic': _boxes,
    'npy': _npy,
    'bmp': _boxes,
    'gif': _boxes,
    'mp4': _film,
    'mkv': _film,
    'webm': _film,
}
