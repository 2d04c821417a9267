"""The sampler of photos: exact at whole pixels and at the border, sharper than OpenCV's between them."""

import cv2
import numpy as np
from skimage import data

from fvae_jax.ops import resample

ASTRONAUT = data.astronaut()


def test_outside_is_the_border_itself():
    """Not what a kernel makes of the pixels inside, as with a border that is only replicated."""
    pixels = ASTRONAUT.astype(np.float32)
    x, y = np.float32([[-0.4, -1.5, 511.4, 600]]), np.float32([[10, -0.3, 20, 900]])
    sampled = resample.sample(pixels, x, y)
    np.testing.assert_array_equal(sampled[0], pixels[[10, 0, 20, 511], [0, 0, 511, 511]])


def test_fractions_are_not_rounded_and_detail_stays():
    """Against the exact shift of a band-limited picture."""
    spectrum = np.fft.fft2(ASTRONAUT.mean(axis=2))
    frequency = np.abs(np.fft.fftfreq(512))
    spectrum *= (frequency[:, None] < 0.33) * (frequency[None, :] < 0.33)

    def shifted(x, y):
        phase = frequency_phase(x)[None, :] * frequency_phase(y)[:, None]
        return np.fft.ifft2(spectrum * phase).real.astype(np.float32)

    def frequency_phase(distance):
        return np.exp(2j * np.pi * distance * np.fft.fftfreq(512))

    still = shifted(0, 0)
    y, x = np.mgrid[:512, :512].astype(np.float32)
    errors = {}
    for distance in (0.5, 1 / 64):
        want = shifted(distance, distance)[20:-20, 20:-20]
        near = np.float32(distance)
        ours = resample.sample(still[..., None], x + near, y + near)[..., 0]
        soft = cv2.remap(still, x + near, y + near, cv2.INTER_CUBIC)
        bilinear = cv2.remap(still, x + near, y + near, cv2.INTER_LINEAR)
        rounded = cv2.remap(still, x + near, y + near, cv2.INTER_LANCZOS4)
        errors[distance] = [np.std(image[20:-20, 20:-20] - want) for image in (ours, soft, bilinear, rounded)]
    ours, soft, bilinear, rounded = errors[0.5]
    assert ours < 1.1 * rounded and ours < 0.5 * soft < 0.5 * 0.5 * bilinear
    ours, _, _, rounded = errors[1 / 64]  # the control: OpenCV's Lanczos rounds to 1/32 px
    assert ours < 0.5 * rounded
