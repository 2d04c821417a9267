#!/usr/bin/env bash
# Drives a Cloud TPU pod, all its workers at once:
#   bash launch/tpu_pod.sh [--dry-run] create NAME ZONE TYPE [VERSION]       e.g. create faces us-central2-b v4-32
#   bash launch/tpu_pod.sh [--dry-run] setup NAME ZONE                       copies this checkout and installs it
#   bash launch/tpu_pod.sh [--dry-run] check NAME ZONE                       do all workers see all devices?
#   bash launch/tpu_pod.sh [--dry-run] train NAME ZONE --config=… --workdir=… starts training, in the background
#   bash launch/tpu_pod.sh [--dry-run] status NAME ZONE                      the pod, and the last lines of each worker
#   bash launch/tpu_pod.sh [--dry-run] fetch NAME ZONE DIR                   the logs of all workers, to DIR/N.log
#   bash launch/tpu_pod.sh [--dry-run] delete NAME ZONE
# The workdir must be one that all workers share (a bucket mounted by gcsfuse, or NFS). --dry-run prints the commands and
# runs none. Needs gcloud, logged in, with a project. If training hangs at its start, it was started on some workers only,
# or a firewall closes the coordinator's port (8476 by default) between them.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() { sed -n '2,9p' "$0" | cut -c3- >&2; exit 2; }
dry=
[ "${1:-}" = --dry-run ] && { dry=1; shift; }
[ $# -ge 3 ] || usage
what=$1 name=$2 zone=$3
shift 3

run() {
  if [ -n "$dry" ]; then printf '%q ' "$@"; echo; else "$@"; fi
}
tpu() { local verb=$1; shift; run gcloud compute tpus tpu-vm "$verb" "$name" --zone="$zone" "$@"; }
everywhere() { tpu ssh --worker=all --command="$1"; }

case $what in
  create)
    [ $# -ge 1 ] || usage
    tpu create --accelerator-type="$1" --version="${2:-tpu-ubuntu2204-base}" ;;
  setup)
    archive=$(mktemp -d)/fvae_jax.tar.gz
    run git archive --format=tar.gz --output="$archive" HEAD
    tpu scp "$archive" "$name:fvae_jax.tar.gz" --worker=all
    everywhere "mkdir -p fvae_jax && tar -xzf fvae_jax.tar.gz -C fvae_jax && cd fvae_jax && bash launch/worker_setup.sh" ;;
  check)
    everywhere "cd fvae_jax && .venv/bin/python -c 'import jax; jax.distributed.initialize(); print(jax.process_index(), \"of\", jax.process_count(), \"sees\", jax.device_count(), \"devices\")'" ;;
  train)
    [ $# -ge 1 ] || usage
    everywhere "cd fvae_jax && PYTHON=.venv/bin/python nohup bash launch/worker_run.sh $(printf '%q ' "$@")>> train.log 2>&1 < /dev/null &" ;;
  status)
    tpu describe --format='value(state,health)'
    everywhere 'tail -n 3 fvae_jax/train.log' ;;
  fetch)
    [ $# -ge 1 ] || usage
    run mkdir -p "$1"
    workers=2
    [ -n "$dry" ] || workers=$(gcloud compute tpus tpu-vm describe "$name" --zone="$zone" --format='value(networkEndpoints.len())')
    for ((i = 0; i < workers; i++)); do tpu scp "$name:fvae_jax/train.log" "$1/$i.log" --worker="$i"; done ;;
  delete) tpu delete --quiet ;;
  *) usage ;;
esac
