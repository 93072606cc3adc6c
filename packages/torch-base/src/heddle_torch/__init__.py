"""What every engine on torch needs; a library that registers no plugin. See README.md.

engine.py   TorchEngine: what Backends on torch have alike
arrays/     TorchOps: the primitives on tensors, with gradients of any order
train/      a Program of any Learner: optimisers, weights, dropout, gradients
place.py    devices, precisions, batches as tensors
kernels.py  who computes the primitives
group.py    processes that train as one
"""

__version__ = "0.1.0"
