"""Training on torch.

program.py    build_program: the Program of any Learner
learner.py    PortableLearner: what trains a portable model
optimizer.py  torch's optimisers from the `optim` node, their state as named arrays
weights.py    weights as named arrays
dropout.py    dropout from a generator that a State carries
gradients.py  value_and_grad
"""
