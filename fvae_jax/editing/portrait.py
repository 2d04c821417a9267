"""Carrying a displacement of the aligned crop into a photo of any size (sections 4 and 4.3).

The network sees a small aligned crop. What it says is carried through the similarity of
`fvae_jax.data.align` into the pixels of the photo, faded out towards the crop's edge, and the
photo's own pixels are resampled once. A *box* is (y0, y1, x0, x1), photo pixels, half open.
`matrix` is the 2×3 similarity from photo px to crop px, `photo_shape` (H, W, ...) of the photo.
A *field* is (h, w, 2) float32 for the pixels of a box, photo px, (x, y).
"""

import dataclasses
import functools
from collections.abc import Callable, Iterator
from concurrent import futures

import cv2
import numpy as np

from fvae_jax.data import align
from fvae_jax.errors import InputError
from fvae_jax.ops import maps, resample
from fvae_jax.photo.frame import Box, Picture, Planes
from fvae_jax.photo.photo import Photo

# By how much red, green and blue are shaded where their mean is by 1: light goes deeper into skin the redder it is.
# Quartiles over the folds of 26 smiles, of light and dark people: 0.77 to 0.91, 0.97 to 1.05, 1.07 to 1.21.
SKIN = np.float32([0.83, 1.02, 1.12])
FADE = 0.10  # of the crop's side, at each edge, over which an edit comes in

# Fields are refined to about this side with a cubic spline and read bilinearly from there: read
# bilinearly at once, the kinks at each crop pixel would bend straight edges in large photos.
_FINE_SIDE = 256
_TAPS = 12  # samples on each side that count in a spline; those beyond by less than 1e-6
_TILE = 256  # px
_MARGIN = 16  # px around a crop from which its pixels may come
_MANY_TILES = 16  # fewer are done one after another: a frame of a film, which has its threads already


def face_region(matrix: np.ndarray, size: int, photo_shape: tuple[int, ...]) -> Box:
    """The part of a photo that an aligned crop of `size` px a side covers.

    Returns:
      The smallest box with every pixel whose centre lies in the crop; empty when there is none.
    """
    edges = (-0.5, size - 0.5)
    corners = align.transform_points(align.invert(matrix), [(x, y) for x in edges for y in edges])
    first = np.ceil(corners.min(axis=0)).astype(int)
    last = np.floor(corners.max(axis=0)).astype(int) + 1
    (x0, x1), (y0, y1) = (
        np.clip((low, high), 0, side).tolist() for low, high, side in zip(first, last, photo_shape[1::-1])
    )
    return y0, y1, x0, x1


def aligned(frame: Planes | Picture, matrix: np.ndarray, size: int) -> np.ndarray:
    """The aligned crop of a face, (size, size, 3) uint8; large faces are reduced first, most of the way.

    The matrix is a 2×3 similarity, px of the frame to px of the crop.
    """
    y0, y1, x0, x1 = face_region(matrix, size, frame.shape)
    # What the crop reads, even so that chroma goes along.
    y0, x0 = (max(low - _MARGIN, 0) // 2 * 2 for low in (y0, x0))
    y1, x1 = (min(-(-(high + _MARGIN) // 2) * 2, side) for high, side in zip((y1, x1), frame.shape))
    y1, x1 = max(y1, y0), max(x1, x0)
    pixels, matrix = frame.pixels((y0, y1, x0, x1)), crop_matrix(matrix, (x0, y0))
    times = int(0.5 / scale_of(matrix))
    if times > 1 and pixels.size:
        height, width = y1 - y0, x1 - x0
        pixels = cv2.copyMakeBorder(pixels, 0, -height % times, 0, -width % times, cv2.BORDER_REPLICATE)
        smaller = pixels.shape[1] // times, pixels.shape[0] // times
        pixels = cv2.resize(pixels, smaller, interpolation=cv2.INTER_AREA)
        # The center of the first smaller pixel is that of the square it stands for.
        shift = align.transform_points(matrix, np.full(2, (times - 1) / 2))
        matrix = np.column_stack([times * matrix[:, :2], shift])
    return align.align_crop(pixels, matrix, size)


def photo_displacement(
    displacement: np.ndarray, matrix: np.ndarray, photo_shape: tuple[int, ...]
) -> tuple[Box, np.ndarray]:
    """Carries a displacement of the crop, (s, s, 2), crop px, (x, y), into the photo (section 4.3).

    Zero stays exactly zero, and a constant stays constant within the fade.

    Returns:
      The box of the crop in the photo, and its field: rotated and scaled with the face, zero at the
      crop's edge and outside it.

    Raises:
      InputError: the displacement is not finite.
    """
    _check_finite(displacement, 'displacement')
    linear = align.invert(matrix)[:, :2]
    box = face_region(matrix, len(displacement), photo_shape)
    return box, _carry(cv2.transform(np.asarray(displacement, np.float32), linear), matrix, box)


def photo_map(values: np.ndarray, matrix: np.ndarray, photo_shape: tuple[int, ...]) -> tuple[Box, np.ndarray]:
    """Carries a map of the crop, (s, s) in [0, 1], such as a mask, into the photo, with the fade of an edit.

    Returns:
      The box of the crop in the photo, and (h, w) float32 in [0, 1] for its pixels.

    Raises:
      InputError: the map is not finite.
    """
    _check_finite(values, 'map')
    box = face_region(matrix, len(values), photo_shape)
    return box, np.clip(_carry(values[..., None], matrix, box)[..., 0], 0, 1)  # a spline overshoots


def photo_shading(
    shading: np.ndarray, matrix: np.ndarray, size: int, photo_shape: tuple[int, ...]
) -> tuple[Box, np.ndarray]:
    """Carries the shading r of the crop into the photo, with the fade of an edit; zero stays exactly zero.

    It is (s, s), or (s, s, C), s at least `size`, the side of the crop, px.

    Returns:
      The box of the crop in the photo, and (h, w) or (h, w, C) float32 for its pixels.

    Raises:
      InputError: the shading is not finite.
    """
    _check_finite(shading, 'shading')
    box = face_region(matrix, size, photo_shape)
    carried = _carry(np.atleast_3d(shading), scale_transform(matrix, len(shading) / size), box)
    return box, carried.reshape(*carried.shape[:2], *shading.shape[2:])


def shade_photo(photo: Photo, box: Box, shading: np.ndarray, colored: bool = True) -> Photo:
    """Multiplies the pixels of a box by e^r; those with r = 0 and those outside stay bit for bit.

    The shading r is (h, w), or (h, w, 3) with its own for red, green and blue. In the former skin keeps the color that
    it has in shadow, redder than in light, where `colored`; not so in photos of one color.
    """
    if not shading.any():
        return photo
    pixels, largest = photo.pixels.copy(), np.iinfo(photo.pixels.dtype).max
    factors = SKIN if colored else np.ones(3, np.float32)

    def shade(tile: Box) -> None:
        r, shaded = np.float32(shading[within(tile, box)]), pixels[within(tile)]
        if not r.any():
            return
        for channel, values in enumerate(cv2.split(r) if r.ndim == 3 else [factor * r for factor in factors]):
            lit = cv2.multiply(shaded[..., channel], cv2.exp(values), dtype=cv2.CV_32F)
            shaded[..., channel] = np.rint(np.minimum(lit, largest))

    _for_tiles(box, shade)
    return dataclasses.replace(photo, pixels=pixels)


def photo_colors(colors: np.ndarray, matrix: np.ndarray, box: Box) -> np.ndarray:
    """Carries colors of the crop, (s, s, C) in [-1, 1], into a box, without a fade: they have an alpha of their own.

    Returns:
      (h, w, C) float32 in [-1, 1] for the pixels of the box.

    Raises:
      InputError: the colors are not finite.
    """
    _check_finite(colors, 'colors')
    return np.clip(_carry(colors, matrix, box, fading=False), -1, 1)


def warp_region(pixels: np.ndarray, box: Box, field: np.ndarray) -> np.ndarray:
    """Moves the pixels in a box of a photo: out(p) = in(p + field(p)), resampled once.

    Pixels outside the box, and those with zero displacement, stay bit for bit. Positions may leave
    the box; where they leave the photo its border is repeated.

    Returns:
      A copy of the photo, (H, W, C), uint8, uint16 or float32, up to four channels.

    Raises:
      InputError: the field is not finite.
    """
    warped = pixels.copy()

    def move(tile: Box) -> None:
        top, bottom, left, right = tile
        moves = field[within(tile, box)]
        if not moves.any():
            return
        if not np.isfinite(moves).all():
            raise InputError('field holds NaN or infinite displacements; check the model and the strength')
        x = moves[..., 0] + np.arange(left, right, dtype=np.float32)[None, :]
        y = moves[..., 1] + np.arange(top, bottom, dtype=np.float32)[:, None]
        warped[within(tile)] = resample.sample(pixels, x, y)

    _for_tiles(box, move)
    return warped


def warp_photo(photo: Photo, box: Box, field: np.ndarray) -> Photo:
    """`warp_region` for a photo, whose transparency moves with its pixels.

    Colors are weighted by their opacity, so that what is hidden does not leak into the picture.

    Returns:
      The photo with other pixels and alpha.

    Raises:
      InputError: the field is not finite.
    """
    if photo.alpha is None or photo.alpha.min() == np.iinfo(photo.alpha.dtype).max:
        pixels = warp_region(photo.pixels, box, field)
        return dataclasses.replace(photo, pixels=pixels)
    largest = np.iinfo(photo.alpha.dtype).max
    opacity = photo.alpha[..., None] / np.float32(largest)
    layers = np.concatenate([photo.pixels * opacity, opacity], axis=2)
    layers = warp_region(layers, box, field)
    warped_alpha = np.rint(np.clip(layers[..., 3], 0, 1) * largest)

    y0, y1, x0, x1 = box
    changes = np.zeros(photo.alpha.shape, bool)
    changes[y0:y1, x0:x1] = field.any(axis=2)
    shows = changes & (warped_alpha > 0)
    pixels, alpha = photo.pixels.copy(), photo.alpha.copy()
    colors = layers[shows, :3] / layers[shows, 3:]
    pixels[shows] = np.clip(np.rint(colors), 0, largest)
    alpha[changes] = warped_alpha[changes]
    return dataclasses.replace(photo, pixels=pixels, alpha=alpha)


def mixed(photo: Photo, box: Box, beyond: np.ndarray) -> Photo:
    """Mixes pixels on both sides of a line in which a field is torn, as a camera does, so that it has no stairs.

    `beyond` is how much of a pixel shows what is above it, or below it where negative, (h, w) in [-1/2, 1/2].
    """
    rows, columns = np.nonzero(beyond)
    rows_from = rows + box[0] - np.sign(beyond[rows, columns]).astype(int)
    inside = (rows_from >= 0) & (rows_from < len(photo.pixels))
    rows, columns, rows_from = rows[inside], columns[inside], rows_from[inside]
    if not rows.size:
        return photo
    pixels, share = photo.pixels.copy(), np.abs(beyond[rows, columns])[:, None]
    own, other = (photo.pixels[at, columns + box[2]].astype(np.float32) for at in (rows + box[0], rows_from))
    pixels[rows + box[0], columns + box[2]] = np.rint((1 - share) * own + share * other)
    return dataclasses.replace(photo, pixels=pixels)


def tiles(box: Box) -> Iterator[Box]:
    """The tiles of a box, each small enough for the cache."""
    y0, y1, x0, x1 = box
    for top in range(y0, y1, _TILE):
        for left in range(x0, x1, _TILE):
            yield top, min(top + _TILE, y1), left, min(left + _TILE, x1)


def within(box: Box, whole: Box = (0, 0, 0, 0)) -> tuple[slice, slice]:
    """Rows and columns of a box, counted from where another one begins."""
    y0, y1, x0, x1 = box
    top, _, left, _ = whole
    return slice(y0 - top, y1 - top), slice(x0 - left, x1 - left)


def places(box: Box) -> np.ndarray:
    """The places of the pixels of a box, (h, w, 2), (x, y)."""
    y0, y1, x0, x1 = box
    return np.stack(np.meshgrid(np.arange(x0, x1), np.arange(y0, y1)), axis=-1)


def _for_tiles(box: Box, work: Callable[[Box], None]) -> None:
    """Does some work on every tile of a box; of a large one on as many at a time as OpenCV has threads."""
    parts = list(tiles(box))
    threads = cv2.getNumThreads() if len(parts) >= _MANY_TILES else 1
    if threads == 1:
        for tile in parts:
            work(tile)
        return
    with futures.ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, parts))  # and raises what they raise


def crop_matrix(matrix: np.ndarray, origin: tuple[int, int]) -> np.ndarray:
    """The similarity from px of a part that begins at `origin` (x, y) of a photo to px of the crop."""
    return np.column_stack([matrix[:, :2], align.transform_points(matrix, np.float64(origin))])


def scale_of(matrix: np.ndarray) -> float:
    """How many px a similarity makes of one."""
    return float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))


def scale_transform(matrix: np.ndarray, ratio: float) -> np.ndarray:
    """The transform to the same crop with `ratio` times as many pixels per side."""
    scaled = ratio * np.asarray(matrix, np.float64)
    scaled[:, 2] += (ratio - 1) / 2  # centres of pixels, not corners, are whole numbers
    return scaled


def enlarge(values: np.ndarray, side: int) -> np.ndarray:
    """Resizes a smooth map of the crop to more pixels, half-pixel-centred (section 4.3).

    Constant maps, (s, s, C), stay constant exactly; past the outermost centres a map goes on unchanged.

    Returns:
      (side, side, C) float32, `side` at least s.
    """
    size = len(values)
    if side == size:
        return np.asarray(values, np.float32)
    kernels = _spline(_fine_side(size) // size)
    # Around one of the values, so that a constant map meets no rounding.
    base = values[0, 0].astype(np.float32)
    fine = cv2.merge([_finer(plane, kernels) for plane in cv2.split((values - base).astype(np.float32))])
    fine = fine.reshape(*fine.shape[:2], -1) + base  # OpenCV drops a single channel
    if side == len(fine):
        return fine
    return cv2.resize(fine, (side, side), interpolation=cv2.INTER_LINEAR).reshape(side, side, -1)


def _finer(plane: np.ndarray, kernels: np.ndarray) -> np.ndarray:
    """A map (s, s) with k² pixels in place of each.

    By filters, whose kernels are (k, n), see `_spline`, not by products of matrices: on a busy computer the threads of
    those wait for each other a hundred times as long as they compute. The map is float32.
    """
    size, times, one = len(plane), len(kernels), np.ones(1, np.float32)
    filtered = functools.partial(cv2.sepFilter2D, ddepth=cv2.CV_32F, borderType=cv2.BORDER_REPLICATE)
    rows = np.stack([filtered(plane, kernelX=one, kernelY=kernel) for kernel in kernels], axis=1)
    rows = rows.reshape(times * size, size)
    # Merged, the finer columns of a sample are channels side by side.
    return cv2.merge([filtered(rows, kernelX=kernel, kernelY=one) for kernel in kernels]).reshape(len(rows), -1)


def _carry(values: np.ndarray, matrix: np.ndarray, box: Box, fading: bool = True) -> np.ndarray:
    """A map (s, s, C) of the crop, faded or not, at the pixels of a box of the photo: (h, w, C) float32."""
    size = len(values)
    y0, y1, x0, x1 = box
    if y0 == y1 or x0 == x1:
        return np.zeros((y1 - y0, x1 - x0, values.shape[-1]), np.float32)
    side = _fine_side(size)
    fine = enlarge(values, side)
    if fading:
        fade = _fade(side)
        fine *= fade[:, None, None] * fade[None, :, None]
    from_box = scale_transform(matrix, side / size)
    from_box[:, 2] += from_box[:, :2] @ (x0, y0)
    read = functools.partial(cv2.warpAffine, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    # Plane by plane: for two or three channels OpenCV has no code of its own.
    carried = cv2.merge([read(plane, from_box, (x1 - x0, y1 - y0)) for plane in cv2.split(fine)])
    return carried.reshape(y1 - y0, x1 - x0, -1)  # it drops a single one


def _fine_side(size: int) -> int:
    """The smallest multiple of a crop's side that is at least `_FINE_SIDE`."""
    return size * -(-_FINE_SIDE // size)


@functools.lru_cache(maxsize=8)
def _spline(times: int) -> np.ndarray:
    """(times, 2 `_TAPS` + 1) float32: what finer samples of a cubic spline take of those around, by place."""
    places, nodes, taps = (np.arange(times) + 0.5) / times - 0.5, np.arange(-2, 3), np.arange(-_TAPS, _TAPS + 1)
    away = np.abs(places[:, None] - nodes)
    pieces = np.where(away < 1, 2 / 3 - away**2 + away**3 / 2, np.maximum(2 - away, 0) ** 3 / 6)
    # Samples are what pieces weighed so add up to: a piece reaches its neighbors (Unser et al. 1993).
    weights = np.sqrt(3) * (np.sqrt(3) - 2) ** np.abs(nodes[:, None] - taps)
    kernels = pieces @ weights
    return (kernels / kernels.sum(axis=1, keepdims=True)).astype(np.float32)


@functools.lru_cache(maxsize=8)
def _fade(side: int) -> np.ndarray:
    """(side,) float32: a smooth step from 0 at the outermost pixels to 1 inside of `FADE`."""
    edge = np.minimum(np.arange(side), np.arange(side)[::-1])
    return maps.smooth_step(edge, 0, FADE * side).astype(np.float32)


def _check_finite(values: np.ndarray, name: str) -> None:
    if not np.isfinite(values).all():
        raise InputError(f'{name} holds NaN or infinite values; check the model and the strength')
