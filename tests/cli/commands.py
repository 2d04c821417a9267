"""What tests of the commands say and look at."""

import os
import pathlib
import re
import signal
import subprocess
import sys

import imageio_ffmpeg
import numpy as np
import pytest
import skimage.data
from PIL import Image

from fvae_jax.errors import InputError

ASTRONAUT = skimage.data.astronaut()
ROOT = pathlib.Path(__file__).parents[2]


def edit(rest):
    """The line of an edit by the small model."""
    return f'edit @me.png --model @model.safetensors {rest}'


def start(*arguments, cwd, stdin=None, **more):
    """Starts `fvae` in a folder, with more variables in its environment."""
    return subprocess.Popen(
        [sys.executable, '-m', 'fvae_jax', *map(str, arguments)],
        cwd=cwd,
        env=os.environ | {'PYTHONPATH': str(ROOT)} | more,
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # A shell's jobs in the background, the tests among them, are told to ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


def read(path):
    with Image.open(path) as image:
        return np.asarray(image)


def noted(path):
    """Model and edit of the last event in a photo's XMP."""
    with Image.open(path) as image:
        packet = image.info['xmp']
    events = re.findall(
        r'stEvt:parameters="Model: (.*?); Edit: (.*?)"', packet if isinstance(packet, str) else packet.decode()
    )
    return events[-1]


def play(path):
    """The frames of an MP4 of 512x512 pixels."""
    played = subprocess.run(
        [imageio_ffmpeg.get_ffmpeg_exe(), '-v', 'error', '-i', path, '-f', 'rawvideo', '-pix_fmt', 'rgb24', '-'],
        capture_output=True,
        check=True,
    )
    return np.frombuffer(played.stdout, np.uint8).reshape(-1, 512, 512, 3)


def fails(run, tmp_path, line, *words):
    """Expects one line that holds the words, and nothing written."""
    with pytest.raises(InputError) as caught:
        run(line)
    message = str(caught.value)
    assert '\n' not in message and all(word in message for word in words), message
    assert not list(tmp_path.iterdir())
