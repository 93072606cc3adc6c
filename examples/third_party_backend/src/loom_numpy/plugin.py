"""Describes this package to Heddle; light, since it is imported by every `heddle` command."""

from dataclasses import dataclass

from heddle.engines.hookspecs import BackendInfo, EtlEngineInfo, ModelInfo, hookimpl
from heddle.options import BackendOptions, PortableOptions, option

PLUGIN_API = (1, 0)


@dataclass(frozen=True)
class LoomOptions(BackendOptions):
    """The `backend` node of backend=loom."""

    precision: str = option("float32", "float32, float64", choices=("float32", "float64"))
    check_gradients: bool = option(
        False, "stop at the first gradient that isn't finite, and name its parameter"
    )


@dataclass(frozen=True)
class SgcOptions(PortableOptions):
    """Simple graph convolution with the settings of Wu et al. (2019) for Cora: two hops, then one linear map."""

    hops: int = option(2, "times the features are averaged over neighbours", least=0)
    hidden: int = option(64, "width of the embeddings where nodes aren't what is predicted", least=1)


@hookimpl
def heddle_backends():
    return [
        BackendInfo(
            "loom",
            "numpy alone, gradients by a tape",
            "loom_numpy.engine:LoomBackend",
            options=LoomOptions,
            capabilities=("any shapes",),
        )
    ]


@hookimpl
def heddle_models():
    return [
        ModelInfo(
            "sgc",
            "simple graph convolution (Wu et al. 2019)",
            "loom_numpy.sgc:sgc",
            options=SgcOptions,
            recommends={"optim.lr": 0.2, "optim.weight_decay": 1.3e-5, "trainer.epochs": 100},
            capabilities=("homogeneous", "fixed features"),
        )
    ]


@hookimpl
def heddle_etl_engines():
    return [
        EtlEngineInfo(
            "loom", "Arrow's own kernels, in memory", "loom_numpy.tables:LoomTables", needs=("pyarrow",)
        )
    ]
