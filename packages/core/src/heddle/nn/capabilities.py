"""Capabilities of models: what one may read or predict, stated by name."""

from typing import NamedTuple


class Capability(NamedTuple):
    """What an engine or a model may be able to do.

    Attributes:
        name: as plugins state it.
        summary: completes "one that ...".
        protocol: what an engine with it is an instance of; None where no method shows it.
    """

    name: str
    summary: str
    protocol: type | None = None


HOMOGENEOUS = Capability("homogeneous", "reads a graph of one node type")


RELATIONS = Capability("relations", "reads a graph of several node types and relations")


FORECASTS = Capability("forecasts", "predicts the next steps of a signal")


FIXED_FEATURES = Capability(
    "fixed features", "computes with node features before training, and embeds no codes"
)


MODELS = (HOMOGENEOUS, RELATIONS, FORECASTS, FIXED_FEATURES)
"""Of models."""
