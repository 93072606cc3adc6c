"""A payments graph of any size as a prepared folder, and a bundle of an R-GCN on it: what benchmarks of serving serve.

Cards pay shops, a shop for nine cards, with lognormal degrees, 64 features a node, and edges with an amount, a
channel, a category, clocks and the time since each end's last payment, by the encoders that serve. The model has two
layers of 64 and drawn weights: what it says doesn't matter here, what it costs does.
"""

from pathlib import Path
from typing import Any

import numpy as np

from heddle.data.etl.features.encoder import fitted_key
from heddle.data.etl.rows import RowEncoder, Typed
from heddle.data.etl.schemas.recipe import schema_of
from heddle.data.etl.schemas.schema import Encode
from heddle.data.prepared.write import FolderTask, FolderWriter, csc
from heddle.nn.heads import head_for
from heddle.nn.model import Model, ModelSpec
from heddle.nn.models.build import rgcn
from heddle.nn.models.codes import behind_codes
from heddle.nn.models.options import RgcnOptions
from heddle.nn.params import initialise
from heddle.options import plain
from heddle.sampling.stream import sample_key
from heddle.sampling.types import Fanout
from heddle.serving.bundle.layout import BundleContents, write_bundle
from heddle.serving.live import create
from heddle.serving.scoring.scorer import Reading
from heddle.workflow.artifacts import write_weights
from heddle.workflow.metrics.decision import Decision

PAYS, PAID = ("card", "pays", "shop"), ("shop", "rev_pays", "card")
WIDTH, HIDDEN, FANOUTS = 64, 64, (15, 10)
BEGIN, END = 1_600_000_000, 1_700_000_000
CHANNELS = ["Chip Transaction", "Online Transaction", "Swipe Transaction"]
CODES = [str(code) for code in range(1000, 1100)]
ENCODED = (
    Encode("amount", "log"),
    *(Encode("time", "cyclic", period=period) for period in ("hour", "weekday", "month")),
    Encode("time", "since", by="source"),
    Encode("time", "since", by="target"),
    Encode("channel", "onehot", most=8),
    Encode("mcc", "category"),
)
FITTED = {
    fitted_key(PAYS, "amount", Encode("amount", "log")): {"mean": 3.5, "deviation": 1.2},
    fitted_key(PAYS, "channel", Encode("channel", "onehot")): {"values": CHANNELS},
    fitted_key(PAYS, "mcc", Encode("mcc", "category")): {"values": CODES},
}
RECIPE = {
    "name": "payments",
    "kind": "edge_classification",
    "target": list(PAYS),
    "tables": {
        "payments": {
            "path": "payments.csv",
            "time": "time",
            "columns": {
                "card": {"of": ["card"], "type": "int"},
                "shop": {"of": ["shop"], "type": "int"},
                "time": {"of": ["time"], "type": "datetime", "format": "%s"},
                "amount": {"of": ["amount"], "type": "money"},
                "channel": {"of": ["channel"]},
                "mcc": {"of": ["mcc"]},
                "fraud": {"of": ["fraud"]},
            },
        }
    },
    "nodes": {"card": {"keys": [["payments", "card"]]}, "shop": {"keys": [["payments", "shop"]]}},
    "edges": [
        {
            "type": list(PAYS),
            "table": "payments",
            "source": "card",
            "target": "shop",
            "time": "time",
            "label": {"column": "fraud", "classes": ["No", "Yes"]},
            "features": [
                {"column": of.column, "encode": of.encode, "period": of.period}
                if of.encode == "cyclic"
                else {"column": of.column, "encode": of.encode, "by": of.by}
                if of.encode == "since"
                else {"column": of.column, "encode": of.encode}
                for of in ENCODED
            ],
        }
    ],
    "split": {"train": 0.8, "of_valid": 0.1},
}


def make(root: Path, nodes: int, edges: int) -> None:
    """Write `root`/prepared, payments of so many cards and shops, and `root`/bundle."""
    rng = np.random.default_rng(0)
    counts = {"card": nodes - nodes // 10, "shop": nodes // 10}
    ends = np.stack([_drawn(rng, n, edges) for n in counts.values()], axis=1)
    time = np.sort(rng.integers(BEGIN, END, edges))
    of_shop = csc(ends, counts["card"], counts["shop"])  # rows come by time
    of_card = csc(ends[:, ::-1], counts["shop"], counts["card"])
    features = _encoded(rng, edges, time, of_card, of_shop)
    writer = FolderWriter(root / "prepared", "payments")
    for node_type, n in counts.items():
        x = rng.standard_normal((n, WIDTH), np.float32)
        writer.nodes(node_type, n, ids=np.arange(n), features={"x": x})
    sizes = {"codes": [len(CODES) + 1]}
    label = (rng.random(edges) < 0.01).astype(np.int64)
    writer.edges(PAYS, edges, time=time, by_time=True, label=label, features=features, sizes=sizes, **of_shop)
    writer.edges(PAID, edges, by_time=True, rows_of=PAYS, **of_card)
    task = FolderTask("edge_classification", PAYS, 2, ("No", "Yes"))
    writer.finish(task, info={"encoders": FITTED}, recipe=RECIPE)
    write_model(root / "bundle", root / "prepared", counts, features["x"].shape[1])


def write_model(root: Path, prepared: Path, counts: dict[str, int], columns: int) -> None:
    """Write a bundle of an R-GCN with drawn weights."""
    codes = (len(CODES) + 1,)
    spec = ModelSpec(
        "edge",
        dict.fromkeys(counts, WIDTH),
        {PAYS: columns, PAID: columns},
        2,
        counts,
        (PAYS, PAID),
        "card",
        receiver_type="shop",
        asked_dim=columns,
        asked_codes=codes,
        edge_codes={PAYS: codes, PAID: codes},
    )
    options = RgcnOptions(hidden=HIDDEN, layers=2)
    encoder = behind_codes(lambda inner: rgcn(options, inner), spec)
    params = initialise(Model(encoder, head_for(spec, encoder.out_dim)).params(), 3)
    for name in params:
        if "bias" in name:  # they begin as zeros
            params[name] = np.random.default_rng(4).normal(0, 0.3, params[name].shape).astype(np.float32)
    root.mkdir(parents=True)
    write_weights(root, {f"params/{name}": value for name, value in params.items()}, {})
    reading = Reading(Fanout(FANOUTS), sample_key(0, -1, 0), False, True)
    decision = Decision("classes", method="platt", parameters=[[1.0, 0.0]]).as_json()
    model = {"name": "rgcn", "options": plain(options)}
    create(root / "live", prepared)
    write_bundle(
        root,
        BundleContents(
            name="payments",
            model=model,
            trees=None,
            target=PAYS,
            spec=spec,
            reading=reading,
            classes=("No", "Yes"),
            decision=decision,
            prepared=prepared.resolve(),
            card={"data": "payments"},
        ),
    )


def rows(rng: np.random.Generator, counts: dict[str, int], n: int, first: int = END) -> list[dict[str, Any]]:
    """Return n payments after the graph's, as a client sends them."""
    card, shop = (rng.integers(0, count, n).tolist() for count in counts.values())
    return [
        {
            "card": card[i],
            "shop": shop[i],
            "time": str(first + i),
            "amount": f"${rng.lognormal(3, 1):.2f}",
            "channel": CHANNELS[int(rng.integers(3))],
            "mcc": CODES[int(rng.integers(100))],
        }
        for i in range(n)
    ]


def _drawn(rng: np.random.Generator, n: int, edges: int) -> np.ndarray:
    shares = rng.lognormal(0, 1, n)
    ids = np.repeat(np.arange(n, dtype=np.int32), rng.multinomial(edges, shares / shares.sum()))
    rng.shuffle(ids)
    return ids


def _encoded(
    rng: np.random.Generator, n: int, time: np.ndarray, of_card: dict[str, Any], of_shop: dict[str, Any]
) -> dict[str, np.ndarray]:
    """Return the edges' features, by the encoder that serves."""
    encoder = RowEncoder(schema_of(RECIPE), PAYS, FITTED)
    gaps = {"source": _gaps(time, of_card), "target": _gaps(time, of_shop)}
    amount = np.round(rng.lognormal(3, 1, n), 2)
    channel, mcc = rng.integers(0, len(CHANNELS), n), rng.integers(0, len(CODES), n)
    features: dict[str, list[np.ndarray]] = {"x": [], "codes": []}
    for first in range(0, n, 1 << 20):
        at = slice(first, min(n, first + (1 << 20)))
        size = at.stop - at.start
        columns = {
            "time": time[at],
            "amount": amount[at],
            "channel": np.array(CHANNELS, object)[channel[at]],
            "mcc": np.array(CODES, object)[mcc[at]],
        }
        missing = dict.fromkeys(columns, np.zeros(size, bool))
        made = encoder.encode(Typed(size, columns, missing), {by: inner[at] for by, inner in gaps.items()})
        for name, values in made.items():
            features[name].append(values)
    return {name: np.concatenate(parts) for name, parts in features.items()}


def _gaps(time: np.ndarray, into: dict[str, Any]) -> np.ndarray:
    """Return the time since each row's receiver was paid before, NaN for none."""
    of = time[into["edge_ids"]].astype(np.float64)
    gaps = np.full(len(of), np.nan)
    gaps[1:] = of[1:] - of[:-1]
    gaps[into["indptr"][:-1][into["indptr"][:-1] < len(of)]] = np.nan
    features = np.empty_like(gaps)
    features[into["edge_ids"]] = gaps
    return features
