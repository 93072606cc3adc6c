"""Describes this package to Heddle; the heavy code is named by strings and loaded on use."""

from heddle.engines.hookspecs import BackendInfo, hookimpl

PLUGIN_API = (1, 0)


@hookimpl
def heddle_backends():
    return [
        BackendInfo(
            "jax",
            summary="XLA: jit, pmap and shard_map",
            loader="heddle_jax.backend:JaxBackend",
            needs=("jax",),
            options="heddle_jax.options:JaxOptions",
            capabilities=("shards graphs", "states kernels", "compiles"),
        )
    ]
