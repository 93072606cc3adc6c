"""Loaders: from a dataset and a task to the batches of an epoch and the predictions of a split.

loader.py          Loader, and which one a task asks for
nodes.py           nodes or edges of one graph, whole
graphs.py          many graphs, padded to a few shapes
links.py           links of one kind; triples.py: of a knowledge graph; snapshot_links.py: in time
forecasts.py       windows of a signal
sampled.py         sampled neighbourhoods of what is asked; sampler.py: how they are drawn
questions/         what is asked of one graph: nodes, edges or links
known.py           up to which time each question may look
negatives.py       negative edges; candidates.py: those that each positive edge is ranked against
prefetch.py        batches built ahead by threads
"""
