#!/usr/bin/env bash
# Builds the source archive and, from it, the wheel; installs the wheel into an environment of its own, edits a photo there,
# adds the extras and runs the quick tests of the archive, from another folder and with no sources of the package beside
# them: bash launch/check_wheel.sh
# PYTHON chooses the interpreter; it needs the package `build`.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

"$python" -m build --outdir "$folder/dist" . >"$folder/build.log" 2>&1 || { tail -n 30 "$folder/build.log" >&2; exit 1; }
mkdir "$folder/sources"
tar -xzf "$folder"/dist/*.tar.gz -C "$folder/sources" --strip-components 1
"$python" -c '
import fnmatch, pathlib, sys, zipfile
sources, wheel = sys.argv[1:]
missing = [name for name in ("tests/conftest.py", "configs/faces.py", "launch/constraints.txt", "launch/colab_demo.ipynb", "docs/*.png", "docs/*.md", "examples/*.py",
                             "README.md", "WORKSPACE.md", "CHANGELOG.md", "CONTRIBUTING.md", "CITATION.cff", "LICENSE", ".ci/run")
           if not list(pathlib.Path(sources).glob(name))]
names = zipfile.ZipFile(wheel).namelist()
missing += [pattern for pattern in ("assets/faces.safetensors", "assets/MODEL_CARD.md", "assets/yunet.onnx", "assets/LICENSE-yunet.txt", "py.typed", "evaluation/report/*.html",
                                    "evaluation/study/*.js", "export/page/index.html", "export/page/vendor/ort*.wasm.gz") if not fnmatch.filter(names, "fvae_jax/" + pattern)]
outside = [name for name in names if not name.startswith(("fvae_jax/", "fvae_jax-"))]
sys.exit(f"missing: {missing}, in the wheel by mistake: {outside}" if missing or outside else 0)
' "$folder/sources" "$folder"/dist/*.whl

"$python" -m venv "$folder/venv"
install() { "$folder/venv/bin/python" -m pip install --quiet --constraint launch/constraints.txt "$1"; }
megabytes() { du -sm "$folder/venv" | cut -f1; }
photo=$PWD/docs/composite_face.jpg

# Who edits gets no more than editing takes, and a message says what the rest takes.
install "$(echo "$folder"/dist/*.whl)"
"$folder/venv/bin/python" -m pip check
(
  cd "$folder"
  unset PYTHONPATH
  venv/bin/fvae edit "$photo" --smile 1 --steps 2 --show-flow --show-mask --out steps.png
  venv/bin/fvae interpolate "$photo" "$photo" --frames 2 --out film.mp4
  told=$(venv/bin/fvae figure7 "$photo" --smile 1 --out figure7.png 2>&1) && exit 1
  case $told in *"fvae-jax[train]"*) ;; *) echo "$told" >&2; exit 1 ;; esac
)
echo "plain: $(megabytes) MB, $("$folder/venv/bin/python" -m pip list 2>/dev/null | tail -n +3 | wc -l) packages"

install "$(echo "$folder"/dist/*.whl)[test]"
"$folder/venv/bin/python" -m pip check
echo "with all extras for tests: $(megabytes) MB"
export JAX_COMPILATION_CACHE_DIR="${JAX_COMPILATION_CACHE_DIR:-$PWD/.cache/xla}"
# test_repository.py, test_api.py and test_site.py look at the sources themselves.
rm -rf "$folder/sources/fvae_jax" "$folder/sources/fvae_jax.egg-info"
cd "$folder/sources"
unset PYTHONPATH
"$folder/venv/bin/python" -c '
import pathlib, sys, fvae_jax
assert pathlib.Path(fvae_jax.__file__).is_relative_to(sys.prefix), fvae_jax.__file__
print("expressions:", ", ".join(fvae_jax.load().expressions))'
"$folder/venv/bin/fvae" --version
"$folder/venv/bin/python" -m pytest -q -n 2 -m "not slow" -p no:cacheprovider tests/ops tests/models tests/editing tests/cli \
  tests/test_bundle.py tests/test_cache.py tests/test_config.py tests/test_losses.py tests/test_main.py tests/test_runtime.py
