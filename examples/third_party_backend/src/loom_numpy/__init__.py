"""An engine of another author: Heddle's models trained in numpy alone.

plugin.py     what Heddle registers
array.py      Array: a numpy array that remembers what it was made of
tape.py       gradients, back along that memory
xp.py         the functions that layers call, with their gradients
ops.py        the six primitives
engine.py     LoomBackend; training is core's functional_program
sgc.py        a model
"""

__version__ = "0.3.0"
