"""A script's model as one program: what the trainer embeds, for any ids, and after `deploy(downstream=False)`."""

import numpy as np
import pytest
import torch

from heddle.scripts import Trainer, Workflow
from heddle.serving import LocalModel
from heddle_pyg import HeteroModule

from .scripts import link_script, mag_data, purchases


@pytest.mark.parametrize("conv", ["SAGEConv", "GATConv"])
def test_nodes(tmp_path, conv):
    data = mag_data()
    torch.manual_seed(3)
    options = {"add_self_loops": False} if conv == "GATConv" else {}
    model = HeteroModule(data.metadata, 8, 8, n_layers=2, conv=conv, conv_options=options)
    trainer = Trainer(
        data, model, [torch.optim.Adam(model.parameters())], torch.nn.CrossEntropyLoss(), progress=False
    )
    root = Workflow(trainer).deploy(tmp_path, 64, downstream=False)
    index = np.random.default_rng(0).integers(300, size=(40, 1))
    wanted = trainer.runner.embed("paper")[index[:, 0]]
    assert np.abs(LocalModel(root / "model/1")({"index": index})["output"] - wanted).max() <= 1e-5


@pytest.mark.parametrize("features", [False, True])
def test_links(tmp_path, features):
    workflow = link_script(purchases(tmp_path / "data", features=features))
    workflow.fit()
    root = workflow.deploy(tmp_path / "models", 64, downstream=False)
    model = LocalModel(root / "model/1")
    index = np.random.default_rng(0).integers(40, size=(30, 2))
    cards, shops = (
        workflow.trainer.runner.embed(node_type)[ends] for node_type, ends in zip(("card", "shop"), index.T)
    )
    wanted = 1 / (1 + np.exp(-(cards * shops).sum(-1, keepdims=True)))
    assert np.abs(model({"index": index})["output"] - wanted).max() <= 1e-5
    assert model.facts["about"]["below"] == {"index": [80, 40]}
    workflow.cleanup()
