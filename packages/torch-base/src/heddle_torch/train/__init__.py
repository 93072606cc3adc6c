"""Training on torch.

program.py    build_program: the Program of any Learner
learner.py    Learner, what a Program trains; PortableLearner, of a portable model
backward.py   the gradients of a step, in one process or added up over several
state.py      TorchState and its named arrays
optimizer.py  torch's optimisers from the `optim` node; optimizers.py: several, used as one
moments.py    what they remember, as named arrays; plain.py: plain values among these
weights.py    weights as named arrays
dropout.py    dropout from a generator that a State carries
gradients.py  value_and_grad
"""
