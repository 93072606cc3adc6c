"""ogb: property prediction in the raw csv.gz files of the Open Graph Benchmark (Hu et al., arXiv:2005.00687)."""

from heddle.data.dataset import Dataset
from heddle.data.fetch.download import Remote, obtain
from heddle.data.formats.text_files import fail, locate
from heddle.data.options import call, one_of
from heddle.data.reader_options import OgbOptions
from heddle.data.readers.ogb.graphs import GRAPH_FILES, graph_property
from heddle.data.readers.ogb.hetero import HETERO_FILES, hetero_property
from heddle.data.readers.ogb.nodes import NODE_FILES, node_property

ADDRESS = "https://snap.stanford.edu/ogb/data"
_MOLECULES = (
    *("bace", "bbbp", "clintox", "muv", "pcba", "sider"),
    *("tox21", "toxcast", "hiv", "esol", "freesolv", "chembl"),
)
ARCHIVES = {
    "ogbn-arxiv": "nodeproppred/arxiv",
    "ogbn-products": "nodeproppred/products",
    "ogbn-proteins": "nodeproppred/proteins",
    "ogbn-mag": "nodeproppred/mag",
    "ogbg-ppa": "graphproppred/ogbg_ppi_medium",
    "ogbg-mollipo": "graphproppred/csv_mol_download/lipophilicity",
} | {f"ogbg-mol{name}": f"graphproppred/csv_mol_download/{name}" for name in _MOLECULES}
DIRECTED = ("ogbn-arxiv", "ogbn-mag", "ogbg-code2")
"""Datasets whose files hold each edge in its own direction; the others hold one of two."""


def read_ogb(options: OgbOptions) -> Dataset:
    """Return the dataset that a `data=ogb` node names; see `ogb` for its keys."""
    return call(ogb, options)


def ogb(
    name: str = OgbOptions.name,
    root: str | None = OgbOptions.root,
    download: bool = OgbOptions.download,
    split: str | None = OgbOptions.split,
    opposite: bool | None = OgbOptions.opposite,
    encode: str = OgbOptions.encode,
) -> Dataset:
    """Return the dataset `name`; its files tell whether graphs, nodes or nodes of a heterogeneous graph are labelled.

    Where the nodes that are asked about have years (arxiv, mag), they are the times of the data: a question sees what
    was there in its year. OGB's own results are of the whole graph, which is `task.time=ignore`.

    Whole-number labels are classes, one column of them [n] int64; several columns (or other numbers) are float32
    [n, tasks] with NaN where unknown.

    Args:
        name: as in OGB, ogbg-molesol, or any folder in these layouts.
        root: folder with raw/ and split/, or of a folder ogbg_molesol with them; None for ~/.cache/heddle.
        download: fetch missing files.
        split: folder in split/; None for the only one there.
        opposite: add the opposite of each edge (in a heterogeneous graph a relation rev_R); None does as OGB does.
        encode: "one_hot" turns whole-number features of many graphs (atoms and bonds) into one-hot blocks, "raw"
            leaves the numbers.

    Raises:
        DataError: a file that is missing, can't be read, or doesn't fit the others; several splits and none named.
        ConfigError: an `encode` that isn't known.
    """
    one_of("encode", encode, ("one_hot", "raw"))
    layouts = {"graph": GRAPH_FILES, "node": NODE_FILES, "hetero": HETERO_FILES}
    known = "hetero" if name == "ogbn-mag" else {"ogbg": "graph", "ogbn": "node"}.get(name[:4], "graph")
    subfolders = [name.replace("-", "_"), name, ""]
    every = [file for files in layouts.values() for file in files]
    folder = locate(root, subfolders, every)
    level = next((candidate for candidate, files in layouts.items() if (folder / files[-1]).is_file()), known)
    wanted = list(layouts[level])
    archive = ARCHIVES.get(name)
    remotes = [Remote(f"{ADDRESS}/{archive}.zip", tuple(wanted))] if archive else []
    obtain(name, folder, wanted, remotes, download)

    parts = sorted(path.name for path in (folder / "split").glob("*") if path.is_dir())
    if split is None and len(parts) != 1:
        fail(folder / "split", f"the folders {parts}", "one", "name one with data.split=...")
    split_folder = folder / "split" / (split or parts[0])
    if opposite is None:
        opposite = name.replace("_", "-") not in DIRECTED and level != "hetero"
    info = {"source": f"{ADDRESS}/{archive}.zip" if archive else str(folder), "split": split_folder.name}
    if level == "graph":
        return graph_property(name, folder / "raw", split_folder, opposite, encode == "one_hot", info)
    if level == "node":
        return node_property(name, folder / "raw", split_folder, opposite, info)
    return hetero_property(name, folder / "raw", split_folder, opposite, info)
