"""Nodes of single commands: `plan`, `bench` and `sweep`."""

from dataclasses import dataclass

from heddle.options import option


@dataclass(frozen=True)
class Plan:
    """The `plan` node: the sizes of a graph that isn't there."""

    nodes: int | None = option(None, "of the graph; null: read the graph of `data`", least=0)
    edges: int | None = option(None, "null: 16 for each node", least=0)
    features: int = option(128, "of a node", least=0)
    edge_features: int = option(0, "of an edge", least=0)
    classes: int = option(16, "to tell apart", least=1)


@dataclass(frozen=True)
class Bench:
    """The `bench` node: how variants are measured."""

    rounds: int = option(5, "of every variant in turn; the best counts", least=1)
    steps: int = option(10, "a round", least=1)
    tolerance: float | None = option(
        1e-4, "share by which predictions from the same weights may differ; null: any", least=0
    )


@dataclass(frozen=True)
class Sweep:
    """The `sweep` node: how good settings are searched."""

    trials: int = option(20, "runs", least=1)
    metric: str = option(
        "auto", "the metric that decides, e.g. valid.loss; auto: the task's first metric on the valid split"
    )
    direction: str = option(
        "auto",
        "maximize or minimize; auto: what is better for that metric",
        choices=("auto", "maximize", "minimize"),
    )
    seed: int = option(0, "of the search; the runs' own is `seed`", least=0)
