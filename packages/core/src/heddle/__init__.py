"""Heddle: one graph, one config and one set of weights on every GNN engine. No framework is imported here."""

__version__ = "0.1.0"
