"""HeteroEncoder: a homogeneous module turned into one over relations by PyG's to_hetero."""

import re
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch_geometric.nn import to_hetero

from heddle.errors import ConfigError
from heddle.graphs.graph import EdgeType
from heddle.nn.model import ModelSpec
from heddle_pyg.models.native_inputs import NativeInputs


class HeteroEncoder(nn.Module):
    """Every type's features go through a linear layer of its own to `width` columns, then through the relations.

    Types without features get an embedding for each node. A type that no relation enters gets one called "self", from
    each of its nodes to itself, since to_hetero would lose it. Node types and relations become identifiers in
    parameter names: "is-a" becomes is_a.
    """

    def __init__(self, model: nn.Module, model_spec: ModelSpec, width: int):
        super().__init__()
        widths = model_spec.in_dim
        assert not isinstance(widths, int)
        self._kinds = identifiers(list(widths))
        entered = {target for _, _, target in model_spec.relations}
        self._loops = [node_type for node_type in widths if node_type not in entered]
        relations = identifiers([*dict.fromkeys(name for _, name, _ in model_spec.relations)])
        self._relations: dict[EdgeType, EdgeType] = {
            (source, name, target): (self._kinds[source], relations[name], self._kinds[target])
            for source, name, target in model_spec.relations
        }
        self._self = identifiers([*relations, "self"])["self"]
        loops = [(self._kinds[node_type], self._self, self._kinds[node_type]) for node_type in self._loops]
        self.inputs = nn.ModuleDict()
        for node_type, safe in self._kinds.items():
            rows = model_spec.n_node[node_type]
            self.inputs[safe] = (
                nn.Linear(widths[node_type], width) if widths[node_type] else embedding(rows, width)
            )
        metadata = (list(self._kinds.values()), [*self._relations.values(), *loops])
        try:
            self.model = to_hetero(model, metadata)
        except (ValueError, RuntimeError, NotImplementedError) as error:
            reason = str(error).strip().splitlines()[0].partition(". ")[0].partition(" for use with")[0]
            raise ConfigError(
                f"model: found {type(model).__name__}, which can't be made heterogeneous ({reason}), expected a class "
                "that reads two types at a time; choose GraphSAGE, GAT or GIN"
            ) from error

    def forward(self, inputs: NativeInputs) -> dict[str, Tensor]:
        x = {}
        for node_type, safe in self._kinds.items():
            layer, given, n = self.inputs[safe], inputs.x[node_type], inputs.n_nodes[node_type]
            if given is None:
                given = torch.arange(n, device=inputs.like.device)
            x[safe] = layer(given)
        index = {
            self._relations[key]: value for key, value in inputs.edge_index.items() if key in self._relations
        }
        for node_type in self._loops:
            loops = torch.arange(inputs.n_nodes[node_type], device=inputs.like.device).expand(2, -1)
            index[self._kinds[node_type], self._self, self._kinds[node_type]] = loops
        results = self.model(x, index)
        return {node_type: results[safe] for node_type, safe in self._kinds.items()}


def embedding(rows: int, width: int) -> nn.Embedding:
    """Return a table [rows, width] of embeddings of the size that features have, as portable models draw theirs.

    PyTorch's standard normal would give rows of norm sqrt(width), which dot products and sums over relations blow up.
    """
    table = nn.Embedding(rows, width)
    nn.init.xavier_uniform_(table.weight)
    return table


def identifiers(names: Sequence[str]) -> dict[str, str]:
    """Return an identifier for each name, all different: letters, digits and "_", the rest replaced by "_".

    >>> identifiers(["is-a", "is a", "2nd"])
    {'is-a': 'is_a', 'is a': 'is_a_2', '2nd': 'n2nd'}
    """
    chosen: dict[str, str] = {}
    for name in names:
        safe = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_") or "n"
        safe = safe if safe[0].isalpha() else f"n{safe}"
        unique, count = safe, 1
        while unique in chosen.values():
            count += 1
            unique = f"{safe}_{count}"
        chosen[name] = unique
    return chosen
