#!/usr/bin/env bash
# Measures how fast many photos are edited, one and several at a time: bash launch/bench_batch.sh [--jobs N ...]
# Prints a table. Leave the machine alone meanwhile.
set -euo pipefail
cd "$(dirname "$0")/.."
source launch/environment.sh
environment test

PYTHONPATH=tests:. exec python -m benchmarks.batch "$@"
