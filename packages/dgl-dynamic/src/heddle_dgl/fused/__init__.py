"""Fused steps of cells: products of all gates and what follows, forward and backward, in buffers of their own."""
