#!/usr/bin/env bash
# Makes .venv with the tested versions, once: `source launch/environment.sh [EXTRA]`, from the repository root.
# It is made again when setup.cfg or launch/constraints.txt change. PYTHON chooses the interpreter.

environment() {
  local extra=${1:-} stamp
  stamp=.venv/.installed$extra-$(cat setup.cfg pyproject.toml launch/constraints.txt | cksum | cut -d' ' -f1)
  if [ ! -e "$stamp" ]; then
    [ -x .venv/bin/python ] || "${PYTHON:-python3}" -m venv .venv
    echo "installing fvae_jax${extra:+[$extra]} into .venv (about 1.9 GB, a minute or two)"
    .venv/bin/python -m pip install --quiet --constraint launch/constraints.txt --editable ".${extra:+[$extra]}"
    rm -f .venv/.installed"$extra"-*
    touch "$stamp"
  fi
  export PATH="$PWD/.venv/bin:$PATH"
}
