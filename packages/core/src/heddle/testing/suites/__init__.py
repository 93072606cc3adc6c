"""Suites: what every backend must do; suite.py is what they share.

backend.py     what an engine says of itself, and value_and_grad
ops.py         every op on the table of cases; ops_contract.py: rules of single ops; ops_large.py: large graphs;
               op_runs.py: a case on the engine and on the reference
containers.py  to_native, from_native
layers.py      every portable layer in values and gradients; layer_laws.py: laws of layers;
               layer_runs.py: a layer as a function
inputs.py      what a model says it reads is what its answers depend on
products.py    models x samplers x features x types x devices: each trains, or says why not
program.py     training; program_state.py: states; program_optim.py: optimisers
sampler.py     samplers; sampler_statistics.py: how often each neighbour is drawn
"""
