"""Datasets of core, described; each reader is loaded on use."""

from heddle.hookspecs import DatasetInfo

_SUMMARIES = {
    "planetoid": "Cora, CiteSeer, PubMed: citation graphs with the public split",
    "rdf": "AIFB, MUTAG, BGS, AM and other RDF graphs: entity classification",
    "sbm": "stochastic block model with features, made from a seed",
    "tu": "MUTAG, PROTEINS and the other TUDatasets: graph classification and regression",
}

DATASETS: list[DatasetInfo] = [
    DatasetInfo(name, summary, f"heddle.data.{name}:read_{name}") for name, summary in _SUMMARIES.items()
]
