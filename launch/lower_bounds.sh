#!/usr/bin/env bash
# Runs the quick tests with the lowest version of each dependency that setup.cfg allows, in .venv-lower:
# bash launch/lower_bounds.sh [pytest arguments]. PYTHON chooses the interpreter; the lowest is Python 3.11.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3.11}
"$python" launch/lower_bounds.py
stamp=.venv-lower/.installed-$(cat setup.cfg pyproject.toml launch/lower-bounds.txt | cksum | cut -d' ' -f1)
if [ ! -e "$stamp" ]; then
  [ -x .venv-lower/bin/python ] || "$python" -m venv .venv-lower
  echo "installing fvae_jax[test] into .venv-lower (about 2 GB, a minute or two)"
  .venv-lower/bin/python -m pip install --quiet --constraint launch/lower-bounds.txt --editable '.[test]'
  rm -f .venv-lower/.installed-*
  touch "$stamp"
fi
# Compiled programs of another JAX are of no use. Old versions warn of what newer ones have mended; that is no error here.
export PATH="$PWD/.venv-lower/bin:$PATH" JAX_COMPILATION_CACHE_DIR="${JAX_COMPILATION_CACHE_DIR:-$PWD/.cache/xla-lower}"
exec python -m pytest -m "not slow" -n 2 -W default "$@"
