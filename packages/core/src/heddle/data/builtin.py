"""Datasets of core, described; each reader is loaded on use."""

from heddle.hookspecs import DatasetInfo

_SUMMARIES = {
    "events": "CollegeMsg, Bitcoin-OTC, JODIE's: streams of events, cut into snapshots: link prediction",
    "heco": "DBLP, ACM, AMiner, Freebase in HeCo's files: heterogeneous node classification",
    "karate": "Zachary's karate club, built in: 34 nodes, 2 classes",
    "mag": "made-up academic graph of papers, authors, institutions and fields, from a seed",
    "networkx": "a file that networkx reads: GraphML, GML, edge list, node-link JSON",
    "ogb": "OGB's raw csv.gz: graph, node and heterogeneous node property prediction",
    "planetoid": "Cora, CiteSeer, PubMed: citation graphs with the public split",
    "prepared": "a folder of memory-mapped arrays, made by `heddle data prepare`",
    "rdf": "AIFB, MUTAG, BGS, AM and other RDF graphs: entity classification",
    "rmat": "made-up power-law graph, from a seed",
    "sbm": "made-up communities (stochastic block model) with features, from a seed",
    "tables": "CSV or Parquet tables of nodes and edges, of one type or several",
    "temporal": "chickenpox, england_covid and PyG-Temporal's others: signals on fixed and changing graphs",
    "traffic": "METR-LA, PEMS-BAY from files, or made-up speeds of road sensors: forecasts",
    "triples": "WN18RR, FB15k-237 and other knowledge graphs: link prediction",
    "tu": "MUTAG, PROTEINS and the other TUDatasets: graph classification and regression",
}


def _options(name: str) -> str:
    return f"heddle.data.reader_options:{name.title().replace('_', '')}Options"


_PREPARED = {
    "ogbn_mag": "ogbn-mag's raw files, prepared by `heddle data prepare`: heterogeneous node classification",
    "schema": "your own tables, prepared by `heddle data prepare` as a YAML file describes them",
    "tabformer": "TabFormer's card transactions, prepared by `heddle data prepare`: links with fraud labels",
}

DATASETS: list[DatasetInfo] = [
    *(
        DatasetInfo(
            name,
            summary,
            f"heddle.data.{name}:read_{name}",
            ("networkx",) if name == "networkx" else (),
            _options(name),
        )
        for name, summary in _SUMMARIES.items()
    ),
    *(
        DatasetInfo(name, summary, f"heddle.data.etl.readers:read_{name}", options=_options(name))
        for name, summary in _PREPARED.items()
    ),
]
