"""The JAX engine: XLA, jit, graphs sharded over devices, and Jraph's own names. See README.md.

    import heddle, heddle_jax

    engine = heddle_jax.JaxBackend(heddle_jax.JaxOptions())
    graph = engine.to_native(heddle.from_edge_list([(0, 1), (1, 2)]))  # a GraphsTuple of JAX arrays

JaxBackend      the engine of `backend=jax`; JaxOptions: its keys
JaxOps          the primitives, inside jit, grad, vmap and shard_map: `layer.apply(JaxOps(), ...)`
jax_model       a user's own model (Flax, Haiku, Equinox, or init and apply) for a model plugin: a JaxModel
jraph_api       Jraph's names: `from heddle_jax import jraph_api as jraph`

JAX is imported when one of these is used.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
