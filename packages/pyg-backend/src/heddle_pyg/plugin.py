"""Describes this package to Heddle; the heavy code is named by strings and loaded on use."""

from heddle.hookspecs import BackendInfo, Key, ModelInfo, hookimpl

PLUGIN_API = (1, 0)


@hookimpl
def heddle_backends():
    return [
        BackendInfo(
            "pyg",
            summary="PyTorch Geometric: autograd, neighbour sampling, DDP",
            loader="heddle_pyg.backend:PygBackend",
            needs=("torch", "torch_geometric"),
            keys={
                "precision": Key(str, choices=("float32", "float64", "bfloat16")),
                "kernel": Key(str, choices=("auto", "heddle", "torch")),
                "threads": Key(int, null=True, least=1),
            },
            capabilities=("any shapes", "trains in parallel", "trains scripts", "exports", "states kernels"),
            rank=1,
        )
    ]


@hookimpl
def heddle_models():
    return [
        ModelInfo(
            "pyg",
            summary="a model class of torch_geometric by name: model.cls=GraphSAGE",
            loader="heddle_pyg.models:build",
            backends=("pyg",),
            needs=("torch", "torch_geometric"),
            capabilities=("homogeneous", "relations"),
        )
    ]


@hookimpl
def heddle_config_paths():
    return ["pkg://heddle_pyg.conf"]
