"""Figure 7 (6.4): enlarging the flow keeps the photo's detail, enlarging the output loses it.

  python -m fvae_jax.evaluation.upsampling PHOTO --smile 1 --out figure7.png

Sharpness is the variance of the Laplacian over the face, relative to the source, after halving both
pictures by area: below that scale a photo holds the noise and the sharpening of its camera.
"""

import pathlib
import sys
from typing import NamedTuple

import cv2
import numpy as np

from fvae_jax import runtime
from fvae_jax.data import align
from fvae_jax.editing import arguments, editor as editor_lib, morph, portrait
from fvae_jax.ops import flow_color, grid, image as image_ops
from fvae_jax.photo import output, write

SIDE = 512  # px, as in the paper
# What the two ways must keep of the source's sharpness.
FLOW_KEEPS = (0.95, 1.1)
PIXELS_KEEP_LESS_THAN = 0.5

# Rows and columns of an aligned crop, as fractions, without hair and background.
_FACE = ((0.22, 0.92), (0.2, 0.8))
# Of the distance between the eyes: full saturation of the flow's colors.
_FLOW_MAXIMUM = 0.1


class Upsampling(NamedTuple):
    """One edit, enlarged in both ways.

    Attributes:
      source: the aligned crop, (S, S, 3) float32 in [-1, 1].
      displacement: the flow at the model's size, (s, s, 2), px of the model's crop.
      by_pixels: the edit at the model's size, enlarged with bicubic interpolation, like `source`.
      by_flow: the source, warped once with the enlarged displacement.
    """

    source: np.ndarray
    displacement: np.ndarray
    by_pixels: np.ndarray
    by_flow: np.ndarray

    def sharpness(self) -> tuple[float, float]:
        """What `by_pixels` and `by_flow` keep of the source's sharpness."""
        source, pixels, flow = map(face_sharpness, (self.source, self.by_pixels, self.by_flow))
        return pixels / source, flow / source


def upsample(source: np.ndarray, crop: np.ndarray, displacement: np.ndarray) -> Upsampling:
    """Applies a displacement of the model's crop to a larger crop, in both ways.

    Args:
      source: the larger crop, (S, S, 3) float32 in [-1, 1].
      crop: the model's crop, (s, s, 3), likewise.
      displacement: (s, s, 2), px of the model's crop.
    """
    side, size = len(source), len(crop)
    field = portrait.enlarge(displacement, side) * np.float32(side / size)
    by_flow = portrait.warp_region(source, (0, side, 0, side), field)
    small = portrait.warp_region(crop, (0, size, 0, size), np.asarray(displacement, np.float32))
    by_pixels = cv2.resize(small, (side, side), interpolation=cv2.INTER_CUBIC)
    return Upsampling(source, displacement, np.clip(by_pixels, -1, 1), np.clip(by_flow, -1, 1))


def face_sharpness(image: np.ndarray) -> float:
    """Laplacian variance over the face of an aligned crop (S, S, 3), after halving it by area."""
    side = len(image) // 2
    half = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
    return float(image_ops.laplacian_variance(image_ops.crop_region(half, *_FACE)))


def draw(pictures: Upsampling) -> np.ndarray:
    """Lays out Figure 7: source and flow above, the edit enlarged in both ways below.

    Returns:
      (H, W, 3) uint8 RGB.
    """
    side, size = len(pictures.source), len(pictures.displacement)
    maximum = _FLOW_MAXIMUM * (1 - 2 * align.EYE_X) * size
    colors = flow_color.flow_to_color(pictures.displacement, maximum)
    colors = cv2.resize(colors, (side, side), interpolation=cv2.INTER_NEAREST)
    source, by_pixels, by_flow = (
        image_ops.to_uint8(picture) for picture in (pictures.source, pictures.by_pixels, pictures.by_flow)
    )
    pixels_keep, flow_keeps = pictures.sharpness()
    return np.concatenate(
        [
            grid.image_grid(
                [[source, colors]],
                [f'source, {side} px', f'flow, {size} px (full color: {maximum:.1f} px of it)'],
                scale=1,
            ),
            grid.image_grid(
                [[by_pixels, by_flow]],
                [
                    f'output of {size} px enlarged: keeps {pixels_keep:.2f} of the detail',
                    f'flow enlarged, source warped: keeps {flow_keeps:.2f}',
                ],
                scale=1,
            ),
        ]
    )


def main(argv: list[str]) -> None:
    """Makes the figure and prints the numbers."""
    bundle = arguments.open_model(argv)
    parser = arguments.Parser(
        'python -m fvae_jax.evaluation.upsampling',
        'PHOTO --EXPRESSION X --out FIGURE.png',
        __doc__.split('\n')[0],
        expressions=arguments.expressions(bundle),
    )
    parser.add_argument('photo', metavar='PHOTO', type=pathlib.Path)
    parser.add_argument('--model', type=pathlib.Path, metavar='FILE')
    parser.add_argument('--side', default=SIDE, type=arguments.count, metavar='PX', help='of the enlarged crop (512)')
    parser.add_argument('--out', required=True, type=pathlib.Path, metavar='PNG')
    parser.add_argument('--overwrite', action='store_true', help='allow to replace a file')
    parser.add_expressions()
    args = parser.parse(argv)
    output.check_output(args.out, ('.png',), overwrite=args.overwrite)

    runtime.prepare()
    editor = editor_lib.Editor(bundle)
    photo = editor.open(args.photo)
    (number,) = photo.numbers(None)
    face = photo.encoded(number)
    latent = editor.edited_latent(face, parser.strengths(args))
    source, _ = morph.native_crop(photo.photo.pixels, photo.matrix(number), editor.size, args.side)
    pictures = upsample(source, face.crop, editor.displacement(face, latent))
    write.write_png(args.out, draw(pictures))
    pixels_keep, flow_keeps = pictures.sharpness()
    print(
        f'enlarging the output keeps {pixels_keep:.3f} of the detail of the source '
        f'(expected: under {PIXELS_KEEP_LESS_THAN})'
    )
    print(f'enlarging the flow keeps   {flow_keeps:.3f} (expected: {FLOW_KEEPS[0]} to {FLOW_KEEPS[1]})')


if __name__ == '__main__':
    runtime.exit_on_error(lambda: main(sys.argv[1:]))
