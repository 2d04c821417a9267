"""The table of speed: bash launch/bench.sh [--all] [--only NAME …] [--model FILE]"""

import argparse
import dataclasses
import json
import pathlib
from collections.abc import Callable
from typing import Any

from benchmarks import further, harness, network, operations, pipeline, portraits, speed, training

from fvae_jax import runtime
from fvae_jax.errors import InputError

ROOT = pathlib.Path(__file__).parents[2]
MODEL = ROOT / 'fvae_jax' / 'assets' / 'faces.safetensors'


def main() -> None:
    """Measures, prints, and after a whole table writes benchmarks.json and the table of docs/speed.md."""
    parser = argparse.ArgumentParser(
        prog='bash launch/bench.sh', description='Measures our speed beside that of others.'
    )
    parser.add_argument(
        '--all', action='store_true', help='also arithmetic, memory, growth, compilation and a cold edit'
    )
    parser.add_argument('--only', nargs='+', metavar='NAME', help='some rows of the table; nothing is written')
    parser.add_argument(
        '--model', type=pathlib.Path, default=MODEL, metavar='FILE', help='the model that decodes (the one that ships)'
    )
    args = parser.parse_args()
    rows = _rows(args.model)
    unknown = set(args.only or ()) - set(rows)
    if unknown:
        raise InputError(f'--only: no row is named {", ".join(sorted(unknown))}; there are {", ".join(rows)}')
    if not args.model.is_file():
        raise InputError(f'no model file {args.model}; name one with --model FILE')
    runtime.prepare()
    harness.use_all_cores()
    machine = harness.machine()
    print(json.dumps(machine, ensure_ascii=False), flush=True)
    found: dict[str, harness.Result] = {}
    for name, measure in rows.items():
        if not args.only or name in args.only:
            found[name] = measure(found)
            print(found[name], flush=True)
    if args.only:
        return
    report = {'machine': machine, 'results': [dataclasses.asdict(result) for result in found.values()]}
    if args.all:
        report['further'] = _further(args.model, found['train_step'])
    _write(ROOT / 'benchmarks.json', json.dumps(report, indent=1, ensure_ascii=False) + '\n')
    text = ROOT / 'docs' / 'speed.md'
    _write(text, speed.with_table(text.read_text(), report))
    print(speed.table(report))


def _rows(model: pathlib.Path) -> dict[str, Callable[[dict[str, harness.Result]], harness.Result]]:
    """How each row is measured, given those before it."""
    return {
        'sampler_forward': lambda _: operations.sampler_forward(),
        'sampler_gradient': lambda _: operations.sampler_gradient(),
        'coherence_gradient': lambda _: operations.coherence_gradient(),
        'train_step': lambda _: network.train_step(),
        'decode': lambda _: network.decode(model),
        'warp_1080p': lambda _: portraits.warp_1080p(model),
        'pipeline': lambda found: pipeline.pipeline(found.get('train_step') or network.train_step()),
        'slider_1080p': lambda _: portraits.slider_1080p(model),
    }


def _further(model: pathlib.Path, step: harness.Result) -> dict[str, Any]:
    """Whatever is not in the table."""
    peak = further.matrix_peak()
    operations_of = training.arithmetic(128, 32, 16)
    facts = {'matrix_peak_gflops': peak / 1e9}
    for side, ms in (('ours', step.ours_ms), ('peer', step.peer_ms)):
        facts[f'share_of_peak_{side}'] = operations_of['printed'] / (ms / 1000) / peak
    facts['share_of_peak_done_ours'] = operations_of['done'] / (step.ours_ms / 1000) / peak
    print(json.dumps(facts), flush=True)
    facts['compilation_s'] = further.compilation()
    print(json.dumps(facts['compilation_s']), flush=True)
    facts['cold_edit_s'] = further.cold_edit(model)
    print(json.dumps(facts['cold_edit_s']), flush=True)
    facts['growth'] = further.growth()
    further.plot_growth(facts['growth'], ROOT / 'docs' / 'step_cost.png')
    return facts


def _write(path: pathlib.Path, text: str) -> None:
    temporary = path.with_name(f'.{path.name}.tmp')
    temporary.write_text(text)
    temporary.replace(path)


if __name__ == '__main__':
    runtime.exit_on_error(main)
