#!/usr/bin/env bash
# Makes .venv with the tested versions, once: `source launch/environment.sh; environment [EXTRA]`, from the repository root.
# It is made again when setup.cfg or launch/constraints.txt change. PYTHON chooses the interpreter, from 3.11 on; without it
# the first that is new enough is taken, or else one that `uv` brings.

# Prints the first Python that is new enough and can make an environment.
find_python() {
  local python
  for python in ${PYTHON:-python3 python3.11 python3.12 python3.13}; do
    if "$python" -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      echo "$python"
      return
    fi
  done
  return 1
}

make_venv() {
  local python
  if python=$(find_python); then
    "$python" -m venv --clear "$1"
  elif [ -z "${PYTHON:-}" ] && command -v uv >/dev/null; then
    uv venv --quiet --seed --clear --python 3.11 "$1"
  else
    python=${PYTHON:-python3}
    echo "error: $python is $("$python" --version 2>/dev/null || echo missing), or it lacks ensurepip; fvae_jax needs Python 3.11" \
      "or newer: install it (Debian, Ubuntu: apt-get install python3.11-venv) and name it, PYTHON=python3.11, or install uv" >&2
    return 1
  fi
}

environment() {
  local extra=${1:-} stamp
  stamp=.venv/.installed$extra-$(cat setup.cfg pyproject.toml launch/constraints.txt | cksum | cut -d' ' -f1)
  if [ ! -e "$stamp" ]; then
    .venv/bin/python -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || make_venv .venv || return 1
    echo "installing fvae_jax${extra:+[$extra]} into .venv (about 2 GB, a minute or two)"
    .venv/bin/python -m pip install --quiet --constraint launch/constraints.txt --editable ".${extra:+[$extra]}"
    rm -f .venv/.installed"$extra"-*
    touch "$stamp"
  fi
  export PATH="$PWD/.venv/bin:$PATH"
}
