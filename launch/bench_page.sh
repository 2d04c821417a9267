#!/usr/bin/env bash
# Measures the web page in headless Chromium beside its targets: bash launch/bench_page.sh
# Status 1 if a target is missed. Leave the machine alone meanwhile.
set -euo pipefail
cd "$(dirname "$0")/.."
source launch/environment.sh
environment test

PYTHONPATH=tests:. exec python -m benchmarks.page "$@"
