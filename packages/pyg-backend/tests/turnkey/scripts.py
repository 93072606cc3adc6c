"""What the tests of scripts share: a small graph on disk, and a script's lines around it."""

from functools import partial
from pathlib import Path

import numpy as np
import torch

from heddle.data import DataSpec
from heddle.data.generators.mag import mag
from heddle.data.prepared import FolderTask, FolderWriter, csc
from heddle.scripts import (
    BinaryAccuracy,
    LPDataObject,
    MetaLoader,
    NodeDataObject,
    OptWrapper,
    Trainer,
    Workflow,
)
from heddle_pyg import HeteroModule, LinkPredictor, TorchNodeEmbedding

WHOLE = [-1, -1]


def mag_data(spec: DataSpec | None = None, **options) -> NodeDataObject:
    """Return the synthetic academic graph in memory."""
    meta = MetaLoader(mag(papers=300, authors=200, institutions=12, fields=20, features=8, **options))
    return NodeDataObject(
        train_dataloader=(spec or DataSpec(batch_size=32, fanouts=[5, 5])).merge(metadata=meta)
    )


def purchases(
    folder: Path, cards: int = 80, shops: int = 40, rows: int = 1200, features: bool = False
) -> Path:
    """Write a prepared folder of cards that buy at shops of their own group, split by time.

    Args:
        features: give the purchases two numbers and a code each.
    """
    rng = np.random.default_rng(0)
    card = rng.integers(cards, size=rows)
    shop = (card % 4 + 4 * rng.integers(shops // 4, size=rows)) % shops
    ends = np.stack([card, shop], axis=1)
    cuts = [rows * 7 // 10, rows * 85 // 100]
    splits = dict(zip(("train", "valid", "test"), np.split(np.arange(rows), cuts)))
    writer = FolderWriter(folder, "purchases")
    codes = (np.arange(cards) % 3 + 1).astype(np.int32)[:, None]
    numbers = rng.standard_normal((cards, 2)).astype(np.float32)
    writer.nodes("card", cards, features={"codes": codes, "numbers": numbers}, sizes={"codes": [4]})
    writer.nodes("shop", shops)
    key = ("card", "buys", "shop")
    of_edges = {}
    if features:
        arrays = {
            "x": rng.standard_normal((rows, 2)).astype(np.float32),
            "codes": card[:, None].astype(np.int32) % 3,
        }
        of_edges = {"features": arrays, "sizes": {"codes": [3]}}
    writer.edges(
        key,
        rows,
        ends=ends,
        splits=splits,
        label=(rng.random(rows) < 0.1).astype(np.int64),
        **csc(ends, cards, shops),
        **of_edges,
    )
    back = csc(ends[:, ::-1], shops, cards)
    writer.edges(("shop", "rev_buys", "card"), rows, rows_of=key, **back)
    return writer.finish(FolderTask("edge_classification", key, 2))


def node_script(data: NodeDataObject, *, double: bool = False, **options) -> Workflow:
    """Return a workflow of a HeteroModule on papers."""
    torch.manual_seed(3)
    model = HeteroModule(metadata=data.metadata, dim_hidden=16, dim_out=8, n_layers=2)
    model = model.double() if double else model
    trainer = Trainer(
        data_object=data,
        model=model,
        optimizers=[torch.optim.Adam(model.parameters(), lr=0.02)],
        criterion=torch.nn.CrossEntropyLoss(),
        progress=False,
        **options,
    )
    return Workflow(trainer=trainer)


def link_script(folder: Path, *, double: bool = False, spec: DataSpec | None = None, **options) -> Workflow:
    """Return a workflow of links between cards and shops with learned embeddings, two optimisers and a schedule."""
    torch.manual_seed(4)
    spec = (spec or DataSpec(batch_size=64, fanouts=[5, 5])).merge(metadata=MetaLoader(folder))
    data = LPDataObject(
        train_data_loader=spec, valid_data_loader=spec.merge(shuffle=False), data_path=folder, backend="PyG"
    )
    emb = TorchNodeEmbedding(data.construct_cache["graph"], 16)
    model = HeteroModule(metadata=data.metadata, dim_hidden=16, dim_out=8, n_layers=2, embedding=emb)
    link = LinkPredictor(model)
    link = link.double() if double else link
    cyclic = partial(torch.optim.lr_scheduler.CyclicLR, base_lr=1e-2, max_lr=7e-2, mode="triangular")
    trainer = Trainer(
        data_object=data,
        model=link,
        optimizers=[
            OptWrapper(model=emb, opt_partial=partial(torch.optim.Adam, lr=1e-2)),
            OptWrapper(model=model, opt_partial=partial(torch.optim.SGD, lr=1e-2), scheduler_partial=cyclic),
        ],
        criterion=torch.nn.BCELoss(),
        metrics={"acc": BinaryAccuracy()},
        progress=False,
        **options,
    )
    return Workflow(trainer=trainer)
