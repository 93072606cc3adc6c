"""A script whose checkpoint later versions go on from: python script.py PREPARED CHECKPOINT OUT EPOCHS.

Every batch is the whole training split with all neighbours, so that the order in which batches are drawn is no matter.
OUT gets weights.safetensors and metrics.json.
"""

import inspect
import json
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

from heddle.data import DataSpec
from heddle.scripts import MetaLoader, NodeDataObject, Trainer, Workflow
from heddle.scripts.data_objects import DataObject
from heddle_pyg import HeteroModule


def train(prepared: str, checkpoint: str, out: str, epochs: int) -> None:
    """Train until `epochs` are done, from `checkpoint` where there is one, and write what comes of it to `out`."""
    meta = MetaLoader(prepared)
    spec = DataSpec(shuffle=True, batch_size=64, fanouts=[-1, -1], metadata=meta)
    timed = "time" in inspect.signature(DataObject.__init__).parameters
    shown = {"time": "ignore"} if timed else {}  # 0.1.0 looked at no times
    torch.manual_seed(0)
    model = HeteroModule(metadata=meta, dim_hidden=8, dim_out=2, n_layers=2)
    trainer = Trainer(
        data_object=NodeDataObject(spec, **shown),
        model=model,
        optimizers=[torch.optim.Adam(model.parameters(), lr=0.01)],
        criterion=torch.nn.CrossEntropyLoss(),
        epochs=epochs,
        metrics=["accuracy", "f1"],
        progress=False,
        checkpoint=checkpoint,
    )
    workflow = Workflow(trainer)
    workflow.fit()
    metrics = {"valid": workflow.valid(), "test": workflow.test()}
    workflow.cleanup()
    Path(out).mkdir(parents=True)
    kept = {
        split: {name: float(row[name]) for name in ("loss", "accuracy", "f1")}
        for split, row in metrics.items()
    }
    (Path(out) / "metrics.json").write_text(json.dumps(kept, indent=1) + "\n")
    weights = {name: x.detach().contiguous() for name, x in model.state_dict().items()}
    save_file(weights, Path(out) / "weights.safetensors")


if __name__ == "__main__":
    train(*sys.argv[1:4], int(sys.argv[4]))
