"""A model for other programs: as ONNX (`onnx`, `graph`), as StableHLO (`stablehlo`), as a web page (`web`).

`functions` says in JAX what every export computes, `facts` what is told beside it, `check` runs an export by its own
runtime and compares, `folder` writes it whole or not at all, `demo` serves the page.
"""

import os

# Imported without this, onnxruntime writes a device id under the user's cache and looks up a host for telemetry.
os.environ['ORT_DISABLE_TELEMETRY'] = '1'
