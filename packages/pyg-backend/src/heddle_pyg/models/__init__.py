"""Modules of PyG's kind, trained by the same Program as portable models.

named.py         model=pyg: classes of torch_geometric by name; hetero.py: one of them over relations
native_model.py  a module with a head; native_learner.py: how it learns; native_inputs.py: what it is called with
"""
