"""`fvae edit` of many photos, one and several at a time: `bash launch/bench_batch.sh` prints a table."""

import argparse
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time

import skimage.data
from PIL import Image

_ROOT = pathlib.Path(__file__).parents[2]
_SIZE = 4000, 3000


def _album(folder: pathlib.Path, photos: int) -> None:
    """Photos of 12 megapixels, their faces of several sizes."""
    portraits = [Image.fromarray(skimage.data.astronaut()), Image.open(_ROOT / 'docs' / 'composite_face.jpg')]
    for n in range(photos):
        portrait = portraits[n % 2].convert('RGB')
        width = _SIZE[0] * (2 + n % 3) // 5
        photo = Image.new('RGB', _SIZE, (120, 130, 125))
        photo.paste(portrait.resize((width, width * portrait.height // portrait.width), Image.BICUBIC), (400, 200))
        photo.save(folder / f'{n:03}.jpg', quality=92)


def _edit(album: pathlib.Path, out: pathlib.Path, jobs: int) -> tuple[float, float]:
    """Seconds, and seconds of processor time, of one command."""
    command = [sys.executable, '-m', 'fvae_jax', 'edit', album, '--smile', '1', '--out-dir', out, '--jobs', jobs]
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(list(map(str, command)), check=True, stderr=subprocess.DEVNULL)
    seconds, after = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Runs every way in turns and prints the medians."""
    parser = argparse.ArgumentParser('bash launch/bench_batch.sh', description='Measures batches of fvae edit.')
    parser.add_argument('--photos', type=int, default=16, help='photos of 12 megapixels (16)')
    parser.add_argument('--rounds', type=int, default=3, help='turns of each (3)')
    parser.add_argument('--jobs', type=int, nargs='+', default=[1, 2, 4], help='how many at a time (1 2 4)')
    args = parser.parse_args()
    times = {jobs: [] for jobs in args.jobs}
    with tempfile.TemporaryDirectory() as folder:
        album = pathlib.Path(folder, 'album')
        album.mkdir()
        _album(album, args.photos)
        for n in range(args.rounds):
            for jobs in args.jobs[:: -1 if n % 2 else 1]:
                times[jobs].append(_edit(album, pathlib.Path(folder, f'{jobs}-{n}'), jobs))
    load = os.getloadavg()[0]
    first = statistics.median(seconds for seconds, _ in times[args.jobs[0]])
    print(
        f'{args.photos} photos of 12 megapixels, {os.cpu_count()} cores, load {load:.1f}, start of the program included'
    )
    print('\n| at a time | s per photo | times as many | processor time, s per photo |\n|---|---|---|---|')
    for jobs, found in times.items():
        seconds, busy = map(statistics.median, zip(*found))
        print(f'| {jobs} | {seconds / args.photos:.2f} | {first / seconds:.2f} | {busy / args.photos:.2f} |')


if __name__ == '__main__':
    main()
