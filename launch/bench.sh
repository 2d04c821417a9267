#!/usr/bin/env bash
# Measures our speed beside PyTorch and OpenCV on this machine's CPU: bash launch/bench.sh [--all]
# Writes benchmarks.json and the table of docs/speed.md. A few minutes; leave the machine alone meanwhile.
set -euo pipefail
cd "$(dirname "$0")/.."
source launch/environment.sh
environment bench

JAX_PLATFORMS=cpu PYTHONPATH=tests:. exec python -m benchmarks "$@"
