"""The venue of papers: OGB's academic graph from its raw files to a trained heterogeneous GNN.

    python examples/10_mag.py SRC DST

SRC is a folder in ogbn-mag's raw layout (`heddle.data.generators.write_mag(SRC)` makes a small one), DST is where the
prepared graph goes. The lines are those of NVIDIA's talk on PyG: imports, paths, sizes and the number of devices
differ.
"""

import sys

import torch

from heddle.data import OGBN_MAG, DataSpec
from heddle.scripts import MetaLoader, NodeDataObject, Trainer, Workflow
from heddle_pyg import HeteroModule

SRC, DST = sys.argv[1:]

# Pre Process
prep = OGBN_MAG(SRC, DST)
prep.transform()

# Load Data
meta = MetaLoader(DST)
train_spec = DataSpec(
    shuffle=True,
    batch_size=64,
    fanouts=[10, 10],
    metadata=meta,
)
test_spec = DataSpec(
    shuffle=False,
    batch_size=64,
    fanouts=[10, 10],
    metadata=meta,
)
data_object = NodeDataObject(
    train_dataloader=train_spec,
    valid_dataloader=test_spec,
    test_dataloader=test_spec,
    data_path=DST,
    backend="PyG",
)

# Initialize GNN Module
model = HeteroModule(
    metadata=data_object.metadata,
    dim_hidden=64,
    dim_out=349,
    n_layers=1,
)

# Set Up Training
optimizer = torch.optim.Adam(
    params=model.parameters(),
    lr=0.1,
    betas=(0.9, 0.999),
    eps=1.0e-08,
    weight_decay=0.0,
    amsgrad=False,
)
trainer = Trainer(
    data_object=data_object,
    model=model,
    optimizers=[optimizer],
    criterion=torch.nn.CrossEntropyLoss(),
    n_gpus=2,
)
wrk = Workflow(
    trainer=trainer,
)

# Run Workflow
wrk.fit()
wrk.valid()
wrk.test()
wrk.cleanup()
