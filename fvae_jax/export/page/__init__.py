"""The page that edits photos in a browser: plain files, copied as they are, with no build step.

`app/` has a module for each subject; everything that computes with the networks runs in `app/worker.js`. `vendor/` has
what others made: onnxruntime-web 1.30.0 (plain WASM, compressed). `web` puts the face detector YuNet (2023mar), which
commands use as well, beside it from `fvae_jax/assets`.
"""
