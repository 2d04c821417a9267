"""Edits: Algorithms 1 and 2 on aligned crops (`model`, `latent`) and on whole photos (`editor`)."""
