"""Models as pure functions on any engine's arrays.

params.py        parameters, described by layers and drawn in numpy
model.py         Model: an encoder and a head; ModelSpec: what data and task ask of it
heads.py         from node embeddings to a task's outputs
codes.py         codes of categories as rows of embedding tables
capabilities.py  what a model may read or predict, stated by name
named_arrays.py  named arrays checked against those that are asked for
bundles.py       relations of a graph prepared for a model's plans
layers/          one formula a file
models/          layers put together, and their options
"""
