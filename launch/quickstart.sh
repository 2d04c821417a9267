#!/usr/bin/env bash
# Installs fvae_jax into .venv, trains configs/synthetic.py for a few minutes, and edits a photo by the model that comes
# with the package: bash launch/quickstart.sh
set -euo pipefail
cd "$(dirname "$0")/.."
source launch/environment.sh
environment demo,train

python -m fvae_jax.main --config=configs/synthetic.py --workdir=runs/quickstart "$@"

# The average of many faces (DeBruine 2016, CC BY 4.0).
photo=docs/composite_face.jpg smiling=runs/quickstart/smiling.png
mkdir -p runs/quickstart
fvae edit $photo --smile 1 --out $smiling --overwrite

cat <<END

Done. To look at:
  $smiling    a photo, edited by the built-in model; the photo itself is $photo
  runs/quickstart/samples/test.png    people whom the training never saw: source, warped, target, flow
  runs/quickstart/evaluation.json     the numbers, beside those of copying the source
  tensorboard --logdir runs/quickstart/tensorboard    (pip install tensorboard) the curves
Next: a photo of yours (source .venv/bin/activate; fvae edit me.jpg --smile 1 --out smiling.png), or a model from your
own photos, see docs/training.md, "Own data".
END
