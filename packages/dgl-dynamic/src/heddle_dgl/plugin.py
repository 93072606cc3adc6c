"""Describes this package to Heddle; the heavy code is named by strings and loaded on use."""

from typing import Any

from heddle.engines.hookspecs import BackendInfo, ModelInfo, hookimpl

PLUGIN_API = (1, 0)

_COMMON: dict[str, Any] = {"optim.weight_decay": 0.0, "optim.clip_norm": 5.0}
_SEQ = _COMMON | {"optim.lr": 0.01, "optim.eps": 1e-3}
_GRADUAL = _COMMON | {"optim.lr": 0.005}
_MODELS: dict[str, tuple[str, str, str, dict[str, Any]]] = {
    "gcrn-gru": ("GRU of graph convolutions (Seo et al. 2018)", "gcrn_gru", "GcrnOptions", _SEQ),
    "gcrn-lstm": ("LSTM of graph convolutions (Seo et al. 2018)", "gcrn_lstm", "GcrnLstmOptions", _SEQ),
    "gcrn-rnn": ("simplest recurrent network of graph convolutions", "gcrn_rnn", "GcrnOptions", _SEQ),
    "dcrnn": (
        "diffusion convolutional recurrent network (Li et al. 2018)",
        "dcrnn",
        "DcrnnOptions",
        _SEQ
        | {
            "optim.schedule.name": "multistep",
            "optim.schedule.at": [20, 30, 40, 50],
            "trainer.epochs": 100,
        },
    ),
    "tgcn": ("T-GCN (Zhao et al. 2019)", "tgcn", "TgcnOptions", _GRADUAL),
    "a3tgcn": ("T-GCN with attention over time (Bai et al. 2021)", "a3tgcn", "TgcnOptions", _GRADUAL),
    "evolvegcn": (
        "GCN of evolving weights (Pareja et al. 2020)",
        "evolvegcn",
        "EvolveOptions",
        _GRADUAL,
    ),
}


@hookimpl
def heddle_backends():
    return [
        BackendInfo(
            "dgl-dynamic",
            summary="DynaGraph: dynamic GNNs with cached message passing",
            loader="heddle_dgl.backend:DglBackend",
            needs=("torch",),
            options="heddle_dgl.options:DglOptions",
            capabilities=(
                "any shapes",
                "shards forecasts",
                "plans forecasts",
                "states kernels",
                "sparse gradients",
                "compiles",
            ),
        )
    ]


@hookimpl
def heddle_models():
    return [
        ModelInfo(
            name,
            summary,
            f"heddle_dgl.models.build:{function}",
            backends=("dgl-dynamic",),
            needs=("torch",),
            options=f"heddle_dgl.options:{options}",
            recommends=recommends,
            capabilities=("homogeneous", "forecasts"),
        )
        for name, (summary, function, options, recommends) in _MODELS.items()
    ]


@hookimpl
def heddle_config_paths():
    return ["pkg://heddle_dgl.conf"]
