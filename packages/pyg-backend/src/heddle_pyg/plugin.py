"""Describes this package to Heddle; the heavy code is named by strings and loaded on use."""

from heddle.engines.hookspecs import BackendInfo, ModelInfo, hookimpl

PLUGIN_API = (1, 0)


@hookimpl
def heddle_backends():
    return [
        BackendInfo(
            "pyg",
            summary="PyTorch Geometric: autograd, neighbour sampling, DDP",
            loader="heddle_pyg.backend:PygBackend",
            needs=("torch", "torch_geometric"),
            options="heddle_pyg.options:PygOptions",
            capabilities=(
                "any shapes",
                "trains in parallel",
                "trains scripts",
                "exports",
                "states kernels",
                "sparse gradients",
            ),
            rank=1,
        )
    ]


@hookimpl
def heddle_models():
    return [
        ModelInfo(
            "pyg",
            summary="a model class of torch_geometric by name: model.cls=GraphSAGE",
            loader="heddle_pyg.models.named:build",
            options="heddle_pyg.options:PygModelOptions",
            recommends={"optim.lr": 0.01, "optim.weight_decay": 5e-4},
            backends=("pyg",),
            needs=("torch", "torch_geometric"),
            capabilities=("homogeneous", "relations"),
        )
    ]
