"""Files that come with the package and are no code: the built-in model with its card, the detector of faces, a licence.

`bundle.built_in` finds the model; `launch/ship_model.py` puts a run's model here. `data.detect` runs the detector;
`launch/vendor_page.py` makes it.
"""
