"""mag: a synthetic academic graph of papers, authors, institutions and fields, in the shape of ogbn-mag."""

import numpy as np

from heddle.data.check import check_dataset
from heddle.data.dataset import Dataset
from heddle.data.formats.text_files import fail
from heddle.data.options import call
from heddle.data.reader_options import MagOptions
from heddle.graphs.graph import EdgeSet, hetero_graph


def read_mag(options: MagOptions) -> Dataset:
    """Return the graph that a `data=mag` node describes; see `mag` for its keys."""
    return call(mag, options)


def mag(
    papers: int = MagOptions.papers,
    authors: int = MagOptions.authors,
    institutions: int = MagOptions.institutions,
    fields: int = MagOptions.fields,
    venues: int = MagOptions.venues,
    features: int = MagOptions.features,
    signal: float = MagOptions.signal,
    inside: float = MagOptions.inside,
    inverse: bool = MagOptions.inverse,
    seed: int = MagOptions.seed,
    name: str = MagOptions.name,
) -> Dataset:
    """Return a heterogeneous graph whose papers' venues are to be predicted; the seed alone decides every number in it.

    Relations as in ogbn-mag: an author writes papers and is affiliated with an institution, a paper cites earlier
    papers and has fields of study as topics. Authors and fields lean to one venue. Only papers have features. The
    split is by year, 2010 to 2017 / 2018 / 2019.

    Args:
        papers, authors, institutions, fields: numbers of nodes.
        venues: number of classes.
        features: number of features of a paper, standard normal around its venue's mean.
        signal: distance of a venue's mean from the origin, in standard deviations.
        inside: probability that an edge follows the venue rather than chance.
        inverse: add a relation rev_R for each relation R.
        seed: of the generator.
        name: what the dataset calls itself.
    """
    options = papers, authors, institutions, fields, venues, features, signal, inside, inverse, seed, name
    return mag_and_years(*options)[0]


def mag_and_years(
    papers: int,
    authors: int,
    institutions: int,
    fields: int,
    venues: int,
    features: int,
    signal: float,
    inside: float,
    inverse: bool,
    seed: int,
    name: str = "mag",
) -> tuple[Dataset, np.ndarray]:
    """Return the Dataset of `mag`, whose arguments these are, and the years of its papers, [papers] int64.

    Raises:
        DataError: fewer nodes of a type than venues, fewer than two venues, or `inside` not from 0 to 1.
    """
    if min(papers, authors, institutions, fields) < venues or venues < 2 or not 0 <= inside <= 1:
        actual = f"{papers}, {authors}, {institutions}, {fields} nodes, {venues} venues, inside={inside}"
        fail(
            "data.papers",
            actual,
            "at least as many nodes of each type as venues (2 or more), 0 <= inside <= 1",
            "fix it",
        )
    rng = np.random.default_rng(seed)
    venue = rng.permutation(np.arange(papers) % venues)
    year = 2010 + rng.integers(10, size=papers)
    taste = {
        "author": np.arange(authors) % venues,
        "field_of_study": np.arange(fields) % venues,
        "paper": venue,
    }

    def partners(node_type: str, rows: np.ndarray) -> np.ndarray:
        """Draw one node of `node_type` for each paper in `rows`, of the paper's venue with probability `inside`."""
        order = np.argsort(taste[node_type], kind="stable")
        starts = np.searchsorted(taste[node_type][order], np.arange(venues + 1))
        wanted = np.where(rng.random(len(rows)) < inside, venue[rows], rng.integers(venues, size=len(rows)))
        width = starts[wanted + 1] - starts[wanted]
        result: np.ndarray = order[starts[wanted] + (rng.random(len(rows)) * width).astype(np.int64)]
        return result

    written = np.repeat(np.arange(papers), rng.integers(1, 5, size=papers))
    topical = np.repeat(np.arange(papers), rng.integers(1, 4, size=papers))
    citing = np.repeat(np.arange(papers), rng.integers(0, 9, size=papers))
    cited = partners("paper", citing)
    earlier = year[cited] < year[citing]
    ends = {
        ("author", "affiliated_with", "institution"): (
            np.arange(authors),
            rng.integers(institutions, size=authors),
        ),
        ("author", "writes", "paper"): (partners("author", written), written),
        ("paper", "cites", "paper"): (citing[earlier], cited[earlier]),
        ("paper", "has_topic", "field_of_study"): (topical, partners("field_of_study", topical)),
    }
    edges = {}
    for (source, relation, target), (tails, heads) in ends.items():
        table = np.unique(np.stack([tails, heads], axis=1), axis=0)
        senders, receivers, count = table[:, 0].copy(), table[:, 1].copy(), np.array([len(table)])
        edges[source, relation, target] = EdgeSet(None, senders, receivers, count)
        if inverse:
            edges[target, f"rev_{relation}", source] = EdgeSet(None, receivers, senders, count)
    means = rng.standard_normal((venues, features))
    means *= signal / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)
    x = (means[venue] + rng.standard_normal((papers, features))).astype(np.float32)
    sizes = {"author": authors, "field_of_study": fields, "institution": institutions, "paper": papers}
    graph = hetero_graph(
        {"paper": x}, edges, {node_type: np.array([size]) for node_type, size in sizes.items()}
    )
    splits = {
        "train": np.flatnonzero(year < 2018),
        "valid": np.flatnonzero(year == 2018),
        "test": np.flatnonzero(year == 2019),
    }
    info = {"source": f"synthetic academic graph, seed {seed}", "year": year}
    made = Dataset(name, "node_classification", graph, venue, splits, venues, "paper", info)
    return check_dataset(made), year
