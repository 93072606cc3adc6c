"""Named: what inputs brought, by tables, keys, columns and values."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from heddle.data.etl.rows import Rows
from heddle.data.prepared.graphs import columns_of
from heddle.graphs.graph import EdgeType
from heddle.serving.bundle.bundle import Bundle
from heddle.serving.live.graph import Snapshot
from heddle.serving.reasons.columns import Column, encoded_columns, named_columns, parts_of
from heddle.serving.reasons.integrate import Integrated
from heddle.serving.reasons.network import Network
from heddle.serving.reasons.reasons import ColumnReason, EdgeReason, NodeReason, Reasons
from heddle.serving.reasons.sampled import Encoded, Question

SHOWN = 10
"""Columns of a neighbour or an edge that are named; the others are added up."""


class Named:
    """Gives names to what the inputs of one question brought."""

    def __init__(self, bundle: Bundle, snapshot: Snapshot, row: Rows, question: Question):
        self._bundle, self._snapshot, self._row, self._question = bundle, snapshot, row, question
        self._names = columns_of(bundle.live.opened)

    def reasons(self, network: Network, integrated: Integrated, of: str, score: float) -> Reasons:
        brought: dict[Any, np.ndarray] = {}
        for level, feeds in zip(network.levels, integrated.feeds):
            for feed, values in zip(level.feeds, feeds):
                brought[feed.source] = brought[feed.source] + values if feed.source in brought else values
        nodes, places = self._nodes(brought)
        edges = self._edges(brought, self._carried(network, integrated), places)
        columns: list[ColumnReason] = []
        if ("asked", "") in brought and self._question.asked is not None:
            columns = self._asked(brought["asked", ""][0], self._question.asked)
        total = sum(of.contribution for of in columns)
        total += sum(of.contribution for of in nodes) + sum(of.contribution for of in edges)
        gap = score - integrated.baseline - total
        return Reasons(
            of, score, integrated.baseline, gap, integrated.exact, tuple(columns), tuple(nodes), tuple(edges)
        )

    def _asked(self, brought: np.ndarray, encoded: Encoded) -> list[ColumnReason]:
        key = self._bundle.target
        made = []
        for part in parts_of(self._columns(key), brought, encoded, 0, self._question.widths[""]):
            sent = self._sent(key, part.column)
            made.append(ColumnReason(part.column, part.value if sent is None else sent, part.contribution))
        return sorted(made, key=lambda each: -abs(each.contribution))

    def _sent(self, key: tuple[str, ...], column: str) -> str | None:
        """Return what was sent as a column of a row; None of one that was made of the graph."""
        encoder = self._bundle.encoders.get(key)
        if encoder is None or column not in encoder.table.columns:
            return None
        cells = [self._row.columns.get(of, [None])[0] for of in encoder.table.columns[column].of]
        return " ".join("" if cell is None else str(cell) for cell in cells)

    def _nodes(self, brought: dict[Any, np.ndarray]) -> tuple[list[NodeReason], dict[tuple[str, int], int]]:
        """Return reasons of nodes, each once, and (type, place in the sample) -> place among them."""
        sample = self._question.sample
        appearances: dict[tuple[str, int], list[tuple[int, int]]] = {}
        for node_type, ids in sample.nodes.items():
            hops = np.repeat(np.arange(len(sample.nodes_per_hop[node_type])), sample.nodes_per_hop[node_type])
            for at, (number, hop) in enumerate(zip(ids.tolist(), hops.tolist())):
                appearances.setdefault((node_type, number), []).append((hop, at))
        order = sorted(
            appearances,
            key=lambda each: (appearances[each][0][0], self._end(each[0], appearances[each][0][1])),
        )
        nodes: list[NodeReason] = []
        places: dict[tuple[str, int], int] = {}
        for node_type, number in order:
            hop, first = appearances[node_type, number][0]
            total = np.zeros(0)
            for _, at in appearances[node_type, number]:
                places[node_type, at] = len(nodes)
                if ("node", node_type) in brought:
                    total = (
                        total + brought["node", node_type][at]
                        if total.size
                        else brought["node", node_type][at]
                    )
            parts: list[ColumnReason] = []
            if node_type in self._question.nodes and total.size:
                encoded, widths = self._question.nodes[node_type], self._question.widths[node_type]
                parts = _largest(parts_of(self._columns((node_type,)), total, encoded, first, widths))
            seen = number < self._snapshot.n_node[node_type]
            key = (
                str(self._snapshot.generation.keys[node_type].name(number))
                if seen
                else self._key(node_type, first)
            )
            nodes.append(NodeReason(node_type, key, hop, seen, float(total.sum()), tuple(parts)))
        return nodes, places

    def _end(self, node_type: str, at: int) -> int:
        ends = self._question.ends
        return ends.index((node_type, at)) if (node_type, at) in ends else len(ends)

    def _key(self, node_type: str, at: int) -> str:
        """Return the key of an end that was never seen, as it was sent."""
        encoder = self._bundle.encoders.get(self._bundle.target)
        if encoder is None or encoder.edges is None:
            return str(self._row.columns.get("key", [""])[0])
        end = self._end(node_type, at)
        column = (encoder.edges.source, encoder.edges.target)[min(end, 1)]
        sent = [self._row.columns.get(of, [None])[0] for of in encoder.table.columns[column].of]
        return "/".join("" if cell is None else str(cell) for cell in sent)

    def _carried(self, network: Network, integrated: Integrated) -> dict[EdgeType, dict[int, float]]:
        """Return relation -> place in the sample's edges -> what came along it."""
        sample = self._question.sample
        sums: dict[EdgeType, dict[int, float]] = {}
        hops = len(self._question.embedding)
        for number, (level, along) in enumerate(zip(network.levels[:hops], integrated.carried)):
            hop = hops - 1 - number
            flows = [(feed.hop, feed.flow) for feed in level.feeds if feed.hop is not None]
            flows += [(link.hop, link.flow) for link in level.links if link.hop is not None]
            for (relation, flow), values in zip(flows, along, strict=True):
                first = sum(sample.edges_per_hop[relation][:hop])
                of = sums.setdefault(relation, {})
                assert len(flow.senders) == sample.edges_per_hop[relation][hop]
                for at, value in enumerate(values.tolist()):
                    of[first + at] = of.get(first + at, 0.0) + value
        return sums

    def _edges(
        self,
        brought: dict[Any, np.ndarray],
        carried: dict[EdgeType, dict[int, float]],
        places: dict[tuple[str, int], int],
    ) -> list[EdgeReason]:
        """Return reasons of edges; one that was taken at several hops once, with all that it brought."""
        sample = self._question.sample
        made: list[EdgeReason] = []
        for relation, taken in sample.edges.items():
            rows = self._snapshot.rows(relation, taken).tolist()
            encoder = self._bundle.encoders.get(self._stored(relation))
            merged: dict[tuple[int, int, int], list[int]] = {}
            for at, row in enumerate(rows):
                sender = places[relation[0], int(sample.senders[relation][at])]
                receiver = places[relation[2], int(sample.receivers[relation][at])]
                merged.setdefault((row, sender, receiver), []).append(at)
            for (row, sender, receiver), same in merged.items():
                total: float = 0.0
                parts: list[ColumnReason] = []
                if ("edge", relation) in brought:
                    of_edges = brought["edge", relation][same].sum(axis=0)
                    encoded, widths = self._question.edges[relation], self._question.widths[relation]
                    total = float(of_edges.sum())
                    columns = self._columns(self._stored(relation))
                    parts = _largest(parts_of(columns, of_edges, encoded, same[0], widths))
                along = sum(carried.get(relation, {}).get(each, 0.0) for each in same)
                table = encoder.name if encoder is not None else "/".join(self._stored(relation))
                name = "/".join(relation)
                made.append(EdgeReason(name, table, row, sender, receiver, total, along, tuple(parts)))
        return sorted(made, key=lambda each: -abs(each.carried))

    def _stored(self, relation: EdgeType) -> EdgeType:
        return self._snapshot.generation.reverse.get(relation, relation)

    def _columns(self, key: tuple[str, ...]) -> tuple[Column, ...]:
        encoder = self._bundle.encoders.get(key)
        if encoder is not None:
            return encoded_columns(encoder)
        return named_columns(self._names.get(key[0] if len(key) == 1 else key, {}))


def _largest(parts: Sequence[ColumnReason]) -> list[ColumnReason]:
    """Return the parts that brought most, the others added up."""
    ordered = sorted(parts, key=lambda part: -abs(part.contribution))
    made = ordered[:SHOWN]
    if len(ordered) > SHOWN:
        rest = sum(part.contribution for part in ordered[SHOWN:])
        made.append(ColumnReason(f"{len(ordered) - SHOWN} others", "", rest))
    return made
