"""Describes this package to Heddle; the heavy code is named by strings and loaded on use."""

from heddle.hookspecs import BackendInfo, hookimpl

PLUGIN_API = (1, 0)


@hookimpl
def heddle_backends():
    return [
        BackendInfo(
            "dgl-dynamic",
            summary="DynaGraph: dynamic GNNs with cached message passing",
            loader="heddle_dgl.backend:DglBackend",
            needs=("torch",),
        )
    ]


@hookimpl
def heddle_config_paths():
    return ["pkg://heddle_dgl.conf"]
