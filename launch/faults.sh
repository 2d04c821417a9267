#!/usr/bin/env bash
# Kills a run again and again and compares every byte: bash launch/faults.sh [--kills N] [--seed N]
# Prints a table; ends with status 1 if a run does not end with the bits of an undisturbed one. 100 kills take 15 minutes.
set -euo pipefail
cd "$(dirname "$0")/.."
source launch/environment.sh
environment test

PYTHONPATH=tests:. exec python -m faults "$@"
