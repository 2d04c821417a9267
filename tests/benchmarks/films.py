"""How fast films are edited, and in how much memory: `bash launch/bench_films.sh` prints tables.

A composite face under known motion is edited from file to file by the command, in a process of its own. Processor time
is what a frame costs on both cores together; frames per second are those of a machine that does nothing else, if it
does nothing else. Then the stages are timed one by one, on one frame.
"""

import argparse
import os
import pathlib
import statistics
import sys
import tempfile
import time

_SIZES = {'640x360': (0.5, 1), '1280x720': (1.0, 1), '1920x1080': (1.5, 1), '1280x720, four times as long': (1.0, 4)}
_START_UP = 10  # frames of a film whose time is taken away
_REPEATED = 9  # times that a stage is timed


def _film(folder: pathlib.Path, size: tuple[int, int], scale: float, count: int) -> pathlib.Path:
    import films

    matrices = films.motion(count, size, None, (322, 360), scale)
    frames = films.carried(films.composite(), matrices, size, noise=1.5)
    return films.write(folder / f'{size[0]}_{count}.mp4', frames)


def _edit(path: pathlib.Path) -> tuple[float, float, float]:
    """Wall time and processor time of the command, s, and the memory of its largest process, MB."""
    started = time.perf_counter()
    command = [sys.executable, '-m', 'fvae_jax', 'edit', str(path), '--smile', '1', '--overwrite', '--out']
    child = os.posix_spawn(sys.executable, [*command, str(path.with_suffix('.mkv'))], os.environ)
    _, status, usage = os.wait4(child, 0)
    assert status == 0
    return time.perf_counter() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def _stages(path: pathlib.Path) -> dict[str, float]:
    """Processor time of what is done with one frame, ms."""
    import fvae_jax
    from fvae_jax import runtime
    from fvae_jax.data import align
    from fvae_jax.editing import exemplar, lips, portrait, retouch

    runtime.prepare()
    editor = fvae_jax.load()
    frame = next(editor.open_film(path).footage.frames()).frame
    landmarks = align.detect_faces(frame.pixels())[0].landmarks
    matrix = align.crop_transform(landmarks, editor.size, editor.frame)
    crop = portrait.aligned(frame, matrix, editor.size)
    face = editor.encode(crop)
    closed = lips.closed(editor, face)
    latent = editor.edited_latent(face, {'smile': 1.0})
    change = editor.change(face, latent)
    alpha = change.content.alpha
    work = {
        'find the face in the whole frame (every 50th)': lambda: align.detect_faces(frame.pixels()),
        'look whether it is a face (every 4th)': lambda: align.is_face(frame.luma, landmarks),
        'read its landmarks again': lambda: align.find_again(frame.luma, landmarks),
        'crop': lambda: portrait.aligned(frame, matrix, editor.size),
        'encode, decode its own latent': lambda: editor.encode(crop, teeth=False),
        'decode the edit, place teeth': lambda: editor.change(face, latent),
        'decode where the mouth is open': lambda: lips.inside(editor, face, closed),
        'place teeth after averaging': lambda: exemplar.place(face.donor, face.crop, alpha, editor.frame),
        'move, shade, lay': lambda: retouch.carried_out(frame, change, matrix),
    }
    times = {}
    for name, run in work.items():
        run()
        measured = []
        for _ in range(_REPEATED):
            started = time.process_time()
            run()
            measured.append(time.process_time() - started)
        times[name] = 1000 * statistics.median(measured)
    return times


def _row(folder: pathlib.Path, label: str, count: int) -> str:
    """Edits a film of that many frames, and a short one whose time is taken away."""
    scale, times = _SIZES[label]
    size = tuple(map(int, label.partition(',')[0].split('x')))
    short, long = (_film(folder, size, scale, n) for n in (_START_UP, _START_UP + count * times))
    _edit(short)  # compiles
    load = os.getloadavg()[0]
    (wall0, cpu0, _), (wall, cpu, memory) = _edit(short), _edit(long)
    frames = count * times
    return (
        f'| {label} | {frames / (wall - wall0):.1f} | {1000 * (cpu - cpu0) / frames:.0f} | {memory:.0f} | {load:.1f} |'
    )


def main() -> None:
    """Prints both tables."""
    parser = argparse.ArgumentParser(prog='bash launch/bench_films.sh', description=__doc__.partition(':')[0])
    parser.add_argument('--frames', type=int, default=150, help='of each film (150)')
    parser.add_argument('--only', choices=_SIZES, metavar='SIZE', help=f'one of {"; ".join(_SIZES)}')
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        print('| film | frames per second | processor time, ms a frame | memory, MB | load before |')
        print('|---|---|---|---|---|')
        for label in [args.only] if args.only else _SIZES:
            print(_row(folder, label, args.frames), flush=True)
        print('\n| what, of one frame of 1280x720 | ms |\n|---|---|')
        for what, milliseconds in _stages(_film(folder, (1280, 720), 1.0, 2)).items():
            print(f'| {what} | {milliseconds:.1f} |')


if __name__ == '__main__':
    main()
