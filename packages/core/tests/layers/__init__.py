"""Layers against dense formulas."""
