"""Pure image maths on arrays: no parameters, no state, nothing of the model.

The conventions for images, flows and displacements stand in `warp`.
"""
