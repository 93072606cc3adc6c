"""Containers: batches, padding, packing, graphs in time, conversions."""
