"""Uncompressed frames with their times as a Matroska stream, the form in which ffmpeg takes both through a pipe.

Raw video has no times, and a film may show each frame for another while. Only what ffmpeg needs is written (RFC 8794,
RFC 9559): one track, its size unknown, and a cluster for each frame.
"""

_UNKNOWN_SIZE = b'\x01' + 7 * b'\xff'


def header(width: int, height: int) -> bytes:
    """What comes before frames of even sides, px."""
    kind = _element(0x4282, b'matroska') + _number(0x4287, 4) + _number(0x4285, 2)
    picture = _number(0xB0, width) + _number(0xBA, height) + _element(0x2EB524, b'I420')
    track = _number(0xD7, 1) + _number(0x73C5, 1) + _number(0x83, 1) + _element(0x86, b'V_UNCOMPRESSED')
    tracks = _element(0x1654AE6B, _element(0xAE, track + _element(0xE0, picture)))
    info = _element(0x1549A966, _number(0x2AD7B1, 1))  # times in nanoseconds
    return _element(0x1A45DFA3, kind) + bytes.fromhex('18538067') + _UNKNOWN_SIZE + info + tracks


def before_frame(time: int, duration: int, size: int) -> bytes:
    """What comes before the `size` bytes of a frame: its luma, then both chroma planes of half its sides.

    Its time is not negative, and like its duration in nanoseconds.
    """
    block = _element(0xA1, bytes.fromhex('81000000'), size)  # the track, no time after the cluster's, no flags
    # Its duration ahead of the block, so that the frame ends the group.
    group = _element(0xA0, _number(0x9B, duration) + block, size)
    return _element(0x1F43B675, _number(0xE7, time) + group, size)


def _element(number: int, content: bytes, more: int = 0) -> bytes:
    """An element, or its beginning: `more` bytes of its content follow."""
    length = (1 << 56 | len(content) + more).to_bytes(8, 'big')
    return number.to_bytes((number.bit_length() + 7) // 8, 'big') + length + content


def _number(number: int, value: int) -> bytes:
    return _element(number, value.to_bytes(8, 'big'))
