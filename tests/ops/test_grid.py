"""Grids hold every image and every label, and cut nothing off."""

import cv2
import numpy as np
import pytest
import skimage.data
from PIL import Image, ImageDraw

from fvae_jax.errors import InputError
from fvae_jax.ops import grid as grid_lib
from fvae_jax.ops.grid import image_grid

PHOTO = skimage.data.astronaut()[20:148, 160:280]


def ink(picture):
    """How dark a picture is, in all."""
    return int((255 - picture.astype(int)).sum())


def label_ink(*words):
    """Ink of the same words on a canvas with room to spare; spaces are free of it."""
    total = 0
    for word in words:
        canvas = Image.new('RGB', (1000, 100), 'white')
        ImageDraw.Draw(canvas).text((500, 50), word, '#1b1f24', grid_lib._font(14), 'mm')
        total += ink(np.asarray(canvas))
    return total


def test_a_grid_holds_every_image_and_every_label_whole():
    small = cv2.resize(PHOTO, (64, 64), interpolation=cv2.INTER_AREA)
    columns = ('source', 'Jgpqy|', 'σ² − 1 → 3', 'one two three four five six')
    labels = ('neutral', 'incomprehensible somebody')
    rows = [[small, None, 255 - small, small], [None, small, small, None]]
    grid = image_grid(rows, columns, labels)
    pictures = 4 * (3 * ink(small) + ink(255 - small) + ink(small))
    words = ' '.join((*columns, *labels)).split()
    # A letter after a space may stand between two pixels, which changes its edges a little.
    assert ink(grid) - pictures == pytest.approx(label_ink(*words), rel=0.02)
    enlarged = small.repeat(2, 0).repeat(2, 1)
    windows = [
        np.s_[top : top + 128, left : left + 128]
        for top in range(grid.shape[0] - 127)
        for left in range(grid.shape[1] - 127)
        if (grid[top, left] == small[0, 0]).all()
    ]
    assert sum(np.array_equal(grid[window], enlarged) for window in windows) == 4
    # Nothing touches the frame, and so nothing is cut by it.
    assert all((edge == 255).all() for edge in (grid[:8], grid[-8:], grid[:, :8], grid[:, -8:]))


def test_long_words_are_broken_and_lose_no_letter():
    word = 'Electroencephalographically' * 2
    lines = grid_lib._wrapped(f'an {word}', 128, 14)
    assert len(lines) > 3 and ''.join(lines).replace(' ', '') == f'an{word}'
    grid = image_grid([[np.full((128, 128, 3), 255, np.uint8)]], [f'an {word}'], pad=0)
    assert grid.shape[1] <= 128 + 4
    letters = sum(label_ink(line) for line in lines)
    assert ink(grid) == pytest.approx(letters, rel=1e-3) and letters == pytest.approx(label_ink('an', word), rel=0.05)


def test_scale_and_size():
    assert image_grid([[PHOTO]], ['x'], scale=3, pad=0).shape[1] == 3 * PHOTO.shape[1]
    wide = image_grid([[PHOTO[:16, :16]]], ['x'], pad=0)
    assert wide.shape[1] == 128
    large = np.zeros((300, 200, 3), np.uint8)
    assert image_grid([[large], [PHOTO]], ['x'], pad=5).shape[1] == 200 + 10
    small, twice = (image_grid([[large]], ['x'], pad=0, text=size).shape[0] - 300 for size in (14, 28))
    assert twice == pytest.approx(2 * small, abs=1)


@pytest.mark.parametrize(
    'rows, labels, words',
    [
        ([[None]], None, 'no image'),
        ([[np.zeros((4, 4, 3), np.uint8)] * 2], None, '2 cells for 1 column'),
        ([[np.zeros((4, 4, 3), np.float32)]], None, 'float32'),
        ([[np.zeros((4, 4), np.uint8)]], None, r'\(4, 4\)'),
        ([[np.zeros((4, 4, 3), np.uint8)]], ['a', 'b'], '2 row labels for 1'),
    ],
)
def test_grids_that_do_not_add_up_are_refused(rows, labels, words):
    with pytest.raises(InputError, match=words):
        image_grid(rows, ['x'], labels)
