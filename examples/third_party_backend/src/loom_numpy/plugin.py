"""Describes this package to Heddle; light, since it is imported by every `heddle` command."""

from heddle.hookspecs import BackendInfo, Key, ModelInfo, hookimpl

PLUGIN_API = (1, 0)


@hookimpl
def heddle_backends():
    keys = {"precision": Key(str, choices=("float32", "float64"))}
    return [
        BackendInfo(
            "loom",
            "numpy alone, gradients by a tape",
            "loom_numpy.engine:LoomBackend",
            keys=keys,
            capabilities=("any shapes",),
        )
    ]


@hookimpl
def heddle_models():
    keys = {"hops": Key(int, least=0), "hidden": Key(int, least=1), "dropout": Key(float, least=0, below=1)}
    return [
        ModelInfo(
            "sgc",
            "simple graph convolution (Wu et al. 2019)",
            "loom_numpy.sgc:sgc",
            keys=keys,
            capabilities=("homogeneous",),
        )
    ]


@hookimpl
def heddle_config_paths():
    return ["pkg://loom_numpy.conf"]
