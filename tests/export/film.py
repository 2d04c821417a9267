"""A film for a made-up camera: an average face under a known motion."""

import pathlib

import cv2
import numpy as np

FACE = pathlib.Path(__file__).parents[2] / 'docs' / 'composite_face.jpg'
SIZE = (640, 480)
FRAMES = 90  # 3 s; the motion begins anew where it ended
_CODE, _BITS = 16, 7  # px of a square, and how many squares tell a frame's number


def to_film(number):
    """The 2×3 similarity from px of the face's photo to px of a frame: ±0.7 eye distances, ±10°, ±15 %."""
    t = 2 * np.pi * number / FRAMES
    matrix = cv2.getRotationMatrix2D((300, 300), 10 * np.sin(t + 1), 0.62 * (1 + 0.15 * np.sin(2 * t + 0.5)))
    matrix[:, 2] += [20 + 60 * np.sin(t), -60 + 25 * np.sin(2 * t)]
    return matrix


def frame(number, face=True):
    """A frame with noise, (480, 640, 3) BGR, its number written in squares; or one without a face."""
    photo = cv2.imread(str(FACE)) if face else np.full((670, 600, 3), 120, np.uint8)
    drawn = cv2.warpAffine(photo, to_film(number), SIZE, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    noise = np.random.default_rng(number).normal(0, 2, drawn.shape)
    drawn = np.clip(drawn + noise, 0, 255).astype(np.uint8)
    for bit in range(_BITS):
        drawn[:_CODE, _CODE * bit : _CODE * (bit + 1)] = 255 * (number >> bit & 1)
    return drawn


def number_of(drawn):
    """The number that is written in a frame."""
    return sum(int(drawn[_CODE // 2, _CODE * bit + _CODE // 2].mean() > 128) << bit for bit in range(_BITS))


def from_film(drawn, number):
    """A frame with its motion taken back: px of the face's photo."""
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(drawn, to_film(number), (600, 670), flags=flags)


def write(path, frames):
    """Writes frames as the .y4m that Chromium's made-up camera plays again and again."""
    with open(path, 'wb') as file:
        file.write(b'YUV4MPEG2 W%d H%d F30:1 Ip A1:1 C420jpeg\n' % SIZE)
        for one in frames:
            file.write(b'FRAME\n' + cv2.cvtColor(one, cv2.COLOR_BGR2YUV_I420).tobytes())


def as_written(drawn):
    """A frame as it comes out of the file, its colors at half the resolution."""
    return cv2.cvtColor(cv2.cvtColor(drawn, cv2.COLOR_BGR2YUV_I420), cv2.COLOR_YUV2BGR_I420)
