#!/usr/bin/env bash
# Measures how fast films are edited, and in how much memory: bash launch/bench_films.sh [--frames N] [--only SIZE]
# Prints tables. Leave the machine alone meanwhile.
set -euo pipefail
cd "$(dirname "$0")/.."
source launch/environment.sh
environment test

PYTHONPATH=tests:. exec python -m benchmarks.films "$@"
