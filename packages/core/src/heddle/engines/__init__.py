"""Engines: what an engine is to the rest of Heddle, and how one is found.

backend.py       Backend
program.py       Program: init, step, predict; functional.py: one made of primitives and `value_and_grad`
capabilities.py  what an engine may do besides, one Protocol each
optim.py         the `optim` node; optimisers.py: its rules on any arrays
launch.py        the `launch` node
inputs.py        the inputs that a graph holds, so that what a model leaves unread is named
hookspecs.py     what a plugin may say
plugins/         plugins found, checked and asked
sharding/        a graph over several devices, and what that costs
"""
