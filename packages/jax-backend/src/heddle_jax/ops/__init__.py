"""The primitives on JAX arrays.

jax_ops.py   JaxOps
segments.py  segment reductions; edges.py: rows to edges and back; sparse.py: spmm; grouped.py: segment_matmul
"""
