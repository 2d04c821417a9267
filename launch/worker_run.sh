#!/usr/bin/env bash
# What runs on each worker of a TPU pod, from the repository's folder there: bash launch/worker_run.sh --config=… --workdir=RUN …
# Trains, and starts again where the run left off when a signal stopped or killed it or another worker was lost (status 75, or
# 128 and more), up to FVAE_RESTARTS times (10). May itself be run again after a preemption. The workdir must be one that all workers share.
set -euo pipefail
cd "$(dirname "$0")/.."

restarts=${FVAE_RESTARTS:-10}
for ((try = 0; ; try++)); do
  status=0
  "${PYTHON:-python3}" -m fvae_jax.main --distributed "$@" || status=$?
  { [ "$status" = 75 ] || [ "$status" -ge 128 ]; } && [ "$try" -lt "$restarts" ] || exit "$status"
  echo "worker: status $status, this process was stopped or another is gone; start $((try + 1)) of $restarts follows" >&2
  sleep "${FVAE_RESTART_PAUSE:-10}"
done
