"""Graphs in time: signals on a fixed graph, graphs that change by deltas, unrelated snapshots, and windows on them."""

from heddle.dynamic.alone import validate_delta
from heddle.dynamic.changing import DeltaGraph, delta_graph
from heddle.dynamic.deltas import EdgeDelta, Rows, apply_delta
from heddle.dynamic.difference import delta_between
from heddle.dynamic.snapshots import DynamicGraph, Snapshot, SnapshotSequence
from heddle.dynamic.static import StaticTopologySignal
from heddle.dynamic.windows import Window, Windows, windows

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
