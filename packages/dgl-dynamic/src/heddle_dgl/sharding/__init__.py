"""Training in several processes, by torch.distributed.

group.py     the processes of a run: what they send one another, counted
halo.py      sums along the edges of a partitioned graph, the missing senders fetched while the own ones are summed
learners.py  windows shared out, each process with the whole graph; or nodes, each with a part of it
plan.py      which of the two is cheaper
training.py  from the `sharding` node to a Program
"""
