"""Questions: what sampled batches ask of one large graph.

base.py         Question, what all have
nodes.py        of nodes; edges.py: of edges; links.py: which links are true
end_seeds.py    the two ends of edges as seeds; asked_links.py: links that are hidden from their own questions
"""
