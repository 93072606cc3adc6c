"""Fraud among card transactions: from a table to embeddings, boosted trees on them, and a server of the trees.

    python examples/11_tabformer.py SRC DST MODELS

SRC is a folder with TabFormer's card_transaction CSV (`heddle.data.generators.write_tabformer(SRC)` makes a small one
up), DST is where the prepared graph goes, MODELS the Triton model repository. The lines are those of NVIDIA's talk on
PyG: imports, paths, sizes and the number of devices differ. The last ones are added: they score raw rows as they come.
"""

import csv
import sys
from functools import partial
from pathlib import Path

import torch

from heddle.data import DataSpec, Tabformer
from heddle.scripts import (
    BinaryAccuracy,
    GPInferenceCluster,
    GPTrainCluster,
    LPDataObject,
    MetaLoader,
    OptWrapper,
    Trainer,
    Workflow,
)
from heddle_pyg import HeteroModule, LinkPredictor, TorchNodeEmbedding

SRC, DST, MODELS = sys.argv[1:]

# Pre Process
prep = Tabformer(SRC, DST)
prep.transform()

# Load Data
meta = MetaLoader(DST)
fan = 5
spec = DataSpec(shuffle=True, batch_size=512, fanouts=[fan, fan], metadata=meta)
data_object = LPDataObject(
    train_data_loader=spec,
    valid_data_loader=spec.merge(shuffle=False),
    test_data_loader=spec.merge(shuffle=False),
    data_path=DST,
    backend="PyG",
)
graph = data_object.construct_cache["graph"]
metadata = data_object.metadata

# Initialize Modules
EMBEDDING_DIM = 16
emb = TorchNodeEmbedding(graph, EMBEDDING_DIM)
model = HeteroModule(
    metadata=metadata,
    dim_hidden=EMBEDDING_DIM,
    dim_out=16,
    n_layers=2,
    embedding=emb,
)
link_model = LinkPredictor(model)

# Set Up Training
opt1 = partial(torch.optim.Adam, lr=1e-2)
opt2 = partial(torch.optim.SGD, lr=1e-2)
sched2 = partial(torch.optim.lr_scheduler.CyclicLR, base_lr=1e-2, max_lr=7e-1, mode="triangular")
opt_object_1 = OptWrapper(model=emb, opt_partial=opt1)
opt_object_2 = OptWrapper(model=model, opt_partial=opt2, scheduler_partial=sched2)
trainer = Trainer(
    data_object=data_object,
    model=link_model,
    optimizers=[opt_object_1, opt_object_2],
    criterion=torch.nn.BCELoss(),
    n_gpus=2,
    epochs=1,
    metrics={"acc": BinaryAccuracy()},
    amp=False,
)
wrk = Workflow(
    trainer=trainer,
)
wrk.fit()

# Train and Deploy to XGBoost on triton inference server
wrk.generate_embeddings_pyg()
train_cluster = GPTrainCluster(world_size=1)
inference_cluster = GPInferenceCluster(world_size=1)
ap = wrk.fit_xgboost(training_cluster=train_cluster, inference_cluster=inference_cluster, n_rounds=1)
wrk.deploy(MODELS, triton_batch_size=8192, downstream=True)
wrk.launch_inference_server()
b = wrk.pydep.run_inference_on_triton(dataloader=wrk.gp_xgb.triton_data_loader())
wrk.stop_inference_server()

# Serve the trees on embeddings: a raw row of the CSV in, its score as of its time out
wrk.export_bundle(f"{DST}-bundle")
wrk.serve()
with open(next(Path(SRC).glob("card_transaction*.csv")), encoding="utf-8") as table:
    row = next(csv.DictReader(table))
(score,) = wrk.score([row])
print(f"fraud: {score['answer']} with probability {score['probability'][1]:.4f}")
wrk.stop_inference_server()
wrk.cleanup()
