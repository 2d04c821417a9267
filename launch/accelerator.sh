#!/usr/bin/env bash
# Tests and measures on one accelerator, without network: bash launch/accelerator.sh [--out DIR] [--minutes N] [--small] [--dry-run]
# Takes the Python of the machine, with jax, flax, optax, orbax-checkpoint, OpenCV, SciPy, Pillow, matplotlib and pytest in it.
# What else it needs may lie as wheels in the folder .wheels (12 MB), made where there is a network:
#   pip wheel --no-deps -w .wheels absl-py ml_collections safetensors grain portpicker cloudpickle more_itertools array_record \
#     tensorflow-datasets tensorflow-metadata googleapis-common-protos protobuf etils dm-tree immutabledict promise six wrapt \
#     termcolor toml simple_parsing docstring_parser psutil requests charset-normalizer idna urllib3 certifi tensorboardX \
#     importlib_resources
set -euo pipefail
cd "$(dirname "$0")/.."

python=${PYTHON:-python3}
if [ -d "${WHEELS:=.wheels}" ]; then
  "$python" -m pip install --quiet --no-index --no-deps --upgrade --target build/wheels "$WHEELS"/*.whl
  export PYTHONPATH=$PWD/build/wheels${PYTHONPATH:+:$PYTHONPATH}
fi
PYTHONPATH=tests:.${PYTHONPATH:+:$PYTHONPATH} exec "$python" -m benchmarks.accelerator "$@"
