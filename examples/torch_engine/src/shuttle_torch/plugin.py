"""Describes this package to Heddle; light, since it is imported by every `heddle` command."""

from heddle.engines.hookspecs import BackendInfo, hookimpl

PLUGIN_API = (1, 0)


@hookimpl
def heddle_backends():
    return [
        BackendInfo(
            "shuttle",
            "torch, by heddle-torch",
            "shuttle_torch.engine:ShuttleBackend",
            needs=("torch",),
            options="shuttle_torch.options:ShuttleOptions",
            capabilities=("any shapes", "states kernels"),
        )
    ]
