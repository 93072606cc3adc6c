"""Describes this package to Heddle; the heavy code is named by strings and loaded on use."""

from heddle.hookspecs import BackendInfo, Key, ModelInfo, hookimpl

PLUGIN_API = (1, 0)

_WIDTHS = {"hidden": Key(int, least=1), "layers": Key(int, least=1)}
_SEQ = _WIDTHS | {"head": Key(str, choices=("decoder", "last")), "tau": Key(float, null=True, least=0)}
_GCRN = _SEQ | {
    "layer": Key(str, choices=("gcn", "cheb", "diffusion", "sage", "gat")),
    "order": Key(int, least=1),
}
_MODELS = {
    "gcrn-gru": ("GRU of graph convolutions (Seo et al. 2018)", "gcrn_gru", _GCRN),
    "gcrn-lstm": ("LSTM of graph convolutions (Seo et al. 2018)", "gcrn_lstm", _GCRN),
    "gcrn-rnn": ("simplest recurrent network of graph convolutions", "gcrn_rnn", _GCRN),
    "dcrnn": (
        "diffusion convolutional recurrent network (Li et al. 2018)",
        "dcrnn",
        _SEQ | {"steps": Key(int, least=0), "convention": Key(str, choices=("paper", "reference"))},
    ),
    "tgcn": ("T-GCN (Zhao et al. 2019)", "tgcn", _WIDTHS),
    "a3tgcn": ("T-GCN with attention over time (Bai et al. 2021)", "a3tgcn", _WIDTHS),
    "evolvegcn": (
        "GCN of evolving weights (Pareja et al. 2020)",
        "evolvegcn",
        _WIDTHS | {"version": Key(str, choices=("O", "H"))},
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
            keys={
                "engine": Key(str, choices=("naive", "cached", "fused")),
                "cross_layer": Key(bool, null=True),
                "kernel": Key(str, choices=("auto", "heddle", "torch", "dgl")),
                "precision": Key(str, choices=("float32", "float64", "bfloat16")),
                "compile": Key(bool),
                "incremental": Key(str, choices=("auto", "full", "rows", "delta")),
                "threads": Key(int, null=True, least=1),
                "store.device": Key(float, least=0),
                "store.host": Key(float, least=0),
                "store.disk": Key(float, least=0),
            },
            capabilities=("any shapes", "shards forecasts", "plans forecasts", "states kernels"),
        )
    ]


@hookimpl
def heddle_models():
    return [
        ModelInfo(
            name,
            summary,
            f"heddle_dgl.build:{function}",
            backends=("dgl-dynamic",),
            needs=("torch",),
            keys=keys,
            capabilities=("homogeneous", "forecasts"),
        )
        for name, (summary, function, keys) in _MODELS.items()
    ]


@hookimpl
def heddle_config_paths():
    return ["pkg://heddle_dgl.conf"]
