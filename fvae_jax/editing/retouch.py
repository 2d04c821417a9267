"""What an edit does to the pixels of a frame: they are moved, shaded, and what is new is laid over them.

As in photos (`still.EditedPhoto`), but of a film luma and chroma are moved as they are stored, the latter at half the
resolution: half the work, and what does not move keeps its bits.
"""

import cv2
import numpy as np

from fvae_jax.editing import content, portrait, seam as seam_lib, tone as tone_lib
from fvae_jax.editing.model import Change
from fvae_jax.ops import maps
from fvae_jax.photo.frame import Box, Picture, Planes
from fvae_jax.photo.photo import Photo

_STILL = 1 / 32  # px: what moves by less is left where it is
_AROUND = 12  # px of chroma that resampling may read around a place
_TORN = 0.75  # px by which neighbors differ where a field is not smooth
_UNSEEN = 1 / 512  # of shading: less is rounded away


def carried_out(
    frame: Planes | Picture,
    change: Change,
    matrix: np.ndarray,
    tone: tone_lib.Tone | None = None,
    seam: seam_lib.Seam | None = None,
    pixels_only: bool = False,
) -> Planes | Picture:
    """A frame with a change of one of its faces.

    Args:
      frame: The frame.
      change: What the edit does to the crop.
      matrix: 2×3 similarity, px of the frame to px of the crop.
      tone: That of a film of one color, which new content takes; None where skin has its own.
      seam: Where lips meet; None leaves them where the change has them.
      pixels_only: Whether content and shading are left out.
    """
    box, field = portrait.photo_displacement(change.displacement, matrix, frame.shape)
    shading = None
    if change.shading is not None and not pixels_only:
        shading = portrait.photo_shading(change.shading, matrix, len(change.displacement), frame.shape)[1]
    if seam is not None and field.size:
        field = seam_lib.close(box, field, seam, matrix)
        if not pixels_only:
            shading = seam_lib.drawn(seam.crease, box, seam, matrix) + (0 if shading is None else shading)
    box, field, shading = _active(box, field, shading, frame.shape)
    if field.size:
        window = _window(box, field, frame.shape)
        box = box[0] - window[0], box[1] - window[0], box[2] - window[2], box[3] - window[2]
        layers = [_moved(*layer, box, field) for layer in frame.layers(window)]
        if shading is not None:
            skin = portrait.SKIN if tone is None else np.ones(3, np.float32)
            layers = frame.lit(layers, box, shading, skin)
        frame = frame.with_layers(window, layers)
    if change.content is None or pixels_only or not change.content.alpha.any():
        return frame
    layer = content.photo_layer(change.content, matrix, frame.shape)
    if not layer.alpha.any():
        return frame
    y0, y1, x0, x1 = layer.box
    top, left = y0 // 2 * 2, x0 // 2 * 2
    around = top, min(y1 + y1 % 2, frame.shape[0]), left, min(x1 + x1 % 2, frame.shape[1])
    before = frame.pixels(around)
    color = layer.color if tone is None else tone.follow(layer.color)
    layer = layer._replace(box=(y0 - top, y1 - top, x0 - left, x1 - left), color=color)
    return frame.changed(around, before, content.lay(Photo(before), layer).pixels)


def _active(box: Box, field: np.ndarray, shading: np.ndarray | None, shape: tuple[int, ...]):
    """The part of a box in which anything happens, with edges that chroma has, too."""
    x, y = cv2.split(field)
    active = cv2.max(cv2.absdiff(x, 0), cv2.absdiff(y, 0)) >= _STILL
    field = cv2.merge([x * active, y * active])
    if shading is not None:
        shaded = cv2.absdiff(shading, 0) >= _UNSEEN
        shading, active = shading * shaded, active | shaded
    rows, columns = (maps.extent(active.any(axis=axis), 0) for axis in (1, 0))
    if rows.start == rows.stop:
        return box, field[:0, :0], None
    y0, y1, x0, x1 = box[0] + rows.start, box[0] + rows.stop, box[2] + columns.start, box[2] + columns.stop
    borders = y0 % 2, min(y1 % 2, shape[0] - y1), x0 % 2, min(x1 % 2, shape[1] - x1)
    field, shading = (
        None if values is None else cv2.copyMakeBorder(values[rows, columns], *borders, cv2.BORDER_CONSTANT, value=0)
        for values in (field, shading)
    )
    return (y0 - borders[0], y1 + borders[1], x0 - borders[2], x1 + borders[3]), field, shading


def _window(box: Box, field: np.ndarray, shape: tuple[int, ...]) -> Box:
    """The part of a frame from which the pixels of a box come, with what resampling reads around them."""
    reach = 2 * (int(np.abs(field).max()) // 2 + _AROUND)
    (y0, y1), (x0, x1) = (
        (max(low // 2 * 2 - reach, 0), min(high + high % 2 + reach, side))
        for low, high, side in zip(box[::2], box[1::2], shape)
    )
    return y0, y1, x0, x1


def _moved(pixels: np.ndarray, step: int, box: Box, field: np.ndarray) -> np.ndarray:
    """Planes of a frame, (h, w, C), `step` px between their values, with those of a box moved."""
    if step > 1:
        size = -(-field.shape[1] // step), -(-field.shape[0] // step)
        nearest = field[::step, ::step]
        field = cv2.resize(field, size, interpolation=cv2.INTER_AREA)
        # Between the edges of lips that meet lies what was inside of the mouth.
        field = np.where(np.abs(field - nearest) > _TORN, nearest, field) / np.float32(step)
        box = tuple(-(-edge // step) for edge in box)
    return portrait.warp_region(pixels, box, field)
