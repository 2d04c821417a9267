#!/usr/bin/env bash
# Makes .venv if it is missing and builds the site of the texts and the API reference: bash launch/docs.sh [FOLDER]
# The folder is build/site unless given; open its index.html.
set -euo pipefail
cd "$(dirname "$0")/.."
source launch/environment.sh
environment docs
exec python launch/build_site.py "$@"
