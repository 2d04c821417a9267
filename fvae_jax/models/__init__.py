"""The networks, Flax modules and nothing else; `networks` builds that of a config."""
