"""Training on XLA.

program.py     one jitted step with donated buffers; dispatch.py: many steps ahead of the device
portable.py    portable models; state.py: all that a step changes; optimizer.py: optax
device_put.py  batches as JAX arrays; dropout.py, remat.py: within a pass
"""
