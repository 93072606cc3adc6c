"""Cases: tables that the suites run through, and that other authors extend.

graphs.py    graphs that break implementations; transforms.py: the same graphs in another order
ops.py       every op on every structure
layers.py    every portable layer
programs.py  a model for every kind of task
inputs.py    graphs with every kind of input
samples.py   calls of a sampler; sample_checks.py: what every sample obeys
"""
