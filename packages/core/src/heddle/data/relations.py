"""relation_graph: triples as a HeteroGraph of one node type, with a relation back for each relation."""

from collections.abc import Sequence

import numpy as np

from heddle.graphs.graph import EdgeSet, HeteroGraph, hetero_graph

ENTITY = "entity"
BACK = "rev_"


def relation_graph(
    triples: np.ndarray, n_entities: int, relations: Sequence[str], inverse: bool
) -> tuple[HeteroGraph, list[str]]:
    """Return the graph of [n, 3] (head, relation, tail) int64 triples, and the names of its relations.

    Edges run from head to tail, and in the relation rev_R from tail to head; a relation without triples has no
    edges but keeps its place. Names: `relations`, then their inverses in the same order, if asked for.

    >>> graph, names = relation_graph(np.array([[0, 0, 1]]), 2, ["likes"], True)
    >>> names, graph.edges["entity", "rev_likes", "entity"].senders.tolist()
    (['likes', 'rev_likes'], [1])
    """
    back = BACK
    while any(back + name in relations for name in relations):
        back += BACK
    order = np.argsort(triples[:, 1], kind="stable")
    heads, tails = triples[order, 0], triples[order, 2]
    bounds = np.searchsorted(triples[order, 1], np.arange(len(relations) + 1))
    edges = {}
    for name, start, end in zip(relations, bounds[:-1], bounds[1:]):
        count = np.array([end - start])
        edges[ENTITY, name, ENTITY] = EdgeSet(None, heads[start:end], tails[start:end], count)
        if inverse:
            edges[ENTITY, back + name, ENTITY] = EdgeSet(None, tails[start:end], heads[start:end], count)
    names = [*relations, *(back + name for name in relations if inverse)]
    return hetero_graph({ENTITY: None}, edges, {ENTITY: np.array([n_entities])}), names
