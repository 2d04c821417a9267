"""The web page in headless Chromium beside what is asked of it: bash launch/bench_page.sh

Each cold load has a browser of its own, with empty caches. The networks run on one thread, shaders on the processor.
"""

import argparse
import dataclasses
import os
import pathlib
import re
import statistics
import sys
import tempfile
from typing import Any

import browser
import numpy as np
import skimage.data
from export import film, using
from PIL import Image

from fvae_jax import bundle as bundle_lib, runtime
from fvae_jax.editing import editor as editor_lib
from fvae_jax.export import folder as folder_lib

_LOADS = 5
_STEPS = 40
_MIRRORED = 10  # s
_EDITS = ({'smile': 1.0}, {'smile': -1.0}, {'surprise': 1.0}, {'neutral': 1.0})
_WINDOW = {'width': 1400, 'height': 900}


@dataclasses.dataclass(frozen=True)
class Bar:
    """Something measured, and the most that is allowed of it."""

    what: str
    value: float
    most: float
    unit: str

    def __str__(self) -> str:
        missed = '' if self.value <= self.most else ' MISSED'
        return f'{self.what}: {self.value:.3g} {self.unit} (at most {self.most:.3g}){missed}'


def main() -> int:
    """Measures and prints; returns 1 if a bar is missed."""
    argparse.ArgumentParser(prog='bash launch/bench_page.sh', description=__doc__.partition('\n')[0]).parse_args()
    runtime.prepare()
    print(f'{len(os.sched_getaffinity(0))} cores, load {os.getloadavg()[0]:.1f} before', flush=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary) / 'page'
        print(folder_lib.write(bundle_lib.load(), 'web', folder), flush=True)
        with using.served(folder) as address:
            bars = [*_loading(address), *_editing(address, folder / 'composite_face.jpg'), *_leaving(address)]
            bars += _mirror(address, pathlib.Path(temporary))
    print('\n'.join(map(str, bars)))
    return int(any(bar.value > bar.most for bar in bars))


def _loading(address: str) -> list[Bar]:
    """The slowest of several cold loads, and the median step of a slider."""
    times: dict[str, list[float]] = {'picture': [], 'edited': [], 'step': []}
    watch = _Watch(address)
    for _ in range(_LOADS):
        with browser.launched() as chromium:
            page = watch.opened(chromium)
            page.wait_for_function("() => document.getElementById('sample-picture').naturalWidth > 0")
            times['picture'].append(page.evaluate('() => performance.now()'))
            using.take_sample(page)
            page.locator('#slider-smile').focus()
            for _ in range(20):
                page.keyboard.press('ArrowRight')
            using.call(page, 'main.refresh()')
            times['edited'].append(page.evaluate('() => performance.now()'))
            times['step'] += using.call(
                page,
                f"""(async () => {{
                const times = [];
                for (let i = 0; i < {_STEPS}; i++) {{
                    const start = performance.now();
                    await main.setStrengths({{smile: i / {_STEPS}}});
                    await new Promise(requestAnimationFrame);
                    times.push(performance.now() - start);
                }}
                return times;
            }})()""",
            )
            page.evaluate("async () => (await import('/app/networks.js')).ask('ready')")
    return [
        Bar(f'first picture, slowest of {_LOADS} cold loads', max(times['picture']), 2000, 'ms'),
        Bar(f'sample edited, slowest of {_LOADS} cold loads', max(times['edited']), 5000, 'ms'),
        Bar('a step of a slider to its frame on the screen, median', statistics.median(times['step']), 150, 'ms'),
        Bar('the same, slowest', max(times['step']), 150, 'ms'),
        Bar('fetched', sum(watch.sizes.values()) / 1e6, 30, 'MB'),
        Bar('errors and warnings in the console', len(watch.troubles), 0, '; '.join(watch.troubles)),
        Bar('requests to another origin', len(watch.strangers), 0, ' '.join(watch.strangers)),
    ]


class _Watch:
    """What a page asks for and complains of."""

    def __init__(self, address: str):
        self._address = address
        self.sizes: dict[str, int] = {}
        self.troubles: list[str] = []
        self.strangers: list[str] = []

    def opened(self, chromium: Any) -> Any:
        """The page, in a context that has nothing of any other."""
        context = chromium.new_context(viewport=_WINDOW)
        context.on(
            'response',
            lambda response: self.sizes.update({response.url: int(response.headers.get('content-length', 0))}),
        )
        context.on(
            'console', lambda message: message.type in ('error', 'warning') and self.troubles.append(message.text)
        )
        context.on('weberror', lambda error: self.troubles.append(str(error.error)))
        context.route('**/*', self._route)
        page = context.new_page()
        page.goto(self._address, wait_until='commit')
        return page

    def _route(self, route: Any) -> None:
        if route.request.url.startswith((self._address, 'blob:', 'data:')):
            route.continue_()
        else:
            self.strangers.append(route.request.url)
            route.abort()


def _editing(address: str, sample: pathlib.Path) -> list[Bar]:
    """Saved pictures beside those of `fvae edit`, with the eyes where the package has them."""
    opened = editor_lib.load().open(sample)
    source, face = opened.photo.pixels, using.face_of(opened)
    bars = []
    with browser.launched() as chromium:
        page = _Watch(address).opened(chromium)
        using.take_sample(page)
        using.call(page, 'main.placeEyes(argument)', using.eyes_of(opened))
        for strengths in _EDITS:
            using.call(page, 'main.setStrengths(argument)', strengths)
            wanted = opened.edit(**strengths).photo.pixels
            apart = using.difference(np.array(using.saved(page).convert('RGB')), wanted, face)
            own = using.difference(wanted, source, face)
            bars.append(
                Bar(
                    f'{strengths} beside fvae edit, over the face; the edit itself {own:.1f}',
                    apart,
                    min(3, own / 4),
                    'of 255',
                )
            )
    return bars


def _leaving(address: str) -> list[Bar]:
    """Memory of the browser's processes with a photo open, once the page is left, and with a page of text in its place.

    The page is left as a browser leaves one to which it may return: it stays, and must give its memory back by itself.
    """
    with browser.launched() as chromium, tempfile.TemporaryDirectory() as temporary:
        large = pathlib.Path(temporary) / 'large.jpg'
        Image.fromarray(skimage.data.astronaut()).resize((3500, 3500), Image.Resampling.BICUBIC).save(large)
        page = _Watch(address).opened(chromium)
        page.wait_for_selector('#sample:visible')
        page.set_input_files('#file', large)
        using.told(page, 'Face found')
        using.call(page, 'main.setStrengths({smile: 1})')
        using.saved(page)
        used = _settled(page)
        page.evaluate("() => window.dispatchEvent(new PageTransitionEvent('pagehide', {persisted: true}))")
        left = _settled(page)
        page.goto(f'{address}vendor/LICENSE-yunet.txt')
        text = _settled(page)
    return [
        Bar(
            f'memory that stays after leaving, of {used - text:.0f} MB for a photo of 12 megapixels',
            left - text,
            0.2 * (used - text),
            'MB',
        )
    ]


def _mirror(address: str, folder: pathlib.Path) -> list[Bar]:
    """How far frames of the mirror are apart, and what the worker does in that time."""
    film.write(folder / 'film.y4m', map(film.frame, range(film.FRAMES)))
    with browser.launched(film=folder / 'film.y4m') as chromium:
        page = _Watch(address).opened(chromium)
        page.wait_for_selector('#sample:visible')
        page.click('#use-mirror')
        using.told(page, 'The mirror runs')
        using.call(page, 'main.setStrengths({smile: 1})')
        page.wait_for_timeout(3000)
        times, numbers = [], []
        for _ in range(2 * _MIRRORED):
            page.wait_for_timeout(500)
            made = using.call(page, 'main.state.mirror')
            times.append(made['times'])
            numbers.append((using.call(page, 'performance.now()'), made['number']))
        (start, first), (end, last) = numbers[0], numbers[-1]
        parts = {name: statistics.median(one.get(name, 0) for one in times) for name in times[-1]}
    told = ', '.join(f'{name} {time:.0f}' for name, time in parts.items())
    return [Bar('mirror, from frame to frame at 640 x 480', (end - start) / (last - first), 125, f'ms ({told})')]


def _settled(page: Any) -> float:
    """Megabytes of the browser's processes, the least within 5 s; shared pages are counted once."""
    session = page.context.new_cdp_session(page)
    lowest = _memory()
    for _ in range(10):
        session.send('HeapProfiler.collectGarbage')
        page.wait_for_timeout(500)
        lowest = min(lowest, _memory())
    session.detach()
    return lowest


def _memory() -> float:
    """Megabytes of all processes that this one started, and that these did."""
    parents, total = {}, 0
    for status in pathlib.Path('/proc').glob('[0-9]*/status'):
        try:
            (parent,) = re.findall(r'^PPid:\s*(\d+)', status.read_text(), re.MULTILINE)
        except OSError:
            continue  # it has ended
        parents[int(status.parent.name)] = int(parent)
    for process in parents:
        above = parents[process]
        while above in parents and above != os.getpid():
            above = parents[above]
        if above != os.getpid():
            continue
        try:
            rollup = pathlib.Path(f'/proc/{process}/smaps_rollup').read_text()
        except OSError:
            continue
        total += sum(map(int, re.findall(r'^Pss:\s*(\d+) kB', rollup, re.MULTILINE)))
    return total / 1e3


if __name__ == '__main__':
    sys.exit(main())
