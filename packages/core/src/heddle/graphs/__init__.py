"""Graphs: the containers that every engine shares, and what is done to them in numpy, before any engine.

graph.py      Graph, HeteroGraph, EdgeSet
pytree.py     arrays inside dicts, tuples and lists: tree_map, leaves
adjacency.py  Adjacency: edges sorted once, both ways
validate.py   the rules of the containers; checks.py: those of one field
memo.py       values kept for a group of arrays
batch/        several graphs as one; padding to fixed sizes
convert/      edge lists, scipy.sparse, networkx; one node type to several and back
dynamic/      signals on a fixed graph, graphs that change, snapshots
"""
