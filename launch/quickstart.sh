#!/usr/bin/env bash
# Installs fvae_jax into .venv, trains configs/synthetic.py for a few minutes, and edits a photo by the model that comes
# with the package: bash launch/quickstart.sh
set -euo pipefail
cd "$(dirname "$0")/.."
source launch/environment.sh
environment demo

python -m fvae_jax.main --config=configs/synthetic.py --workdir=runs/quickstart "$@"

# NASA's portrait of Eileen Collins, in the public domain.
photo=runs/quickstart/astronaut.png smiling=runs/quickstart/astronaut_smiling.png
mkdir -p runs/quickstart
python -c "from PIL import Image; from skimage import data; Image.fromarray(data.astronaut()).save('$photo')"
fvae edit $photo --smile 1 --out $smiling --overwrite

cat <<END

Done. To look at:
  $smiling    a photo, edited by the built-in model; the photo itself is $photo
  runs/quickstart/samples/test.png    people whom the training never saw: source, warped, target, flow
  runs/quickstart/evaluation.json     the numbers, beside those of copying the source
  tensorboard --logdir runs/quickstart/tensorboard    (pip install tensorboard) the curves
Next: a photo of yours (source .venv/bin/activate; fvae edit me.jpg --smile 1 --out smiling.png), or a model from your
own photos, see README.md, "Own data".
END
