"""Propose a schema for the tables of a folder, for a person to edit.

- `look`: what a file holds: how it is written, types, keys, times; `relations`: what refers to what
- `proposal`: the YAML of it
"""

from heddle.data.etl.infer.proposal import infer

__all__ = ["infer"]
