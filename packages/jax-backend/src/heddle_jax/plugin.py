"""Describes this package to Heddle; the heavy code is named by strings and loaded on use."""

from heddle.hookspecs import BackendInfo, Key, hookimpl

PLUGIN_API = (1, 0)


@hookimpl
def heddle_backends():
    return [
        BackendInfo(
            "jax",
            summary="XLA: jit, pmap and shard_map",
            loader="heddle_jax.backend:JaxBackend",
            needs=("jax",),
            keys={
                "precision": Key(str, choices=("float32", "float64", "bfloat16")),
                "kernel": Key(str, choices=("auto", "heddle", "xla")),
            },
            capabilities=("shards graphs", "states kernels"),
        )
    ]


@hookimpl
def heddle_config_paths():
    return ["pkg://heddle_jax.conf"]
