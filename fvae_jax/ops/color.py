"""Color transfer between photos by their statistics in lαβ (section 5.2 of the paper).

Reinhard, Ashikhmin, Gooch and Shirley, "Color Transfer between Images", 2001: in the decorrelated
lαβ space, moving the mean and scaling the deviation of each channel gives one photo the colors of
another.

The logarithm of the cone responses L, M, S in [0, 1] is taken of their value plus 1/255, one step
of an 8-bit image: black stays finite and the conversion stays invertible. Deviations of l, α and β
below 0.001 count as 0.001, so that a flat or gray photo receives the target's mean and no amplified
rounding noise.
"""

import math

import numpy as np

# Color matrices from the publication; l, α and β are orthonormal combinations of log10 L, M and S.
_RGB_TO_LMS = np.array([[0.3811, 0.5783, 0.0402], [0.1967, 0.7244, 0.0782], [0.0241, 0.1288, 0.8444]])
_LOG_LMS_TO_LAB = np.array([[1, 1, 1], [1, 1, -2], [1, -1, 0]]) / np.sqrt([[3], [6], [2]])

_DARKEST = 1 / 255
_SMALLEST_DEVIATION = 1e-3

# The steps before and after the logarithm, each folded into one affine map: [-1, 1] to LMS + 1/255,
# and natural logarithms to lαβ. The inverses are computed, not printed values, so that the round
# trip closes.
_IMAGE_TO_LMS = 0.5 * _RGB_TO_LMS
_LMS_OFFSET = _IMAGE_TO_LMS.sum(axis=1) + _DARKEST
_LN_TO_LAB = _LOG_LMS_TO_LAB / math.log(10)
_LMS_TO_IMAGE = np.linalg.inv(_IMAGE_TO_LMS)
_IMAGE_OFFSET = -_LMS_TO_IMAGE @ _LMS_OFFSET
_LAB_TO_LN = np.linalg.inv(_LN_TO_LAB)


def transfer_color(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Gives one photo the lαβ means and deviations of another (section 5.2, S to T's statistics).

    Args:
      source: (..., H, W, 3), RGB, floats in [-1, 1].
      target: (..., h, w, 3), RGB, floats in [-1, 1], same leading axes.

    Returns:
      (..., H, W, 3), the source recolored, clipped to [-1, 1].
    """
    planes = []
    for ours, theirs in zip(rgb_to_lab(source), rgb_to_lab(target)):
        mean, deviation = _statistics(ours)
        wanted_mean, wanted_deviation = _statistics(theirs)
        planes.append((ours - mean) * (wanted_deviation / deviation) + wanted_mean)
    return np.clip(np.stack(lab_to_rgb(planes), axis=-1), -1, 1)


def _statistics(plane: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation of each plane, (..., 1, 1)."""
    return (
        np.mean(plane, axis=(-2, -1), keepdims=True),
        np.clip(np.std(plane, axis=(-2, -1), keepdims=True), _SMALLEST_DEVIATION, None),
    )


def rgb_to_lab(image: np.ndarray) -> list[np.ndarray]:
    """The planes l, α and β (logarithms to base 10), (..., H, W), of RGB, (..., H, W, 3), floats in [-1, 1]."""
    cones = _mix(_IMAGE_TO_LMS, [image[..., c] for c in range(3)], _LMS_OFFSET)
    return _mix(_LN_TO_LAB, [np.log(np.clip(cone, _DARKEST, None)) for cone in cones], np.zeros(3))


def lab_to_rgb(lab: list[np.ndarray]) -> list[np.ndarray]:
    """The planes R, G and B of those that `rgb_to_lab` gives; colors outside the gamut leave [-1, 1]."""
    return _mix(_LMS_TO_IMAGE, [np.exp(plane) for plane in _mix(_LAB_TO_LN, lab, np.zeros(3))], _IMAGE_OFFSET)


def _mix(matrix: np.ndarray, channels: list[np.ndarray], offset: np.ndarray) -> list[np.ndarray]:
    """An affine map of three planes, written as sums: twice as quick as a product with (pixels, 3)."""
    first, second, third = channels
    return [
        float(a) * first + float(b) * second + float(c) * third + float(constant)
        for (a, b, c), constant in zip(matrix, offset)
    ]
