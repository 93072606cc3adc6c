"""Configuration: Hydra's groups of core and of every plugin, composed, checked and typed.

groups.py      which groups and options there are, without Hydra
compose.py     Hydra, told where plugins keep their groups
overrides.py   the words of a command line
keys.py        the type of every key
values.py      checks of a whole configuration
check.py       checks of overrides, before anything heavy is imported
"""
