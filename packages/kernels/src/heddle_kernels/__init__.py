"""Native kernels for every engine; see README.md. Choose the face of your arrays:

    import heddle_kernels

    heddle_kernels.numpy.spmm(...)   plain functions
    heddle_kernels.torch.spmm(...)   torch.library operators with gradients
    heddle_kernels.jax.spmm(...)     XLA calls with JAX's differentiation and batching rules

numpy, torch, jax   the faces
sampling            neighbour sampling, random walks and budgets
pyg_lib_api         pyg-lib's names; after `install()` PyG itself uses them
library             the native library itself: threads, instruction set

Each is imported on first use, and none imports another's framework.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
