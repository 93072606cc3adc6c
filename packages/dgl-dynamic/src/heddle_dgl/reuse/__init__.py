"""Reuse: cached message passing, and what it needs to never be stale.

message.py        cache, msg_pass, update: message passing in two halves
run.py            one forward pass: who aggregates, what is reused; windows.py: its snapshots
store.py          SnapshotStore: constants of snapshots; tiers.py: where they lie; reading_plan.py: when they are read
keys.py           keys of all that an answer depends on; digest.py: 128 bits of contents; step_memo.py: within a step
placed_graph.py   PlacedGraph: the operators of one graph on a device; aggregation.py: who aggregates alike
incremental.py    only what changed is summed again; changing_sums.py: over snapshots; snapshots.py: with the same rows
"""
