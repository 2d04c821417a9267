"""Files that come with the package and are no code: the built-in model, `faces.safetensors`, and its model card.

`bundle.built_in` finds the model; `launch/ship_model.py` puts a run's model here.
"""
