"""Tiny files in the very layouts of published datasets that are too large to lie beside the tests."""

import itertools
import pickle

import numpy as np
import pytest

from heddle.data.readers.ogb.read import ogb
from heddle.data.readers.rdf import rdf
from heddle.data.readers.traffic.measured import traffic_files
from heddle.data.readers.tu import tu
from heddle.sampling.parts import Parts
from heddle.sampling.store import store_of
from heddle.sampling.types import Fanout

from .conftest import lines, put

BAY = [400001, 400017, 400030]


def bay_speeds(folder, key="speed"):
    """Write pems-bay.h5 as pandas does: whole numbers name the columns, nanoseconds the rows."""
    h5py = pytest.importorskip("h5py", reason="h5py isn't installed: pip install 'heddle-core[traffic]'")
    speeds = 60 + np.arange(30, dtype=np.float64).reshape(10, 3)
    with h5py.File(folder / "pems-bay.h5", "w") as file:
        group = file.create_group(key)
        group["axis0"], group["block0_items"] = np.array(BAY), np.array(BAY)
        group["axis1"] = np.datetime64("2017-01-01", "ns").astype(np.int64) + np.arange(10) * 300_000_000_000
        group["block0_values"] = speeds
    return speeds


def test_pems_bay_with_its_table_of_distances_that_has_no_heading(tmp_path):
    speeds = bay_speeds(tmp_path)
    rows = ["400001,400001,0.0", "400017,400017,0.0", "400030,400030,0.0", "400030,400001,2475.9"]
    (tmp_path / "distances_bay_2017.csv").write_text(lines(*rows, "400045,400030,2525.0"))
    dataset = traffic_files(str(tmp_path), "pems-bay")
    np.testing.assert_array_equal(dataset.series.values[..., 0], speeds)
    np.testing.assert_allclose(dataset.series.values[:, 0, 1], np.arange(10) / 288, atol=1e-6)
    assert dataset.node_names == [str(name) for name in BAY]
    sigma = np.std([0, 0, 0, 2475.9])
    graph, weight = dataset.graphs, np.exp(-((2475.9 / sigma) ** 2))
    edges = list(zip(graph.senders.tolist(), graph.receivers.tolist()))
    assert edges == [(0, 0), (1, 1), (2, 0), (2, 2)] if weight >= 0.1 else [(0, 0), (1, 1), (2, 2)]


def test_pems_bay_with_its_adjacency(tmp_path):
    bay_speeds(tmp_path)
    weights = np.eye(3, dtype=np.float32)
    weights[0, 2] = 0.5
    ids = [str(name) for name in BAY]
    content = pickle.dumps((ids, {name: at for at, name in enumerate(ids)}, weights), protocol=2)
    (tmp_path / "adj_mx_bay.pkl").write_bytes(content)
    graph = traffic_files(str(tmp_path), "pems-bay").graphs
    assert list(zip(graph.senders.tolist(), graph.receivers.tolist())) == [(0, 0), (0, 2), (1, 1), (2, 2)]


RDF = {
    "aifb": (
        "http://www.aifb.uni-karlsruhe.de/p{}",
        "http://swrc.ontoware.org/ontology#affiliation",
        "group{}",
    ),
    "mutag": (
        "http://dl-learner.org/carcinogenesis#d{}",
        "http://dl-learner.org/carcinogenesis#isMutagenic",
        "{}",
    ),
    "bgs": (
        "http://data.bgs.ac.uk/id/Lexicon/NamedRockUnit/R{}",
        "http://data.bgs.ac.uk/ref/Lexicon/hasLithogenesis",
        "http://data.bgs.ac.uk/id/Lexicon/Lithogenesis/L{}",
    ),
    "am": (
        "http://purl.org/collections/nl/am/proxy-{}",
        "http://purl.org/collections/nl/am/objectCategory",
        "http://purl.org/collections/nl/am/t-{}",
    ),
}
HEADINGS = {
    "aifb": ["person", "id", "label_affiliation"],
    "mutag": ["bond", "id", "label_mutagenic"],
    "bgs": ["rock", "id", "label_lithogenesis", "label_theme"],
    "am": ["proxy", "id", "label_cateogory"],
}


@pytest.mark.parametrize("name", RDF)
def test_the_four_graphs_of_rgcn(tmp_path, name):
    """Columns lie in another order in the complete table, whose numbers are whole where the others' have a point."""
    entity, leak, label = RDF[name]
    people = [entity.format(at) for at in range(4)]
    rows = [f"<{a}> <http://x.org/ontology#near> <{b}> ." for a, b in itertools.pairwise(people)]
    rows += [
        f'<{people[0]}> <http://x.org/ontology#name> "a name\\t, in quotes \\"\\""^^<http://x.org/text> .'
    ]
    rows += [f"<{people[0]}> <{leak}> <http://x.org/told> ."]

    def table(heading, chosen, point):
        cells = {
            HEADINGS[name][0]: people,
            "id": [f"{at}{point}" for at in range(4)],
            "label_theme": ["x"] * 4,
        }
        classes = [label.format(at % 2) for at in range(4)]
        cells[HEADINGS[name][2]] = [f"{one}{point}" if name == "mutag" else one for one in classes]
        return lines(
            "\t".join(heading), *("\t".join(cells[column][at] for column in heading) for at in chosen)
        )

    first, *others = HEADINGS[name]
    put(
        tmp_path,
        {
            f"{name}_stripped.nt.gz": lines(*rows),
            "completeDataset.tsv": table(["id", first, *others[1:]], range(4), ""),
            "trainingSet.tsv": table(HEADINGS[name], [0, 1, 2], ".0"),
            "testSet.tsv": table(HEADINGS[name], [3], ".0"),
        },
    )
    dataset = rdf(name, str(tmp_path), download=False)
    assert [dataset.info["entities"][at] for at in dataset.splits["test"]] == [f"<{people[3]}>"]
    assert list(dataset.class_names) == [label.format(0), label.format(1)]
    assert sorted(dataset.info["relations"]) == ["name", "near"] and len(dataset.splits["train"]) == 3
    assert dataset.targets[dataset.splits["train"]].tolist() == [0, 1, 0]


def test_proteins_of_ogb(tmp_path):
    """Features of edges alone, a row of labels for each node, undirected edges that are written once."""
    put(
        tmp_path,
        {
            "raw/edge.csv.gz": lines("0,1", "1,2"),
            "raw/num-node-list.csv.gz": lines(3),
            "raw/num-edge-list.csv.gz": lines(2),
            "raw/edge-feat.csv.gz": lines("0.001,0.5", "0.25,0.75"),
            "raw/species.csv.gz": lines(3702, 4932, 3702),
            "raw/node-label.csv.gz": lines("0,1", "1,1", "0,0"),
            "split/species/train.csv.gz": lines(0),
            "split/species/valid.csv.gz": lines(1),
            "split/species/test.csv.gz": lines(2),
        },
    )
    dataset = ogb("ogbn-proteins", str(tmp_path), download=False)
    assert dataset.targets.tolist() == [[0, 1], [1, 1], [0, 0]] and dataset.targets.dtype == np.float32
    assert dataset.graphs.nodes is None and dataset.info["split"] == "species"
    ends = zip(dataset.graphs.senders.tolist(), dataset.graphs.receivers.tolist())
    assert sorted(ends) == [(0, 1), (1, 0), (1, 2), (2, 1)] and dataset.graphs.edges.shape == (4, 2)


def test_mag_of_ogb_with_all_its_files(tmp_path):
    """Types of relations, years and tables of what has labels and splits lie beside what is read."""
    edge = {"author___writes___paper": ["0,0", "1,1"], "paper___has_topic___field_of_study": ["0,0", "1,0"]}
    files = {
        "raw/num-node-dict.csv.gz": lines("author,field_of_study,paper", "2,1,2"),
        "raw/triplet-type-list.csv.gz": lines("author,writes,paper", "paper,has_topic,field_of_study"),
        "raw/nodetype-has-label.csv.gz": lines("author,field_of_study,paper", "False,False,True"),
        "raw/node-feat/paper/node-feat.csv.gz": lines("0.5,1", "0.25,2"),
        "raw/node-feat/paper/node_year.csv.gz": lines(2017, 2019),
        "raw/node-label/paper/node-label.csv.gz": lines(1, 0),
        "split/time/nodetype-has-split.csv.gz": lines("author,field_of_study,paper", "False,False,True"),
        "split/time/paper/train.csv.gz": lines(0),
        "split/time/paper/valid.csv.gz": lines(1),
        "split/time/paper/test.csv.gz": "",
    }
    for at, (name, rows) in enumerate(edge.items()):
        files[f"raw/relations/{name}/edge.csv.gz"] = lines(*rows)
        files[f"raw/relations/{name}/num-edge-list.csv.gz"] = lines(len(rows))
        files[f"raw/relations/{name}/edge_reltype.csv.gz"] = lines(*[at] * len(rows))
    put(tmp_path / "ogbn_mag", files)
    dataset = ogb("ogbn-mag", str(tmp_path), download=False)
    assert dataset.target_type == "paper" and dataset.num_classes == 2 and len(dataset.splits["test"]) == 0
    assert [key[1] for key in dataset.graphs.edges] == ["writes", "has_topic"]
    assert dataset.times.asked.tolist() == dataset.times.nodes["paper"].tolist() == [2017, 2019]


def test_arxiv_of_ogb_has_years(tmp_path):
    """A paper sees those of its year and before."""
    put(
        tmp_path,
        {
            "raw/edge.csv.gz": lines("0,1", "2,1", "0,2"),
            "raw/num-node-list.csv.gz": lines(3),
            "raw/num-edge-list.csv.gz": lines(3),
            "raw/node-feat.csv.gz": lines("0.5,1", "0.25,2", "0,1"),
            "raw/node_year.csv.gz": lines(2019, 2013, 2018),
            "raw/node-label.csv.gz": lines(1, 0, 1),
            "split/time/train.csv.gz": lines(1),
            "split/time/valid.csv.gz": lines(2),
            "split/time/test.csv.gz": lines(0),
        },
    )
    dataset = ogb("ogbn-arxiv", str(tmp_path), download=False)
    assert dataset.times.asked.tolist() == [2019, 2013, 2018] and list(dataset.times.nodes) == [""]
    store = store_of(dataset.graphs, dataset.times.nodes, dataset.times.edges)
    seeds, times = np.array([0, 1, 2]), np.array([2019, 2013, 2018])
    graph = Parts(store).around(seeds, Fanout((-1,)), key=0, seed_time=times).graph
    assert len(graph.senders) == 0  # whoever cites is newer
    everything = Parts(store_of(dataset.graphs)).around(seeds, Fanout((-1,)), key=0).graph
    assert len(everything.senders) == 3


def test_graphs_of_ogb_whose_nodes_have_no_features(tmp_path):
    """ogbg-ppa has features of edges alone."""
    put(
        tmp_path / "ogbg_ppa",
        {
            "raw/edge.csv.gz": lines("0,1", "0,1"),
            "raw/num-node-list.csv.gz": lines(2, 2),
            "raw/num-edge-list.csv.gz": lines(1, 1),
            "raw/edge-feat.csv.gz": lines("0.5,0.001", "0.25,0"),
            "raw/graph-label.csv.gz": lines(1, 0),
            "split/species/train.csv.gz": lines(0),
            "split/species/valid.csv.gz": lines(1),
            "split/species/test.csv.gz": "",
        },
    )
    dataset = ogb("ogbg-ppa", str(tmp_path), download=False)
    assert [graph.nodes for graph in dataset.graphs] == [None, None] and dataset.targets.tolist() == [1, 0]
    np.testing.assert_allclose(dataset.graphs[0].edges, [[0.5, 0.001]] * 2)


def test_enzymes_of_tu(tmp_path):
    """Attributes beside labels that begin at 1, classes from 1 on, no labels of edges, files of their own folder."""
    put(
        tmp_path / "ENZYMES",
        {
            "ENZYMES_A.txt": lines("2, 1", "1, 2", "4, 3", "3, 4"),
            "ENZYMES_graph_indicator.txt": lines(1, 1, 2, 2),
            "ENZYMES_graph_labels.txt": lines(6, 1),
            "ENZYMES_node_labels.txt": lines(1, 1, 2, 1),
            "ENZYMES_node_attributes.txt": lines("11.000000, 15.887014", "2.0, 1.5", "1.000000, 0.5", "0, 0"),
        },
    )
    dataset = tu("ENZYMES", str(tmp_path), False, node_features="both")
    assert dataset.targets.tolist() == [1, 0] and list(dataset.class_names) == ["1", "6"]
    np.testing.assert_allclose(dataset.graphs[0].nodes, [[11, 15.887014, 1, 0], [2, 1.5, 1, 0]], rtol=1e-6)
    assert dataset.graphs[0].edges is None
