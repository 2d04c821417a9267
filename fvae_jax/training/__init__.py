"""Training: `experiment` is the entry, `loop` the loop, `parallel` all that knows of devices."""
