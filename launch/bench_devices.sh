#!/usr/bin/env bash
# Measures what spreading a step over devices costs: bash launch/bench_devices.sh [--rounds N]
# Prints a table. Leave the machine alone meanwhile.
set -euo pipefail
cd "$(dirname "$0")/.."
source launch/environment.sh
environment test

PYTHONPATH=tests:. exec python -m benchmarks.devices "$@"
