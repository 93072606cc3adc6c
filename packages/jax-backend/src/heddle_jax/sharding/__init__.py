"""One graph over several devices, by pmap or shard_map, in one process or many.

spmd.py           one body for every device: device_mesh, spmd, place
adjacency.py      what one device holds by each plan, and how it reaches the nodes of the others
ops.py            ShardedOps: the primitives for portable layers, as they are
segments.py       segment_sum, segment_max, segment_softmax over all devices
layout.py         how a Batch is cut along a plan;  layouts.py: which plan
placed.py         a Batch on a mesh;  learner.py, program.py: training on it;  dropout.py
start.py          devices and processes;  training.py: from the `sharding` node to a Program
memory.py         what the compiler reserves for a step
memory.py         what the compiler reserves for a step
"""
