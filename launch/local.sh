#!/usr/bin/env bash
# Trains in several processes on this machine, joined over loopback: bash launch/local.sh -n 2 --config=… --workdir=RUN …
# What follows -n N goes to `python -m fvae_jax.main --distributed`. Process 0 writes to the terminal, the others to
# RUN/processes/N.log. When one process ends badly the others are ended too; the status is that of the one whose fault it
# was: 75 means that the same command goes on with the run, also after a process was killed.
set -euo pipefail

usage() { sed -n '2,3p' "$0" | cut -c3- >&2; exit 2; }
[ "${1:-}" = -n ] && [[ "${2:-}" =~ ^[1-9][0-9]*$ ]] || usage
count=$2
shift 2

workdir=
for argument in "$@"; do case $argument in --workdir=*) workdir=${argument#*=} ;; esac; done
[ -n "$workdir" ] || { echo "error: --workdir=RUN is missing; all processes share it" >&2; exit 2; }
mkdir -p "$workdir/processes"

python=${PYTHON:-python3}
port=$("$python" -c "import socket; s = socket.socket(); s.bind(('127.0.0.1', 0)); print(s.getsockname()[1])")
export FVAE_COORDINATOR=127.0.0.1:$port FVAE_PROCESSES=$count

processes=()
stop_all() { for process in "${processes[@]}"; do kill -"$1" "$process" 2>/dev/null || true; done; }
trap 'stop_all TERM' TERM INT

for ((i = 0; i < count; i++)); do
  if [ "$i" = 0 ]; then
    FVAE_PROCESS=0 "$python" -m fvae_jax.main --distributed "$@" &
  else
    FVAE_PROCESS=$i "$python" -m fvae_jax.main --distributed "$@" > "$workdir/processes/$i.log" 2>&1 &
  fi
  processes+=($!)
done

# A signal interrupts `wait` and ends with a status above 128: then the processes are still saving.
status=0 first=0
left=$count
while [ "$left" -gt 0 ]; do
  ended=0
  wait -n -p which "${processes[@]}" || ended=$?
  [ -n "${which:-}" ] || continue
  left=$((left - 1))
  remaining=()
  for process in "${processes[@]}"; do [ "$process" = "$which" ] || remaining+=("$process"); done
  processes=(${remaining[@]+"${remaining[@]}"})
  # One that lost another may be noticed before the one that it lost: whose end has another status than 75 tells the fault.
  if [ "$first" = 75 ] && [ "$ended" != 0 ] && [ "$ended" -lt 128 ]; then
    status=$ended
  fi
  if [ "$ended" != 0 ] && [ "$first" = 0 ]; then
    first=$ended status=$((ended < 128 ? ended : 75))
    [ "$ended" -lt 128 ] || echo "local.sh: a process ended by signal $((ended - 128)); the others end, and the same command" \
      "goes on from the newest checkpoint" >&2
    # Those that can tell why they end do so within a minute; what hangs is ended.
    ( sleep 60; stop_all KILL ) 2>/dev/null &
    reaper=$!
  fi
done
[ -z "${reaper:-}" ] || kill "$reaper" 2>/dev/null || true
exit "$status"
