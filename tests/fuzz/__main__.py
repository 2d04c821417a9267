"""Gives damaged files to everything that reads files: bash launch/fuzz.sh [--count 20000] [--seed 0] [--out DIR]

A file may be taken, or refused in one line (`InputError`, or exit status 2 of a command). Anything else is a failure:
another exception, more than a line, more than ten seconds of the processor, a crash of the process, much memory, or a
file outside the folder of the trial. Failures are kept in DIR with what is needed to see them again; the summary is
printed as JSON.
"""

import argparse
import collections
import json
import pathlib
import sys
import tempfile

from tqdm import tqdm

from fuzz import trial


def main() -> int:
    """Runs the trials; returns 1 if one of them failed."""
    parser = argparse.ArgumentParser(prog='bash launch/fuzz.sh', description=__doc__.partition('\n')[0])
    parser.add_argument('--count', type=int, default=20_000, help='trials (20000)')
    parser.add_argument('--seed', type=int, default=0, help='of the damages (0)')
    parser.add_argument('--out', type=pathlib.Path, help='a folder for what fails; a temporary one by default')
    args = parser.parse_args()
    out = args.out or pathlib.Path(tempfile.mkdtemp(prefix='fuzz-'))
    out.mkdir(parents=True, exist_ok=True)
    outcomes: dict[str, collections.Counter] = collections.defaultdict(collections.Counter)
    slowest, largest, failures = 0.0, 0, 0
    with trial.Worker(args.seed) as worker:
        for number in tqdm(range(args.count), unit=' files', smoothing=0.05):
            result = worker.run(number)
            outcomes[result.target][result.outcome] += 1
            slowest, largest = max(slowest, result.seconds), max(largest, result.megabytes)
            if result.outcome == trial.FAILED:
                failures += 1
                (out / f'{number}.txt').write_text(f'{result.target}\n{result.detail}\n')
                (out / f'{number}-{result.file}').write_bytes(worker.files.of(number)[2])
                tqdm.write(
                    f'trial {number}, {result.target}: {result.detail.strip().splitlines()[-1][:200]}', file=sys.stderr
                )
    print(
        json.dumps(
            {
                'count': args.count,
                'seed': args.seed,
                'failed': failures,
                'slowest_s': round(slowest, 2),
                'memory_mb': largest,
                'outcomes': outcomes,
                **({'kept in': str(out)} if failures else {}),
            },
            indent=1,
        )
    )
    return 1 if failures else 0


if __name__ == '__main__':
    sys.exit(main())
