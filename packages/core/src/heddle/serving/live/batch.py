"""Append: rows that come to a live graph, by the keys of their nodes, and as the bytes that its log holds."""

import json
import struct
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from heddle.graphs.graph import EdgeType

_HEAD = struct.Struct("<I")


class NewNodes(NamedTuple):
    """Nodes of one type, or what is known of nodes that are there already.

    Attributes:
        keys: [n] int64, or [n] str (object).
        time: [n] int64, when each came into being, or from when on its features are known; None where the type has no
            times: then features are known from ever on.
        features: name -> [n, ...]; all that the type has, or {} for zeros and unknown codes.
    """

    keys: np.ndarray
    time: np.ndarray | None = None
    features: Mapping[str, np.ndarray] = {}


class NewEdges(NamedTuple):
    """Edges of one relation; its reverse gets them too. An end with a new key is a new node, without features.

    Attributes:
        senders, receivers: [n] keys, int64 or str (object).
        time: [n] int64; None in a relation without times.
        features: name -> [n, ...]; all that the relation has, or {} for zeros and unknown codes.
    """

    senders: np.ndarray
    receivers: np.ndarray
    time: np.ndarray | None = None
    features: Mapping[str, np.ndarray] = {}


class Append(NamedTuple):
    """What is appended together: it is seen whole or not at all. Nodes come first."""

    nodes: Mapping[str, NewNodes] = {}
    edges: Mapping[EdgeType, NewEdges] = {}

    @property
    def most(self) -> tuple[int, int]:
        """The most nodes of a type, and entries, that it can add."""
        nodes = sum(len(of.keys) for of in self.nodes.values())
        edges = sum(len(of.senders) for of in self.edges.values())
        return nodes + 2 * edges, nodes + 2 * edges


def to_bytes(append: Append) -> bytes:
    """Return an Append as bytes: a JSON header with all text, then the arrays."""
    arrays: list[bytes] = []

    def put(array: np.ndarray | None) -> Any:
        if array is None:
            return None
        if array.dtype == object:
            return array.tolist()
        array = np.ascontiguousarray(array)
        arrays.append(array.tobytes())
        return {"dtype": array.dtype.str, "shape": array.shape}

    head = {
        "nodes": [
            [node_type, put(of.keys), put(of.time), {name: put(x) for name, x in of.features.items()}]
            for node_type, of in append.nodes.items()
        ],
        "edges": [
            [key, *map(put, of[:3]), {name: put(x) for name, x in of.features.items()}]
            for key, of in append.edges.items()
        ],
    }
    text = json.dumps(head, separators=(",", ":")).encode()
    return b"".join([_HEAD.pack(len(text)), text, *arrays])


def from_bytes(content: bytes | memoryview) -> Append:
    """Return the Append of `to_bytes`."""
    view = memoryview(content)
    (length,) = _HEAD.unpack_from(view)
    head, at = json.loads(bytes(view[_HEAD.size : _HEAD.size + length])), _HEAD.size + length

    def take(spec: Any) -> Any:
        nonlocal at
        if isinstance(spec, list):
            column = np.empty(len(spec), object)
            column[:] = spec
            return column
        if spec is None:
            return None
        count, dtype = int(np.prod(spec["shape"])), np.dtype(spec["dtype"])
        array = np.frombuffer(view, dtype, count, at).reshape(spec["shape"])
        at += array.nbytes
        return array

    nodes = {
        node_type: NewNodes(take(keys), take(time), {name: take(x) for name, x in features.items()})
        for node_type, keys, time, features in head["nodes"]
    }
    edges = {
        tuple(key): NewEdges(
            take(ends[0]), take(ends[1]), take(time), {name: take(x) for name, x in of.items()}
        )
        for key, *ends, time, of in head["edges"]
    }
    return Append(nodes, edges)
