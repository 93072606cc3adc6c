"""convert: a torch_geometric model with its R-GCN convolutions in this package's place, on the same Parameters."""

from typing import Any

from torch import nn
from torch_geometric.nn import FastRGCNConv
from torch_geometric.nn import RGCNConv as TheirRGCNConv

from heddle_pyg.layers.rgcn import AGGREGATIONS, RGCNConv


def convert(model: nn.Module, plan: str = "auto") -> nn.Module:
    """Swap every RGCNConv and FastRGCNConv of torch_geometric's within `model` for ours, in place, and return it.

    Parameters are shared, not copied, so an optimiser that was made before goes on, and keys of the state_dict stay. A
    module that is used in several places stays one. What we don't compute stays as it is: other aggregations than mean
    and sum, messages against the edges, subclasses. Hooks of a swapped module are not taken over. torch_geometric
    itself is not touched.

    Args:
        plan: one of `heddle.ops.relational.plan.PLANS` but "loop".

    Returns: `model`, or the converted module if it is an RGCNConv itself.
    """
    made: dict[nn.Module, RGCNConv] = {}

    def ours(module: nn.Module) -> nn.Module:
        if module not in made:
            made[module] = _like(module, plan)
        return made[module]

    if _converts(model):
        return ours(model)
    for parent in list(model.modules()):
        for name, child in list(parent._modules.items()):  # named_children tells one name of each
            if child is not None and _converts(child):
                setattr(parent, name, ours(child))
    return model


def _converts(module: nn.Module) -> bool:
    if type(module) not in (TheirRGCNConv, FastRGCNConv):
        return False
    conv: Any = module
    return conv.aggr in AGGREGATIONS and conv.flow == "source_to_target"


def _like(module: Any, plan: str) -> RGCNConv:
    conv = RGCNConv(
        module.in_channels,
        module.out_channels,
        module.num_relations,
        module.num_bases,
        module.num_blocks,
        module.aggr,
        module.root is not None,
        module.bias is not None,
        plan,
    )
    for name in ("weight", "comp", "root", "bias"):
        setattr(conv, name, getattr(module, name))
    return conv.train(module.training)
