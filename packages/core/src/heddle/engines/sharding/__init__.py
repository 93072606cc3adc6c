"""Sharding: a graph over several devices, and what that costs, before anything runs; numpy alone.

partition.py     which part owns each node: contiguous, random, labels, stream, metis
labels.py        label propagation on coarser and coarser graphs
shard.py         edges cut into equal runs, for devices that all see every node
halo.py          parts with the senders they miss; each one's own sizes, or all in equal ones
settings.py      the `sharding` config node
plan.py          what a device holds and sends by each plan, and which is the cheapest that fits
workload.py      the sizes of a model's step on a graph: rounds.py of its layers, sizes.py, costs.py in bytes
"""
