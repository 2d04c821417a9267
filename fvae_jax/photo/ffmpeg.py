"""FFmpeg as a program of its own, the one that imageio-ffmpeg brings.

A program and no library: what makes H.264 is under the GPL, in the wheels of PyAV too, and stays outside of the
processes that import this package.
"""

import atexit
import contextlib
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence

_PIPE = 1 << 20  # bytes, the most that Linux lets a program ask for
# H.264 with half the chroma and the index in front, which every browser plays.
CRF = 17  # of x264; what it loses from about 18 down is not seen
PLAYS_EVERYWHERE = ('-c:v', 'libx264', '-pix_fmt', 'yuv420p', '-movflags', '+faststart')


def command(*options: str) -> list[str]:
    """The program with options before which it says errors only and reads no keys."""
    import imageio_ffmpeg

    return [imageio_ffmpeg.get_ffmpeg_exe(), '-hide_banner', '-nostdin', *options]


@contextlib.contextmanager
def running(arguments: Sequence[str], **pipes: int) -> Iterator[subprocess.Popen]:
    """Starts a `command`, and ends it when the block is left by an exception or before it has ended.

    In a session of its own: Ctrl-C is for the command, which then ends what it has started. The pipes are `stdin`,
    `stdout` and `stderr` of `subprocess.Popen`.
    """
    process, ended = subprocess.Popen(arguments, start_new_session=True, pipesize=_PIPE, **pipes), []

    def end() -> None:
        ended.append(True)
        process.kill()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        process.wait()

    # Our program may end with frames left; by the time its generators are collected modules are gone.
    atexit.register(end)
    try:
        yield process
    finally:
        if not ended:
            end()
            atexit.unregister(end)


@contextlib.contextmanager
def feeding(arguments: Sequence[str]) -> Iterator[Callable[[bytes | memoryview], None]]:
    """Starts the program and gives a function that writes to its input; at the end of the block it has ended well.

    Raises:
      OSError: It gave up, with its first words.
    """
    with tempfile.TemporaryFile() as errors, running(arguments, stdin=subprocess.PIPE, stderr=errors) as process:

        def gave_up() -> OSError:
            process.wait()
            errors.seek(0)
            return OSError(f'ffmpeg: {last_words(errors.read().decode(errors="replace")) or process.returncode}')

        def send(data: bytes | memoryview) -> None:
            try:
                process.stdin.write(data)
            except BrokenPipeError:
                raise gave_up() from None

        yield send
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        if process.wait():
            raise gave_up()


def last_words(errors: str) -> str:
    """The first line of what the program said, without the part of it that speaks."""
    line = next((line for line in errors.splitlines() if line.strip()), '')
    return line.rpartition('] ')[2].strip() if line.startswith('[') else line.strip()
