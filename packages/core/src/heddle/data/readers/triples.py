"""triples: knowledge-graph link prediction on train.txt, valid.txt, test.txt (WN18RR, FB15k-237 and others)."""

from pathlib import Path

import numpy as np

from heddle.data.check import check_dataset
from heddle.data.dataset import Dataset
from heddle.data.fetch.download import Remote, obtain
from heddle.data.formats.text_files import fail, locate, read_text
from heddle.data.options import call
from heddle.data.reader_options import TriplesOptions
from heddle.data.relations import relation_graph

FILES = {"train": "train.txt", "valid": "valid.txt", "test": "test.txt"}
_ROTATE = "https://github.com/DeepGraphLearning/KnowledgeGraphEmbedding/raw/master/data"
_OTHER = "https://raw.githubusercontent.com/villmow/datasets_knowledge_embedding/master/other"
ADDRESSES = {
    "WN18RR": f"{_ROTATE}/wn18rr",
    "WN18": f"{_ROTATE}/wn18",
    "FB15k-237": f"{_ROTATE}/FB15k-237",
    "FB15k": f"{_ROTATE}/FB15k",
    "YAGO3-10": f"{_ROTATE}/YAGO3-10",
    "umls": f"{_OTHER}/umls",
    "kinship": f"{_OTHER}/kinship",
    "nations": f"{_OTHER}/nations",
}
CHECKSUMS = {
    ("WN18RR", "train.txt"): "038612e783c215ee5f3ca9fbfca27b8d0739be1028fe4ee7c174aecf0b83d5df",
    ("WN18RR", "valid.txt"): "453ce7202afa58094a04d2b1560ee2b02660f1c260b32ce6651c8ccedd1028ab",
    ("WN18RR", "test.txt"): "0383bceaaa1096cf3c03ec021ed0048068e2355dbfc0239b292cefdac821cec5",
}


def read_triples(options: TriplesOptions) -> Dataset:
    """Return the dataset that a `data=triples` node names; see `triples` for its keys."""
    return call(triples, options)


def triples(
    name: str = TriplesOptions.name,
    root: str | None = TriplesOptions.root,
    download: bool = TriplesOptions.download,
    inverse: bool = TriplesOptions.inverse,
) -> Dataset:
    """Return the knowledge graph `name` for link prediction.

    The graph has one node type "entity" without features and the training triples as edges from head to tail.
    Splits hold (head, relation id, tail); `info["relations"][id]` names the relation. Entities and relations are
    those of all three files, sorted by name; an entity of the test alone is a node without edges.

    Args:
        name: the dataset, and the folder of its files.
        root: folder of train.txt, valid.txt and test.txt, or of a folder NAME with them; None for ~/.cache/heddle.
        download: fetch missing files.
        inverse: add a relation rev_R for each relation R; `info["inverse"]` names them by relation.

    Raises:
        DataError: no training triples, or a file that is missing or can't be read.
    """
    wanted = list(FILES.values())
    folder = locate(root, [name, "", f"{name}/raw", "raw"], wanted)
    address = ADDRESSES.get(name)
    remotes = [
        Remote(f"{address}/{file}", (file,), CHECKSUMS.get((name, file), "")) for file in wanted if address
    ]
    obtain(name, folder, wanted, remotes, download)
    rows = {split: read_rows(folder / file) for split, file in FILES.items()}
    if not rows["train"]:
        fail(folder / FILES["train"], "no triples", "at least one")
    every = [row for part in rows.values() for row in part]
    entities = sorted({row[0] for row in every} | {row[2] for row in every})
    relations = sorted({row[1] for row in every})
    entity = {term: number for number, term in enumerate(entities)}
    relation = {term: number for number, term in enumerate(relations)}
    splits = {
        split: np.array([(entity[h], relation[r], entity[t]) for h, r, t in part], np.int64).reshape(-1, 3)
        for split, part in rows.items()
    }
    graph, names = relation_graph(splits["train"], len(entities), relations, inverse)
    info = {
        "source": address or str(folder),
        "relations": relations,
        "inverse": dict(zip(relations, names[len(relations) :])),
        "entities": entities,
    }
    return check_dataset(Dataset(name, "link_prediction", graph, None, splits, 0, "entity", info))


def read_rows(path: Path) -> list[list[str]]:
    """Return the rows of a file of `head TAB relation TAB tail`; blank lines don't count.

    Raises:
        DataError: a line without three cells.
    """
    rows = []
    for number, line in enumerate(read_text(path).split("\n"), 1):
        if not line.strip():
            continue
        cells = line.split("\t")
        if len(cells) != 3 or not all(cells):
            actual = f"{sum(map(bool, cells))} filled cells in {line[:80]!r}"
            fail(f"{path}: line {number}", actual, "head, relation and tail with tabs between them")
        rows.append(cells)
    return rows
