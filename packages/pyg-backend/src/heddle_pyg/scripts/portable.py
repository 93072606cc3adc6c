"""portable_module: a trained HeteroModule with SAGEConv as a portable encoder and its arrays, which servers compute."""

import numpy as np
from torch import nn
from torch_geometric.nn import SAGEConv

from heddle.errors import ConfigError
from heddle.nn.models.script_module import ScriptEncoder
from heddle_pyg.scripts.hetero_module import HeteroModule

ACTIVATIONS = ("relu", "elu", "leaky_relu", "tanh", "sigmoid", "gelu")


def portable_module(module: HeteroModule) -> tuple[ScriptEncoder, dict[str, np.ndarray]]:
    """Return (encoder, name -> array) that give a module's embeddings [n_nodes, d], to 1e-5, of any sample.

    Raises:
        ConfigError: another conv than SAGEConv as it is by default, another activation, or a type with both features
            and rows of a TorchNodeEmbedding.
    """
    for of_layer in module.convs:
        for conv in of_layer.children():
            plain = type(conv) is SAGEConv and conv.aggr == "mean" and conv.root_weight
            if not plain or conv.normalize or conv.project or "lin_l.bias" not in conv.state_dict():
                raise _refused(f"a conv {conv}", "SAGEConv(in, out) as it is")
    activation = module.activation.__name__
    if activation not in ACTIVATIONS:
        raise _refused(f"activation {activation!r}", f"one of {ACTIVATIONS}")
    embedded = getattr(module.embedding, "kinds", ())
    for node_type in embedded:
        safe = module._safe[node_type]
        if safe in module.inputs or safe in module.codes:
            raise _refused(
                f"features and rows of a TorchNodeEmbedding for {node_type!r}", "one of them for each type"
            )
    if module.embedding is not None and not embedded:
        raise _refused(f"an embedding {type(module.embedding).__name__}", "a TorchNodeEmbedding")
    linear = [name for name, part in module.named_modules() if isinstance(part, nn.Linear)]
    convs = [name for name, part in module.named_modules() if isinstance(part, SAGEConv)]
    transposed = {f"{name}.weight" for name in linear}
    transposed |= {f"{name}.{part}.weight" for name in convs for part in ("lin_l", "lin_r")}
    arrays = {}
    for name, tensor in module.state_dict().items():
        array = tensor.detach().cpu().float().numpy()
        arrays[name] = np.ascontiguousarray(array.T if name in transposed else array)
    relations = tuple((key, module._name[key]) for key in module.relations)
    encoder = ScriptEncoder(
        tuple(module._safe.items()), relations, module.n_layers, module.dim_out, activation, frozenset(arrays)
    )
    return encoder, arrays


def _refused(actual: str, expected: str) -> ConfigError:
    return ConfigError(
        f"bundle: found {actual}, expected {expected}, which servers compute; change the module"
    )
