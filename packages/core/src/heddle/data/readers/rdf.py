"""rdf: entity classification on RDF graphs, as in R-GCN (Schlichtkrull et al., arXiv:1703.06103, section 5.1)."""

from collections.abc import Sequence

import numpy as np

from heddle.data.check import check_dataset
from heddle.data.dataset import Dataset
from heddle.data.edges import distinct
from heddle.data.fetch.download import Remote, obtain
from heddle.data.formats.ntriples import Triples, parse_ntriples
from heddle.data.formats.text_files import fail, locate, read_text
from heddle.data.options import call
from heddle.data.reader_options import RdfOptions
from heddle.data.readers.rdf_labels import read_labels
from heddle.data.relations import relation_graph
from heddle.data.splits import random_split

ADDRESS = "https://data.dgl.ai/dataset"
PUBLIC = ("aifb", "mutag", "bgs", "am")
TABLES = ("completeDataset.tsv", "trainingSet.tsv", "testSet.tsv")

LABEL_PREDICATES = (
    "http://swrc.ontoware.org/ontology#affiliation",
    "http://swrc.ontoware.org/ontology#employs",
    "http://dl-learner.org/carcinogenesis#isMutagenic",
    "http://data.bgs.ac.uk/ref/Lexicon/hasLithogenesis",
    "http://purl.org/collections/nl/am/objectCategory",
    "http://purl.org/collections/nl/am/material",
)
"""Relations that say (or all but say) the label in AIFB, MUTAG, BGS and AM."""


def read_rdf(options: RdfOptions) -> Dataset:
    """Return the dataset that a `data=rdf` node names; see `rdf` for its keys."""
    return call(rdf, options)


def rdf(
    name: str = RdfOptions.name,
    root: str | None = RdfOptions.root,
    download: bool = RdfOptions.download,
    inverse: bool = RdfOptions.inverse,
    drop: Sequence[str] | None = RdfOptions.drop,
    entity_column: str | None = RdfOptions.entity_column,
    label_column: str | None = RdfOptions.label_column,
    valid: float = RdfOptions.valid,
    seed: int = RdfOptions.seed,
) -> Dataset:
    """Return an RDF graph with one node type "entity" (subjects and objects, literals too), without features.

    Reads NAME_stripped.nt.gz if there is one, else every .nt and .nt.gz file of the folder together, and the labels
    of trainingSet.tsv, testSet.tsv and, if there, completeDataset.tsv. Repeated triples count once; entities and
    relations are sorted by name. A relation is called by the end of its IRI, or all of it where ends coincide.

    Args:
        name: the dataset, and the NAME of its file.
        root: folder of the files, or of a folder NAME with them; None for ~/.cache/heddle.
        download: fetch missing files.
        inverse: add a relation rev_R for each relation R.
        drop: IRIs of relations to leave out; None for those known to give away the labels of AIFB, MUTAG, BGS, AM.
        entity_column: heading of the entities in the tables; None for the known one, or the one that is
            neither id nor label.
        label_column: heading of the classes in the tables; None for the known one, or the one that
            starts with "label".
        valid: share of the training entities to hold out for validation, 0 for none (as in the paper).
        seed: draws the validation split, whatever the seed of the run.

    Raises:
        DataError: no triples, two classes of one entity, or an entity in two splits.
    """
    tables = list(TABLES[1:])
    folder = locate(root, [name, "", f"{name}/raw", "raw"], tables)
    stripped = f"{name}_stripped.nt.gz"
    files = sorted(path.name for path in folder.glob("*.nt*") if path.name.endswith((".nt", ".nt.gz")))
    files = [stripped] if stripped in files or not files else files
    remotes = [Remote(f"{ADDRESS}/{name}.tgz", (stripped, *TABLES))] if name in PUBLIC else []
    obtain(name, folder, [*files, *tables], remotes, download)

    triples = Triples([], [], [])
    for file in files:
        for column, terms in zip(triples, parse_ntriples(read_text(folder / file), str(folder / file))):
            column.extend(terms)
    entities, relations, table = number_terms(triples, LABEL_PREDICATES if drop is None else drop)
    if not len(table):
        fail(folder / files[0], "no triples", "at least one")
    short = short_names(relations)
    graph, names = relation_graph(table, len(entities), short, inverse)

    ids = {entity: number for number, entity in enumerate(entities)}
    labels: dict[str, dict[int, str]] = {}
    for file in TABLES:
        if (folder / file).is_file():
            labels[file] = read_labels(folder / file, name, ids, entity_column, label_column)
    classes = sorted({label for known in labels.values() for label in known.values()})
    numbers = {label: number for number, label in enumerate(classes)}
    targets = np.full(len(entities), -1, np.int64)
    for file, known in labels.items():
        for entity, label in known.items():
            if targets[entity] not in (-1, numbers[label]):
                actual = f"{label} for {entities[entity]}, {classes[targets[entity]]} before"
                fail(folder / file, actual, "one class for each entity")
            targets[entity] = numbers[label]
    train = np.array(sorted(labels[TABLES[1]]), np.int64)
    splits = {"train": train, "test": np.array(sorted(labels[TABLES[2]]), np.int64)}
    if len(both := np.intersect1d(splits["train"], splits["test"])):
        fail(
            folder / TABLES[2], f"the training entity {entities[both[0]]}", "other entities than in training"
        )
    if valid:
        parts = random_split(len(train), seed, (1 - valid, valid), targets[train])
        splits["train"], splits["valid"] = train[parts["train"]], train[parts["valid"]]
    info = {
        "source": ADDRESS,
        "relations": dict(zip(short, relations)),
        "inverse": dict(zip(short, names[len(short) :])),
        "triples": len(table),
        "entities": entities,
    }
    task = "node_classification"
    return check_dataset(
        Dataset(name, task, graph, targets, splits, len(classes), "entity", info, class_names=classes)
    )


def number_terms(triples: Triples, drop: Sequence[str]) -> tuple[list[str], list[str], np.ndarray]:
    """Return entities, relations (IRIs), both sorted, and the distinct triples, [n, 3] (head, relation, tail).

    Raises:
        DataError: more entities and relations than 64 bits can number.
    """
    unwanted = {f"<{iri}>" for iri in drop}
    if unwanted.intersection(triples.predicates):
        rows = [row for row in zip(*triples) if row[1] not in unwanted]
        triples = Triples(*map(list, zip(*rows))) if rows else Triples([], [], [])
    entities = sorted({*triples.subjects, *triples.objects})
    relations = sorted(set(triples.predicates))
    entity = {term: number for number, term in enumerate(entities)}
    relation = {term: number for number, term in enumerate(relations)}
    heads = np.array([entity[term] for term in triples.subjects], np.int64)
    tails = np.array([entity[term] for term in triples.objects], np.int64)
    kinds = np.array([relation[term] for term in triples.predicates], np.int64)
    size = len(entities)
    if size**2 * len(relations) >= 2**63:
        fail(
            "triples",
            f"{size} entities, {len(relations)} relations",
            "numbers that fit in 64 bits",
            "split them",
        )
    keys = distinct((kinds * size + heads) * size + tails)
    table = (
        np.stack([keys // size % size, keys // size**2, keys % size], axis=1) if size else np.empty((0, 3))
    )
    return entities, [term[1:-1] for term in relations], table.astype(np.int64)


def short_names(iris: Sequence[str]) -> list[str]:
    """Return what follows the last # or / of each IRI; the whole IRI where that isn't unique or empty.

    >>> short_names(["http://a#x", "http://a/y", "http://b#y"])
    ['x', 'http://a/y', 'http://b#y']
    """
    ends = [iri.replace("/", "#").rpartition("#")[2] for iri in iris]
    return [end if end and ends.count(end) == 1 else iri for iri, end in zip(iris, ends)]
