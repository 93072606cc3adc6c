"""Layers as PyG's users call them.

module.py    PortableModule: a portable model as an nn.Module; register.py: its parameters; inputs.py: its graphs
rgcn.py      RGCNConv; convert.py: models with PyG's own in its place; adapt.py: one layer as an encoder
"""
