#!/usr/bin/env bash
# Installs fvae_jax into .venv and trains configs/synthetic.py for a few minutes: bash launch/quickstart.sh
set -euo pipefail
cd "$(dirname "$0")/.."
source launch/environment.sh
environment

python -m fvae_jax.main --config=configs/synthetic.py --workdir=runs/quickstart "$@"

cat <<'END'

Done. To look at:
  runs/quickstart/samples/test.png    people whom the training never saw: source, warped, target, flow
  runs/quickstart/evaluation.json     the numbers, beside those of copying the source
  tensorboard --logdir runs/quickstart/tensorboard    (pip install tensorboard) the curves
Next: your own photos, see README.md, "Own data".
END
