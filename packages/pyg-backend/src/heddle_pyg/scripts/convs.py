"""Convs: one of PyG's convolutions for a relation, from its class, its name or a function."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch_geometric.nn
from torch import nn

from heddle.errors import ConfigError, nearest

Conv = str | type[nn.Module] | Callable[[int, int], nn.Module]


def make_conv(conv: Conv, in_dim: int, out_dim: int, options: Mapping[str, Any] = {}) -> nn.Module:
    """Return a conv from senders and receivers, both of `in_dim` columns, to `out_dim` columns, tried out once.

    Args:
        conv: the name of a class of torch_geometric.nn ("GATConv"), such a class, or (in_dim, out_dim) -> module.
        options: further arguments of the class. Loops aren't added unless they say so: there are none between types.

    Raises:
        ConfigError: an unknown name; a class that wants other arguments, or can't go from one type to another.
    """
    conv = _named(conv) if isinstance(conv, str) else conv
    name = getattr(conv, "__name__", type(conv).__name__)
    try:
        made = _made(conv, in_dim, out_dim, options) if inspect.isclass(conv) else conv(in_dim, out_dim)
        made.eval()
        with torch.no_grad():
            ends = torch.ones(3, in_dim), torch.ones(2, in_dim)
            result = made(ends, torch.tensor([[0, 2], [1, 1]]))
        made.train()
    except (TypeError, ValueError, RuntimeError, AssertionError, AttributeError, IndexError) as error:
        raise ConfigError(
            f"conv {name}: it failed between 3 senders and 2 receivers of {in_dim} columns: {error}; choose one that "
            "takes (x_source, x_target), such as SAGEConv, GATv2Conv, GraphConv or GINConv, or set conv_options"
        ) from error
    if tuple(result.shape) != (2, out_dim):
        raise ConfigError(
            f"conv {name}: it gives {tuple(result.shape)} for 2 receivers, expected (2, {out_dim}); set conv_options, "
            "e.g. concat=False"
        )
    return made


def _named(name: str) -> type[nn.Module]:
    known = {key: value for key, value in vars(torch_geometric.nn).items() if key.endswith("Conv")}
    if name not in known:
        raise ConfigError(
            f"conv: found {name!r}, expected a class of torch_geometric.nn such as 'SAGEConv'"
            f"{nearest(name, list(known))}"
        )
    return known[name]


def _made(cls: Any, in_dim: int, out_dim: int, options: Mapping[str, Any]) -> nn.Module:
    known = inspect.signature(cls.__init__).parameters
    given = dict(options)
    if "add_self_loops" in known:
        given.setdefault("add_self_loops", False)
    if "nn" in known and "nn" not in given:
        hidden = nn.Sequential(nn.Linear(in_dim, out_dim), nn.ReLU(), nn.Linear(out_dim, out_dim))
        return cls(hidden, **given)
    return cls((in_dim, in_dim), out_dim, **given)
