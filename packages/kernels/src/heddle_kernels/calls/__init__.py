"""What is called natively, described once: a table per op, from which all that names its arguments derives.

- `describe`: Op, Function, Struct and what they are made of
- `sparse`, `segments`, `matmul`, `cells`, `relational`, `sampling`, `settings`: the tables
- `tables`: all of them, by header
- `bind`: functions of a loaded library, called by the names of their arguments
- `printed`: the C headers, and the handlers that XLA calls; `python -m heddle_kernels.calls` writes them
"""
