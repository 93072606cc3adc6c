"""Sharding: a graph over several devices, and what that costs, before anything runs; numpy alone.

partition.py   which part owns each node: contiguous, random, labels, metis
labels.py      label propagation on coarser and coarser graphs
shard.py       edges cut into equal runs, for devices that all see every node
halo.py        parts with the senders they miss; each one's own sizes, or all in equal ones
"""
