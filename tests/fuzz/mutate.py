"""Damaged copies of good files: what disks, networks and hostile people make of them."""

import numpy as np

# Numbers that lengths and offsets do not expect, as bytes.
_NUMBERS = [b'\0', b'\xff', b'\x7f', b'\xff\xff', b'\0\0\0\0', b'\xff\xff\xff\x7f', b'\x80\0\0\0', b'\xff' * 8]
# Words that texts do not expect.
_WORDS = [
    b'../../outside',
    b'/etc/hostname',
    b'nan',
    b'inf',
    b'-1',
    b'1e999',
    b'99999999999999999999',
    b'null',
    b'[]',
    b'{}',
    b'"',
    b',',
    b'\n',
    b'\0',
    b'\xff\xfe',
    b'<script>',
    b'--help',
    b'[' * 3000,
    b'\xf0\x9f\x98\x80',
    b'true',
]


def mutated(data: bytes, rng: np.random.Generator, others: list[bytes]) -> bytes:
    """Returns a copy with one change or a few.

    Args:
      data: A good file.
      rng: Decides.
      others: Good files that pieces may come from.
    """
    data = bytearray(data)
    for _ in range(int(rng.geometric(0.5))):
        data = _CHANGES[rng.integers(len(_CHANGES))](data, rng, others)
    return bytes(data)


def _place(data, rng):
    # Headers lie at the beginning, and damage there goes deepest.
    limit = len(data) if rng.random() < 0.5 else min(len(data), 512)
    return int(rng.integers(limit + 1))


def _flip(data, rng, others):
    if data:
        data[min(_place(data, rng), len(data) - 1)] ^= 1 << int(rng.integers(8))
    return data


def _cut_off(data, rng, others):
    return data[: _place(data, rng)]


def _cut_out(data, rng, others):
    at = _place(data, rng)
    return data[:at] + data[at + int(rng.integers(1, 64)) :]


def _repeat(data, rng, others):
    at, length = _place(data, rng), int(rng.integers(1, 256))
    return data[:at] + data[at : at + length] * int(rng.integers(2, 5)) + data[at + length :]


def _overwrite(data, rng, others):
    at, number = _place(data, rng), _NUMBERS[rng.integers(len(_NUMBERS))]
    return data[:at] + number + data[at + len(number) :]


def _insert(data, rng, others):
    at = _place(data, rng)
    return data[:at] + _WORDS[rng.integers(len(_WORDS))] + data[at:]


def _splice(data, rng, others):
    other = others[rng.integers(len(others))]
    begin, length, at = _place(other, rng), int(rng.integers(1, 2048)), _place(data, rng)
    return data[:at] + other[begin : begin + length] + data[at + (length if rng.random() < 0.5 else 0) :]


def _change_digit(data, rng, others):
    digits = [i for i, byte in enumerate(data[:4096]) if 48 <= byte < 58]
    if digits:
        data[digits[rng.integers(len(digits))]] = 48 + int(rng.integers(10))
    return data


_CHANGES = [_flip, _flip, _cut_off, _cut_out, _repeat, _overwrite, _overwrite, _insert, _splice, _change_digit]
