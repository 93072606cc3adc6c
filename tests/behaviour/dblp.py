"""Train a HeteroModule on DBLP by a script's lines, and leave its weights and metrics: python dblp.py ROOT OUT."""

import json
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

from heddle.data import DataSpec
from heddle.data.readers.heco import heco
from heddle.scripts import MetaLoader, NodeDataObject, Trainer, Workflow
from heddle_pyg import HeteroModule

ROOT, OUT = sys.argv[1:]

meta = MetaLoader(heco("dblp", root=ROOT, download=False))
spec = DataSpec(shuffle=True, batch_size=20, fanouts=[5, 5], metadata=meta)
torch.manual_seed(0)
model = HeteroModule(metadata=meta, dim_hidden=16, dim_out=4, n_layers=2, dropout=0.5)
trainer = Trainer(
    data_object=NodeDataObject(spec),
    model=model,
    optimizers=[torch.optim.Adam(model.parameters(), lr=5e-3, weight_decay=1e-3)],
    criterion=torch.nn.CrossEntropyLoss(),
    epochs=2,
    metrics=["accuracy", "f1"],
    progress=False,
)
workflow = Workflow(trainer)
rows = workflow.fit()
metrics = {f"epoch{k}": row for k, row in enumerate(rows)} | {
    "valid": workflow.valid(),
    "test": workflow.test(),
}
workflow.cleanup()

clocks = ("seconds", "loader_wait_share")
folder = Path(OUT)
folder.mkdir()
kept = {
    split: {name: float(x) for name, x in row.items() if name not in clocks} for split, row in metrics.items()
}
(folder / "metrics.json").write_text(json.dumps(kept))
save_file(
    {name: x.detach().contiguous() for name, x in model.state_dict().items()}, folder / "weights.safetensors"
)
