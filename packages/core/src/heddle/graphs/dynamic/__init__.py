"""Graphs in time: signals on a fixed graph, graphs that change by deltas, unrelated snapshots, and windows on them."""

from heddle.graphs.dynamic.delta_graph import DeltaGraph, delta_graph
from heddle.graphs.dynamic.deltas import EdgeDelta, Rows, apply_delta
from heddle.graphs.dynamic.difference import delta_between
from heddle.graphs.dynamic.independent import validate_delta
from heddle.graphs.dynamic.snapshots import DynamicGraph, Snapshot, SnapshotSequence
from heddle.graphs.dynamic.static_graph import StaticTopologySignal
from heddle.graphs.dynamic.windows import Window, Windows, windows

__all__ = [
    "DeltaGraph",
    "DynamicGraph",
    "EdgeDelta",
    "Rows",
    "Snapshot",
    "SnapshotSequence",
    "StaticTopologySignal",
    "Window",
    "Windows",
    "apply_delta",
    "delta_between",
    "delta_graph",
    "validate_delta",
    "windows",
]
