"""Datasets of core, described; each reader is loaded on use."""

from heddle.engines.hookspecs import DatasetInfo

_SUMMARIES = {
    "readers.events": "CollegeMsg, Bitcoin-OTC, JODIE's: streams of events, cut into snapshots: link prediction",
    "readers.heco": "DBLP, ACM, AMiner, Freebase in HeCo's files: heterogeneous node classification",
    "generators.karate": "Zachary's karate club, built in: 34 nodes, 2 classes",
    "generators.mag": "synthetic academic graph of papers, authors, institutions and fields, from a seed",
    "readers.networkx": "a file that networkx reads: GraphML, GML, edge list, node-link JSON",
    "readers.ogb.read": "OGB's raw csv.gz: graph, node and heterogeneous node property prediction",
    "readers.planetoid": "Cora, CiteSeer, PubMed: citation graphs with the public split",
    "prepared": "a folder of memory-mapped arrays, made by `heddle data prepare`",
    "readers.rdf": "AIFB, MUTAG, BGS, AM and other RDF graphs: entity classification",
    "generators.rmat": "synthetic power-law graph, from a seed",
    "generators.sbm": "synthetic communities (stochastic block model) with features, from a seed",
    "readers.tables.read": "CSV or Parquet tables of nodes and edges, of one type or several",
    "readers.temporal": "chickenpox, england_covid and PyG-Temporal's others: signals on fixed and changing graphs",
    "readers.traffic.read": "METR-LA, PEMS-BAY from files, or synthetic speeds of road sensors: forecasts",
    "readers.triples": "WN18RR, FB15k-237 and other knowledge graphs: link prediction",
    "readers.tu": "MUTAG, PROTEINS and the other TUDatasets: graph classification and regression",
}
"""Module below heddle.data -> summary; a dataset is named by its module, or by the package of a module `read`."""

_PREPARED = {
    "ogbn_mag": "ogbn-mag's raw files, prepared by `heddle data prepare`: heterogeneous node classification",
    "schema": "your own tables, prepared by `heddle data prepare` as a YAML file describes them",
    "tabformer": "TabFormer's card transactions, prepared by `heddle data prepare`: links with fraud labels",
}


def _options(name: str) -> str:
    return f"heddle.data.reader_options:{name.title().replace('_', '')}Options"


def _read(module: str, summary: str) -> DatasetInfo:
    name = module.removesuffix(".read").rpartition(".")[2]
    return DatasetInfo(
        name,
        summary,
        f"heddle.data.{module}:read_{name}",
        ("networkx",) if name == "networkx" else (),
        _options(name),
    )


DATASETS: list[DatasetInfo] = [
    *(_read(module, summary) for module, summary in _SUMMARIES.items()),
    *(
        DatasetInfo(name, summary, f"heddle.data.etl.readers:read_{name}", options=_options(name))
        for name, summary in _PREPARED.items()
    ),
]
