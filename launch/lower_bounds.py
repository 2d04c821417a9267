"""Writes launch/lower-bounds.txt, the lowest versions that setup.cfg allows: python launch/lower_bounds.py"""

import configparser
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[1]
FILE = ROOT / 'launch' / 'lower-bounds.txt'
# Not installed with the tests: the peer of the benchmarks, and what takes the place of another package.
LEFT_OUT = ('bench', 'baselines')


def bounds(setup: str) -> str:
    """Returns pip constraints, one line each, from the text of a setup.cfg."""
    config = configparser.ConfigParser()
    config.read_string(setup)
    wanted = [config['options']['install_requires']]
    wanted += [value for name, value in config['options.extras_require'].items() if name not in LEFT_OUT]
    lines = [line.strip() for line in '\n'.join(wanted).splitlines() if line.strip()]
    found = {}
    for line in lines:
        if line.startswith('fvae-jax['):
            continue
        match = re.fullmatch(r'([\w.-]+)>=([\w.]+)', line)
        if not match:
            raise SystemExit(
                f'setup.cfg asks for {line!r}; every dependency needs a lower bound and nothing else, NAME>=VERSION'
            )
        found[match[1]] = match[2]
    return ''.join(f'{name}=={found[name]}\n' for name in sorted(found, key=str.lower))


if __name__ == '__main__':
    temporary = FILE.with_suffix('.tmp')
    temporary.write_text(bounds((ROOT / 'setup.cfg').read_text()))
    temporary.replace(FILE)
    print(f'wrote {FILE.relative_to(ROOT)}')
