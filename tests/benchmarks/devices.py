"""What spreading a step over devices costs: `bash launch/bench_devices.sh` prints a table.

The devices are made up: all share the cores of this machine, so that the work stays the same and what is added is
overhead. Each way is a process of its own (two for the last rows), since the number of devices is fixed when JAX
starts; ways are timed in turns, and each is compared with one device under the same setting.
"""

import argparse
import importlib.util
import json
import os
import pathlib
import socket
import statistics
import subprocess
import sys
import time

_ROOT = pathlib.Path(__file__).parents[2]
_WAYS = [
    (1, devices, kind, accumulate) for accumulate in (1, 2) for devices in (1, 2, 4, 8) for kind in ('jit', 'pmap')
] + [(2, 2, kind, accumulate) for accumulate in (1, 2) for kind in ('jit', 'pmap')]
_STEPS = 40


def _measure(kind: str, accumulate: int) -> None:
    """Times steps of `configs/synthetic.py:tiny`, with batch 16, and prints the median in milliseconds."""
    import jax

    from fvae_jax import runtime
    from fvae_jax.training import devices, experiment, parallel

    runtime.prepare()
    spec = importlib.util.spec_from_file_location('synthetic', _ROOT / 'configs' / 'synthetic.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    config = module.get_config('tiny')
    # Two examples for each of eight devices.
    config.parallel, config.train.batch_size, config.train.accumulate_steps = kind, 16, accumulate

    if parallel.PROCESSES in os.environ:
        parallel.join_hosts()
    faces = parallel.main_first(lambda: experiment.open_faces(config))
    task = experiment._fvae_task(config, faces)
    strategy = devices.make_strategy(kind)
    step, batch = strategy.compile(task.train_step), next(experiment._batches(config, faces))
    state, times = strategy.place(task.create_state()), []
    for _ in range(_STEPS):
        started = time.perf_counter()
        state, metrics = step(state, strategy.shard(batch))
        jax.block_until_ready((state, metrics))
        times.append(time.perf_counter() - started)
    if parallel.is_main_process():
        print(json.dumps(1000 * statistics.median(times[5:])))
    parallel.barrier('measured')


def _run(way: tuple[int, int, str, int]) -> float:
    processes, devices, kind, accumulate = way
    environment = {
        **os.environ,
        'JAX_PLATFORMS': 'cpu',
        'XLA_FLAGS': f'--xla_force_host_platform_device_count={devices}',
    }
    if processes > 1:
        with socket.socket() as found:
            found.bind(('127.0.0.1', 0))
            environment |= {'FVAE_COORDINATOR': f'127.0.0.1:{found.getsockname()[1]}', 'FVAE_PROCESSES': str(processes)}
    started = [
        subprocess.Popen(
            [sys.executable, '-m', 'benchmarks.devices', kind, str(accumulate)],
            stdout=subprocess.PIPE,
            text=True,
            env={**environment, **({'FVAE_PROCESS': str(k)} if processes > 1 else {})},
        )
        for k in range(processes)
    ]
    outputs = [process.communicate()[0] for process in started]
    if any(process.returncode for process in started):
        raise RuntimeError(f'{way} ended with {[process.returncode for process in started]}')
    # gloo tells about itself on stdout.
    return float(outputs[0].splitlines()[-1])


def main() -> None:
    """Times all ways in turns and prints Markdown; with a way as arguments, measures that one."""
    parser = argparse.ArgumentParser(prog='bash launch/bench_devices.sh', description=__doc__.partition('\n\n')[2])
    parser.add_argument('--rounds', type=int, default=3, help='how often each way is timed (3)')
    parser.add_argument('way', nargs='*', help=argparse.SUPPRESS)
    args = parser.parse_args()
    if way := args.way:
        _measure(way[0], int(way[1]))
        return
    times = {way: [] for way in _WAYS}
    for _ in range(args.rounds):
        for way in _WAYS:
            times[way].append(_run(way))
            print(way, f'{times[way][-1]:.1f} ms', file=sys.stderr)
    middle = {way: statistics.median(values) for way, values in times.items()}
    print(
        '| devices | `parallel` | one batch, ms a step | added | two parts, ms a step | added |\n'
        '|---|---|---|---|---|---|'
    )
    for processes, devices, kind, accumulate in _WAYS:
        if accumulate > 1:
            continue
        cells = []
        for n in (1, 2):
            value, alone = middle[processes, devices, kind, n], middle[1, 1, 'jit', n]
            cells += [f'{value:.1f}', '–' if (processes, devices, kind) == (1, 1, 'jit') else f'{value - alone:+.1f}']
        name = f'{devices}' if processes == 1 else f'{processes} processes × {devices}'
        print(f'| {name} | {kind} | {" | ".join(cells)} |')


if __name__ == '__main__':
    main()
