"""Describes this package to Heddle; light, since it is imported by every `heddle` command."""

from heddle.hookspecs import BackendInfo, ModelInfo, hookimpl

PLUGIN_API = (1, 0)


@hookimpl
def heddle_backends():
    return [BackendInfo("loom", "numpy alone, gradients by a tape", "loom_numpy.engine:LoomBackend")]


@hookimpl
def heddle_models():
    return [ModelInfo("sgc", "simple graph convolution (Wu et al. 2019)", "loom_numpy.sgc:sgc")]


@hookimpl
def heddle_config_paths():
    return ["pkg://loom_numpy.conf"]
