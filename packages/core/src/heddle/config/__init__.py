"""Configuration: Hydra's groups of core and of every plugin, composed, checked and typed.

groups.py   which groups and options there are
"""
