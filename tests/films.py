"""Films that tests make: a face carried by a smooth known motion, with noise, a cut, a face that leaves, two people."""

import pathlib
import subprocess

import cv2
import imageio_ffmpeg
import numpy as np
import skimage.data
from PIL import Image

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()
COMPOSITE = pathlib.Path(__file__).parents[1] / 'docs' / 'composite_face.jpg'


def astronaut():
    """(512, 512, 3) uint8."""
    return skimage.data.astronaut()


def composite():
    """(670, 600, 3) uint8, an average of many faces."""
    return np.asarray(Image.open(COMPOSITE).convert('RGB'))


def motion(count, size, photo_shape, middle, scale=1.0, *, turn=15.0, zoom=(0.7, 1.4), shift=0.06, fps=25):
    """Similarities from px of a photo to px of the frames, (count, 2, 3): slow waves of shift, turn and scale.

    Args:
      count: Of frames.
      size: (width, height) of the frames.
      photo_shape: Of the photo.
      middle: (x, y) of the photo that stays near the middle of the frames.
      scale: px of a frame for one of the photo, on average.
      turn: The largest, degrees.
      zoom: Smallest and largest factor of `scale`.
      shift: The largest, in widths of a frame.
      fps: Frames per second.
    """
    seconds = np.arange(count) / fps
    angle = np.deg2rad(turn) * np.sin(2 * np.pi * seconds / 3.1)
    low, high = np.log(zoom)
    factor = scale * np.exp((high + low) / 2 + (high - low) / 2 * np.sin(2 * np.pi * seconds / 4.3))
    x = size[0] * (0.5 + shift * np.sin(2 * np.pi * seconds / 2.7))
    y = size[1] * (0.5 + shift / 2 * np.sin(2 * np.pi * seconds / 3.7))
    matrices = np.empty((count, 2, 3))
    for matrix, a, f, goal in zip(matrices, angle, factor, np.stack([x, y], -1)):
        matrix[:, :2] = f * np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
        matrix[:, 2] = goal - matrix[:, :2] @ middle
    return matrices


def carried(photo, matrices, size, noise=0.0, seed=0):
    """Frames that show a photo where the similarities take it, (height, width, 3) uint8, its border repeated."""
    rng = np.random.default_rng(seed)
    photos = photo if isinstance(photo, list) else [photo] * len(matrices)
    for image, matrix in zip(photos, matrices):
        # Twice as fine and averaged, as a lens does, so that the motion itself makes no noise.
        fine = 2 * matrix
        fine[:, 2] += 0.5
        frame = cv2.warpAffine(
            image, fine, (2 * size[0], 2 * size[1]), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        )
        frame = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
        if noise:
            grain = cv2.resize(rng.normal(0, noise, (size[1], size[0], 1)).astype(np.float32), size)
            frame = np.clip(np.rint(frame + grain[..., None]), 0, 255).astype(np.uint8)
        yield frame


def write(path, frames, *options, fps=25):
    """Writes frames as a film by ffmpeg; options are those of its output, of H.264 by default."""
    frames = iter(frames)
    first = next(frames)
    source = ['-f', 'rawvideo', '-pix_fmt', 'rgb24', '-s', f'{first.shape[1]}x{first.shape[0]}', '-r', str(fps)]
    colors = ['-vf', 'scale=out_color_matrix=bt709:out_range=tv,setparams=colorspace=bt709:range=tv']
    options = options or (*colors, '-c:v', 'libx264', '-crf', '20', '-preset', 'veryfast', '-pix_fmt', 'yuv420p')
    command = [FFMPEG, '-v', 'error', '-y', *source, '-i', '-', *options, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        process.stdin.write(first.tobytes())
        for frame in frames:
            process.stdin.write(frame.tobytes())
    assert process.returncode == 0
    return path


def brought_back(frames, matrices, box, scale=1.0):
    """What a part of the photo looks like in each frame, (n, h, w, 3) float32.

    Args:
      frames: (H, W, 3) uint8.
      matrices: As `carried` took.
      box: (y0, y1, x0, x1), px of the photo.
      scale: px for one of the photo.
    """
    y0, y1, x0, x1 = box
    size = round((x1 - x0) * scale), round((y1 - y0) * scale)
    shift = np.array([[1 / scale, 0, x0], [0, 1 / scale, y0], [0, 0, 1]])
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    views = [(np.vstack([matrix, [0, 0, 1]]) @ shift)[:2] for matrix in matrices]
    return np.stack([cv2.warpAffine(np.float32(frame), view, size, flags=flags) for frame, view in zip(frames, views)])


def unrest(frames, matrices, box, scale=1.0):
    """Standard deviation over time of every pixel of a part of the photo, (h, w), of 255."""
    return brought_back(frames, matrices, box, scale).std(axis=0).mean(axis=-1)
