"""What layers aggregate, as a key that those share which aggregate alike."""

from collections.abc import Hashable
from dataclasses import fields
from typing import Any

from heddle.nn.layers.base import Aggregates

_OWN = ("in_dim", "out_dim", "bias")
"""Fields of a layer that its aggregation doesn't depend on: gates and layers of other widths share it."""


def aggregation_of(layer: Any) -> Hashable | None:
    """Return the signature of a layer's aggregation, None for one with parameters in it, which can't be cached.

    Layers of equal signatures give equal `aggregate` for one structure and one x.

    >>> from heddle.nn.layers.gcn import GCN
    >>> aggregation_of(GCN(2, 8)) == aggregation_of(GCN(64, 64))
    True
    """
    if not issubclass(type(layer), Aggregates):
        return None
    rest = tuple(
        (field.name, getattr(layer, field.name)) for field in fields(layer) if field.name not in _OWN
    )
    return type(layer), tuple(spec.signature for spec in layer.specs()), rest
