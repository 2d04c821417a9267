#!/usr/bin/env bash
# Tests and measures on one accelerator, without network: bash launch/accelerator.sh [--out DIR] [--minutes N] [--small] [--dry-run]
# Takes the Python of the machine, with jax, flax and optax in it; what else is missing may lie as wheels in a folder:
#   python -m pip download --only-binary=:all: --python-version 3.12 -d .wheels ml_collections absl-py safetensors …
set -euo pipefail
cd "$(dirname "$0")/.."

python=${PYTHON:-python3}
if [ -d "${WHEELS:=.wheels}" ]; then
  "$python" -m pip install --quiet --no-index --no-deps --upgrade --target build/wheels "$WHEELS"/*.whl
  export PYTHONPATH=$PWD/build/wheels
fi
PYTHONPATH=tests:.${PYTHONPATH:+:$PYTHONPATH} exec "$python" -m benchmarks.accelerator "$@"
