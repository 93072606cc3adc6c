"""The primitives on tensors.

ops.py       TorchOps, all of them
segments.py  sums and maxima by segment
sparse.py    sums, products and softmax along the edges of a sorted Adjacency
transforms.py  what torch.func and forward mode go through in place of these
products.py  dense products of one matrix with several
features.py  SparseFeatures, matrices that are mostly zero
"""
