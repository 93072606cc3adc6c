"""Training from a script: modules that take sampled batches, and what runs them.

batch.py          a mini-batch as tensors, one block of edges for each layer
hetero_module.py  HeteroModule: any conv of PyG for each relation; whole.py: it on a whole graph, layer by layer
convs.py          one conv for a relation, from a class, its name or a function
embedding.py      TorchNodeEmbedding: a learned row for each node, sparse gradients; shards.py: split over processes
link_predictor.py LinkPredictor: probabilities of links; edge_predictor.py: classes or values of edges
optimizers.py     optimisers and schedules of OptWrappers
portable.py       a HeteroModule as a portable encoder, for servers
runner.py         TorchRunner: epochs, metrics, embeddings
"""
