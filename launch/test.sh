#!/usr/bin/env bash
# Makes .venv if it is missing and runs the tests: bash launch/test.sh [pytest arguments]
# Long tests are marked slow and left out by default: bash launch/test.sh -m slow
set -euo pipefail
cd "$(dirname "$0")/.."
source launch/environment.sh
environment test

case " $* " in *" -m "*) select=() ;; *) select=(-m "not slow") ;; esac
exec python -m pytest "${select[@]}" -n 2 "$@"
