"""Native kernels for every engine; see README.md. Import the face of your arrays:

    heddle_kernels.numpy    plain functions
    heddle_kernels.torch    torch.library operators with gradients
    heddle_kernels.jax      XLA calls with JAX's differentiation and batching rules
    heddle_kernels.library  the native library itself: threads, instruction set

None of them is imported from here, and none imports another's framework.
"""

__version__ = "0.1.0"
