"""Combination: one row of the product that an engine is proved on, and what is refused of it by which sentence."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from heddle.nn.capabilities import FIXED_FEATURES, HOMOGENEOUS, RELATIONS

QUESTIONS = ("node", "edge", "link", "graph")
SAMPLERS = ("full", "neighbor", "layered", "timed", "timed full")
FEATURES = ("none", "floats", "codes", "both", "edges")
TYPES = ("one", "relations", "many", "bare", "edgeless")
DEVICES = ("1", "2", "edges", "scatter", "halo")


class Combination(NamedTuple):
    """What is trained.

    Attributes:
        model: its name, and what its node needs besides: "pyg cls=GCN".
        question: what is asked about: one of QUESTIONS.
        sampler: "full"; "neighbor": mini-batches of more hops than the model has layers; "layered": of as many;
            "timed": the same where everything has a time; "timed full": whole graphs there.
        features: of nodes: "none", "floats", "codes", "both"; "edges": floats, and features, codes and weights of
            edges. Every graph has a probe besides, on nodes and on edges, that no model knows.
        types: "one": a Graph; "relations": one type and two relations; "many": two types; "bare": one of them without
            features; "edgeless": a third without edges, and a fourth without a relation.
        devices: "1"; "2": parts of one graph under sampler=full, batches of their own else; "edges", "scatter", "halo":
            two devices, the graph split so.
    """

    model: str
    question: str
    sampler: str
    features: str
    types: str
    devices: str

    def __str__(self) -> str:
        return "-".join(level.replace(" ", "_") for level in self)

    @property
    def is_sampled(self) -> bool:
        """Whether steps see parts of the graph."""
        return self.sampler in ("neighbor", "layered", "timed")

    @property
    def in_processes(self) -> bool:
        """Whether two processes train it, each on batches of its own."""
        return self.devices == "2" and self.is_sampled


class Model(NamedTuple):
    """A model of the product.

    Attributes:
        name, keys: its name and further keys of its node.
        capabilities: as its plugin states them.
        refuses: types that it refuses besides, by a sentence of its own.
        embeds_edges: whether it reads codes of edges.
    """

    name: str
    keys: dict[str, object]
    capabilities: tuple[str, ...]
    refuses: tuple[str, ...] = ()
    embeds_edges: bool = False

    @property
    def title(self) -> str:
        """What a Combination calls it."""
        return " ".join([self.name, *(f"{key}={value}" for key, value in self.keys.items())])


class Engine(NamedTuple):
    """What refusals of the product depend on.

    Attributes:
        static_shapes: as of a Backend.
        capabilities: names of those it has (`heddle.engines.capabilities.held_by`).
    """

    static_shapes: bool
    capabilities: tuple[str, ...]


def combinations_of(models: Sequence[Model]) -> Iterator[Combination]:
    """Yield the whole product, without what can't be written down: parts of samples, times of graph tasks."""
    for model in models:
        for question in QUESTIONS:
            for sampler in SAMPLERS:
                for features in FEATURES:
                    for types in TYPES:
                        for devices in DEVICES:
                            combination = Combination(
                                model.title, question, sampler, features, types, devices
                            )
                            if devices not in ("1", "2") and sampler != "full":
                                continue
                            if question == "graph" and ("timed" in sampler or types != "one"):
                                continue
                            yield combination


def refusal_of(of: Combination, model: Model, engine: Engine) -> str:
    """Return words of the sentence by which a combination has to be refused; "" for one that has to train."""
    if of.is_sampled and of.question == "graph":
        return "expected one of nodes, edges or links"
    sharded = of.devices != "1" and not of.in_processes
    if of.sampler == "timed full":
        return "expected a neighbourhood for each, cut at its time"
    if of.types == "one" and HOMOGENEOUS.name not in model.capabilities:
        return "found a homogeneous graph"
    if of.types != "one" and RELATIONS.name not in model.capabilities:
        return "found a heterogeneous graph"
    if of.types in model.refuses:
        return "can't be made heterogeneous"
    if FIXED_FEATURES.name in model.capabilities and of.features in ("none", "codes"):
        return "whose nodes have features"
    if of.in_processes and "trains in parallel" not in engine.capabilities:
        return "expected one whose devices share their gradients"
    if sharded and "shards graphs" not in engine.capabilities:
        return "expected one that trains on a graph split over devices"
    if sharded and of.question != "node":
        return "expected one about the nodes of one graph"
    split_nodes = of.devices in ("scatter", "halo")
    if split_nodes and of.types != "one":
        return "found a graph with types of nodes"
    if split_nodes and FIXED_FEATURES.name in model.capabilities:
        return "expected propagations alone where nodes are split"
    if split_nodes and of.features == "edges" and model.embeds_edges:
        return "found codes of categories on edges"
    if of.is_sampled and engine.static_shapes:
        return "compiles for every shape of a batch"
    return ""
