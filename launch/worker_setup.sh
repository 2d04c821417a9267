#!/usr/bin/env bash
# Makes .venv on a worker of a TPU pod: bash launch/worker_setup.sh
# Images of TPU machines have an older Python than 3.11, or none that can make an environment: then uv brings one.
set -euo pipefail
cd "$(dirname "$0")/.."
source launch/environment.sh

export PATH="$PWD/.uv/bin:$PATH"
find_python >/dev/null || command -v uv >/dev/null || python3 -m pip install --quiet --target .uv uv
environment train
.venv/bin/python -m pip install --quiet --constraint launch/constraints.txt 'jax[tpu]'
