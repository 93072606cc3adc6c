"""model=pyg: model classes, of torch_geometric by name or any by path, as native models of this engine."""

import inspect
from importlib import import_module
from operator import attrgetter
from typing import Any

import torch
import torch_geometric.nn.models
from torch import nn

from heddle.errors import ConfigError, nearest, problem
from heddle.nn.model import ModelSpec
from heddle_pyg.models.native_model import NativeModel, native_model
from heddle_pyg.options import PygModelOptions

_KNOWN = {"in_channels", "hidden_channels", "out_channels", "num_layers", "depth"}
_PNA = {"aggregators": ["mean", "min", "max", "std"], "scalers": ["identity"], "deg": [0, 1]}
"""PNA without scaling by degree: its histogram `deg` belongs to the data, so who wants scalers passes it."""


def build(options: PygModelOptions, model_spec: ModelSpec) -> NativeModel:
    """Return the class that the `model` node names, with a head for what `model_spec` asks.

    The class gets in_channels, hidden_channels, num_layers (or depth), out_channels, dropout, act and jk, as far as
    its constructor knows them, and then `kwargs`. For node tasks it answers itself; for graphs and links it ends in
    `hidden` columns, which a head reads out or multiplies.

    Raises:
        ConfigError: an unknown class, with the nearest name; one that wants other arguments or gives other results.
    """
    cls, hidden = model_class(options.cls), options.hidden
    known = inspect.signature(cls.__init__).parameters
    kwargs = dict(options.kwargs)
    if cls.__name__ == "PNA":
        kwargs = _PNA | kwargs
        kwargs["deg"] = torch.as_tensor(kwargs["deg"])
    if model_spec.relations and cls.__name__ == "GAT":
        kwargs.setdefault("add_self_loops", False)  # there are none between two types

    def make(in_dim: int, out_dim: int) -> nn.Module:
        layers = options.layers
        activation = None if options.activation == "none" else options.activation
        given: dict[str, Any] = {"in_channels": in_dim, "hidden_channels": hidden, "out_channels": out_dim}
        given |= {"num_layers": layers, "depth": layers, "dropout": options.dropout}
        given |= {"act": activation, "jk": options.jk}
        arguments = {name: value for name, value in given.items() if name in known} | kwargs
        try:
            return cls(**arguments)
        except (TypeError, ValueError, AssertionError) as error:
            raise ConfigError(
                f"model.cls={cls.__name__}: it refused {arguments}: {error}; set model.kwargs"
            ) from error

    model = native_model(make, model_spec, hidden, options.readout, "edge_dim" in kwargs)
    if model_spec.relations:
        with torch.random.fork_rng(devices=[]):
            model.module()  # whether the class can be made heterogeneous is checked before processes are started
    return model


def model_class(name: str) -> type[nn.Module]:
    """Return the class that `model.cls` names, checked to turn node features into node features.

    Args:
        name: of a class of torch_geometric.nn.models, or "module:Class" of any module that can be imported.

    Raises:
        ConfigError: unknown, or a class that wants something else.
    """
    if ":" in name:
        return _imported(name)
    classes = {
        key: value
        for key, value in vars(torch_geometric.nn.models).items()
        if inspect.isclass(value) and issubclass(value, nn.Module)
    }
    fitting = [key for key, value in classes.items() if not _unfit(value)]
    if name not in classes:
        same = [f"; did you mean {key!r}?" for key in fitting if key.casefold() == name.casefold()]
        hint = same[0] if same else nearest(name, fitting) or ";"
        raise ConfigError(f"model.cls={name} is unknown{hint} classes: {', '.join(fitting)}")
    if name not in fitting:
        raise ConfigError(f"model.cls={name}: {_unfit(classes[name])}; classes: {', '.join(fitting)}")
    return classes[name]


def _imported(path: str) -> type[nn.Module]:
    """Return the class at "module:Class". Raises ConfigError: there is none, or it wants something else."""
    module, _, qualified = path.partition(":")
    try:
        cls = attrgetter(qualified)(import_module(module))
    except (ImportError, AttributeError, ValueError) as error:
        do = "check the path; it has to be importable from here"
        raise ConfigError(problem("model.cls", f"{path} ({error})", "MODULE:CLASS", do)) from error
    if not (inspect.isclass(cls) and issubclass(cls, nn.Module)):
        raise ConfigError(
            problem("model.cls", f"{path}, a {type(cls).__name__}", "a torch.nn.Module", "name it")
        )
    if reason := _unfit(cls):
        raise ConfigError(f"model.cls={path}: {reason}; see model.kwargs for arguments with a default")
    return cls


def _unfit(cls: type[nn.Module]) -> str:
    """Say what keeps a class from turning node features into node features, "" if nothing does."""
    constructor, forward = (
        inspect.signature(function).parameters for function in (cls.__init__, cls.forward)
    )
    if not {"in_channels", "hidden_channels"} <= set(constructor):
        return "found no arguments in_channels and hidden_channels, expected them"
    if not {"x", "edge_index"} <= set(forward):
        return f"its forward takes {', '.join(list(forward)[1:])}, expected x, edge_index"
    for parameters, known in ((constructor, _KNOWN), (forward, {"x", "edge_index", "batch"})):
        wanted = [
            p.name for p in parameters.values() if p.default is p.empty and p.kind == p.POSITIONAL_OR_KEYWORD
        ]
        unknown = [name for name in wanted if name not in known and name != "self"]
        if unknown:
            return f"it needs {', '.join(unknown)}, which a run can't give it"
    return ""
