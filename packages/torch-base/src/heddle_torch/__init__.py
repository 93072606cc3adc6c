"""What every engine on torch needs; a library that registers no plugin. See README.md.

TorchEngine     what Backends on torch have alike; TorchOptions: the keys of their node
TorchOps        the primitives on tensors, with gradients of any order
build_program   a Program of any Learner; ParamLearner, PortableLearner: of what has named weights, of portable models
Group           processes that train as one

arrays/      TorchOps and what it is made of
train/       optimisers, weights, dropout, gradients
placement.py devices, precisions, batches as tensors
kernels.py   who computes the primitives

torch is imported when one of these is used.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
