"""Options of the readers that core brings: the `data` node of each, as `heddle train data=NAME` shows it."""

from dataclasses import dataclass
from typing import Any

from heddle.errors import ConfigError
from heddle.options import DataOptions, NamedData, option


@dataclass(frozen=True)
class EventsOptions(NamedData):
    """Events between nodes in time."""

    name: str = option(
        "collegemsg", "collegemsg, bitcoin-otc, bitcoin-alpha, wikipedia, reddit, mooc, lastfm"
    )
    root: str | None = option(None, "folder of the files; null: ~/.cache/heddle")
    snapshots: int = option(30, "parts that the events are cut into")
    cut: str = option("time", "time: parts of equal length; count: of equally many events")
    valid: float = option(0.1, "share of the links, in the order in which they first met")
    test: float = option(0.1, "share of the links that come last")


@dataclass(frozen=True)
class HecoOptions(NamedData):
    """HeCo's labels.npy, XY.txt, X_feat.npz, train_20.npy ...."""

    name: str = option("dblp", "dblp, acm, aminer, freebase or any folder in that layout")
    root: str | None = option(None, "folder of the files, or of a folder NAME; null: ~/.cache/heddle")
    download: bool = option(True, "fetch missing files")
    labels_per_class: int = option(20, "the split: 20, 40 or 60 training nodes of each class")
    features: tuple[str, ...] | None = option(
        None, "list of types whose features are read; null: all that have a file"
    )
    normalize: bool = option(False, "scale each node's features to the sum 1")
    target: str | None = option(None, "letter of the labelled type; null: the known one")


@dataclass(frozen=True)
class KarateOptions(NamedData):
    """Zachary's karate club, built in."""

    name: str = option("karate", "what the dataset calls itself")
    seed: int = option(0, "of the split of all but the two leaders, whatever the seed of the run")


@dataclass(frozen=True)
class MagOptions(NamedData):
    """Academic graph in the shape of ogbn-mag, made from the seed."""

    name: str = option("mag", "what the dataset calls itself")
    papers: int = option(2000, "nodes with labels and features")
    authors: int = option(1500, "nodes without features")
    institutions: int = option(50, "nodes without features")
    fields: int = option(120, "fields of study, nodes without features")
    venues: int = option(8, "number of classes")
    features: int = option(32, "features of a paper")
    signal: float = option(1.0, "distance of a venue's mean from the origin in standard deviations")
    inside: float = option(0.7, "probability that an edge follows the venue")
    inverse: bool = option(True, "add a relation rev_R for each relation R")
    seed: int = option(0, "of the generator, whatever the seed of the run")


@dataclass(frozen=True)
class NetworkxOptions(NamedData):
    """A graph in a file that networkx reads."""

    name: str = option("networkx", "what the dataset calls itself")
    root: str | None = option(None, "folder of the file; null: the current one")
    file: str = option(
        "graph.graphml", ".graphml, .gml, .json (node-link), .edgelist, .txt or .csv (edge lists)"
    )
    features: tuple[str, ...] = option((), "node attributes: numbers or lists of numbers")
    edge_features: tuple[str, ...] = option((), "edge attributes: numbers or lists of numbers")
    label: str | None = option(None, "node attribute with the class; null: link prediction")
    split: str | None = option(None, "node attribute with train, valid or test")


@dataclass(frozen=True)
class OgbOptions(NamedData):
    """OGB's raw/*.csv.gz and split/*/*.csv.gz."""

    name: str = option(
        "ogbg-molesol",
        "ogbg-mol*, ogbg-ppa, ogbn-arxiv, ogbn-products, ogbn-proteins, ogbn-mag or any in these layouts",
    )
    root: str | None = option(
        None, "folder of raw/ and split/, or of a folder ogbg_molesol; null: ~/.cache/heddle"
    )
    download: bool = option(True, "fetch missing files")
    split: str | None = option(None, "folder in split/; null: the only one")
    opposite: bool | None = option(None, "add the opposite of each edge; null: as OGB does for this dataset")
    encode: str = option("one_hot", "whole-number features of many graphs: one_hot or raw")


@dataclass(frozen=True)
class PlanetoidOptions(NamedData):
    """Planetoid's files ind.NAME.x, ind.NAME.graph ...."""

    name: str = option("cora", "cora, citeseer, pubmed or any NAME in that layout")
    root: str | None = option(None, "folder of the files, or of a folder NAME; null: ~/.cache/heddle")
    download: bool = option(True, "fetch missing files")
    normalize: bool = option(True, "scale each node's features to the sum 1")


@dataclass(frozen=True)
class PreparedOptions(NamedData):
    """A folder that `heddle data prepare` made."""

    name: str | None = option(None, "what the dataset calls itself; null: the folder's own name")
    root: str | None = option(None, "the folder")
    check: bool = option(False, "compare every file's checksum first")
    relation: tuple[str, ...] | None = option(
        None, "links to be predicted, as [source, relation, target]; null: what the folder was prepared for"
    )
    task: str | None = option(
        None,
        "one of the folder's tasks by its name, or edge_classification or link_prediction; null: its own, or the first",
    )


@dataclass(frozen=True)
class RdfOptions(NamedData):
    """N-Triples with trainingSet.tsv and testSet.tsv."""

    name: str = option("aifb", "aifb, mutag, bgs, am or any NAME in that layout")
    root: str | None = option(None, "folder of the files, or of a folder NAME; null: ~/.cache/heddle")
    download: bool = option(True, "fetch missing files")
    inverse: bool = option(True, "add a relation rev_R for each relation R")
    drop: tuple[str, ...] | None = option(
        None, "IRIs of relations to leave out; null: those known to give away the labels"
    )
    entity_column: str | None = option(
        None,
        "heading of the entities in the tables; null: the known one, or that which is neither id nor label",
    )
    label_column: str | None = option(
        None, 'heading of the classes in the tables; null: the known one, or that which starts with "label"'
    )
    valid: float = option(0.0, "share of the training entities held out for validation")
    seed: int = option(0, "of the validation split, whatever the seed of the run")


@dataclass(frozen=True)
class RmatOptions(NamedData):
    """Power-law graph, made from the seed."""

    name: str = option("rmat", "what the dataset calls itself")
    scale: int = option(12, "logarithm (base 2) of the number of nodes")
    degree: float = option(16.0, "edges entering a node on average, before repetitions are dropped")
    a: float = option(0.57, "probability of the quadrant hub to hub")
    b: float = option(0.19, "probability of the quadrant hub to the rest")
    c: float = option(0.19, "probability of the quadrant of the rest to hubs")
    features: int = option(32, "features of a node")
    classes: int = option(8, "number of classes")
    seed: int = option(0, "of the generator, whatever the seed of the run")


@dataclass(frozen=True)
class SbmOptions(NamedData):
    """Stochastic block model with features, made from the seed."""

    name: str = option("sbm", "what the dataset calls itself")
    nodes: int = option(1500, "number of nodes")
    classes: int = option(5, "number of classes, of equal size")
    degree: float = option(10.0, "edges entering a node on average")
    inside: float = option(0.6, "share of edges inside a class; 1 / classes: no structure")
    features: int = option(32, "features of a node")
    signal: float = option(1.6, "distance of a class's mean from the origin in standard deviations; 0: none")
    train_per_class: int = option(20, "labelled nodes of each class")
    valid: int = option(300, "nodes of the validation split; the rest tests")
    seed: int = option(0, "of the generator, whatever the seed of the run")


@dataclass(frozen=True)
class TablesOptions(NamedData):
    """Tables of nodes and edges, .csv, .csv.gz or .parquet."""

    name: str = option("tables", "what the dataset calls itself")
    root: str | None = option(None, "folder of the tables; null: the current one")
    nodes: tuple[Any, ...] = option(
        (),
        "list of {path, id, features, categories, label, split, type, type_column}; []: nodes that edges name",
    )
    edges: tuple[Any, ...] = option(
        (),
        "list of {path, source, target, features, split, source_type, target_type, relation, relation_column}",
    )
    opposite: bool = option(False, "add the opposite of each edge")
    delimiter: str = option(",", "between the cells of a CSV")


@dataclass(frozen=True)
class TemporalOptions(NamedData):
    """PyG-Temporal's JSON sets."""

    name: str = option("chickenpox", "chickenpox, england_covid, montevideo_bus, twitter_tennis")
    root: str | None = option(None, "folder of the file; null: ~/.cache/heddle")


@dataclass(frozen=True)
class TrafficOptions(NamedData):
    """Speeds of road sensors every five minutes: from files in root, else made from the seed."""

    root: str | None = option(
        None, "folder with metr-la.h5, pems-bay.h5, los_speed.csv ... and adj_mx.pkl; null: synthetic speeds"
    )
    name: str = option(
        "traffic", "of the files: metr-la, pems-bay or los-loop; traffic: those that are there"
    )
    threshold: float = option(0.1, "of the files: least weight of an edge made of a distance")
    sensors: int = option(60, "synthetic: number of nodes")
    days: int = option(7, "synthetic: length, 288 steps a day")
    neighbours: int = option(3, "synthetic: edges entering a sensor, besides its own")
    noise: float = option(1.5, "synthetic: standard deviation of a measurement in mph")
    missing: float = option(0.0, "synthetic: share of measurements that are 0")
    seed: int = option(0, "of the generator, whatever the seed of the run")


@dataclass(frozen=True)
class TriplesOptions(NamedData):
    """Train.txt, valid.txt, test.txt of head TAB relation TAB tail."""

    name: str = option("WN18RR", "WN18RR, FB15k-237, umls, kinship, nations or any folder in that layout")
    root: str | None = option(None, "folder of the files, or of a folder NAME; null: ~/.cache/heddle")
    download: bool = option(True, "fetch missing files")
    inverse: bool = option(True, "add a relation rev_R for each relation R")


@dataclass(frozen=True)
class TuOptions(NamedData):
    """TUDataset's files NAME_A.txt, NAME_graph_indicator.txt ...."""

    name: str = option("MUTAG", "MUTAG, PROTEINS, ENZYMES or any NAME in that layout")
    root: str | None = option(None, "folder of the files, or of a folder NAME; null: ~/.cache/heddle")
    download: bool = option(True, "fetch missing files")
    node_features: str = option(
        "auto", "labels, attributes, both, degree, constant; auto: the first there is"
    )
    edge_features: str = option("auto", "labels, attributes, both, none; auto: the first there is")
    target: str = option(
        "auto", "labels (classification), attributes (regression); auto: labels if there are some"
    )
    max_degree: int = option(100, "degrees above share the last position of the one-hot degree")
    folds: int = option(0, "0: 80/10/10 % by class; k: stratified k-fold cross-validation")
    fold: int = option(0, "the fold that tests, 0 to folds - 1")
    seed: int = option(0, "of the split, whatever the seed of the run")


@dataclass(frozen=True)
class TablesToPrepare(DataOptions):
    """Of tables that `heddle data prepare` makes ready for training."""

    src: str | None = option(None, "folder of the tables, for heddle data prepare")
    dst: str | None = option(None, "folder that is prepared, and trained from")

    def wanted(self, key: str) -> str:
        """Return the path that a key names. Raises ConfigError: it names none."""
        path: str | None = getattr(self, key)
        if path is None:
            raise ConfigError(f"data.{key}: found none, expected a path; write data.{key}=...")
        return path


@dataclass(frozen=True)
class OgbnMagOptions(TablesToPrepare):
    """Ogbn-mag's raw layout: raw/ with lists of types, relations, node-feat, node-label."""


@dataclass(frozen=True)
class SchemaOptions(TablesToPrepare):
    """Your own tables, described in a YAML file (docs/tables-to-graphs.md)."""

    schema: str | None = option(None, "that file")


@dataclass(frozen=True)
class TabformerOptions(TablesToPrepare):
    """Card transactions: *card_transaction*.csv in TabFormer's 15 columns."""
