"""Ops: the primitives that an engine implements, and what follows from them.

graph_ops.py        GraphOps: the primitives, and ops that are made of them
reference.py        NumpyOps: slow and obvious, the truth
propagation.py      Propagation: the linear operator of an aggregation
message_passing.py  send along edges, aggregate at receivers, update
losses.py           losses over known targets
erf.py              the error function, for array libraries that have none
relational/         sums over relations, each in the cheapest way
"""
