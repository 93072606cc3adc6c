"""Jraph's folder of this name: `from heddle_jax.jraph_api.experimental import sharded_graphnet`."""
