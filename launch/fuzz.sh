#!/usr/bin/env bash
# Gives damaged files to everything that reads files: bash launch/fuzz.sh [--count N] [--seed N] [--out DIR]
# Prints a JSON summary; what fails is left in DIR.
set -euo pipefail
cd "$(dirname "$0")/.."
source launch/environment.sh
environment test

PYTHONPATH=tests:. exec python -m fuzz "$@"
