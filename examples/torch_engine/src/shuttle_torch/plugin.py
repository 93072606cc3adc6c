"""Describes this package to Heddle; light, since it is imported by every `heddle` command."""

from heddle.hookspecs import BackendInfo, Key, hookimpl

PLUGIN_API = (1, 0)


@hookimpl
def heddle_backends():
    keys = {"precision": Key(str, choices=("float32", "float64"))}
    return [
        BackendInfo(
            "shuttle",
            "torch, by heddle-torch",
            "shuttle_torch.engine:ShuttleBackend",
            needs=("torch",),
            keys=keys,
            capabilities=("any shapes", "states kernels"),
        )
    ]


@hookimpl
def heddle_config_paths():
    return ["pkg://shuttle_torch.conf"]
