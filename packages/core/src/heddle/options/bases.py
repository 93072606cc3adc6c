"""Bases: what every engine's, model's, dataset's, tracker's or server's options are; plugins add their own keys."""

from dataclasses import dataclass

from heddle.options.input_kinds import KINDS
from heddle.options.option import option

ACTIVATIONS = ("none", "relu", "elu", "leaky_relu", "tanh", "sigmoid", "gelu")


@dataclass(frozen=True)
class BackendOptions:
    """The `backend` node: which engine, and what that engine lets its users choose."""

    name: str = ""


@dataclass(frozen=True)
class ModelOptions:
    """The `model` node: which model, and its sizes."""

    name: str = ""
    ignore: tuple[str, ...] = option((), f"inputs to leave unread: {', '.join(KINDS)}", choices=KINDS)


@dataclass(frozen=True)
class PortableOptions(ModelOptions):
    """Of a portable model, whose head drops as its layers do."""

    dropout: float = option(0.0, "on each layer's input", least=0, below=1)


@dataclass(frozen=True)
class PooledOptions(PortableOptions):
    """Of a portable model that can answer for whole graphs."""

    readout: str = option("mean", "graph tasks: sum, mean, max", choices=("sum", "mean", "max"))


@dataclass(frozen=True)
class DataOptions:
    """The `data` node: which reader, and what it reads."""

    reader: str = ""

    @property
    def title(self) -> str:
        """What the folder of a run calls the data."""
        return self.reader


@dataclass(frozen=True)
class NamedData(DataOptions):
    """Of a reader that knows several datasets by name, or lets its user give one."""

    name: str | None = option(None, "what the dataset calls itself")

    @property
    def title(self) -> str:
        """The dataset's name; without one, the reader's."""
        return self.name or self.reader


@dataclass(frozen=True)
class TrackerOptions:
    """The `tracker` node: where metrics go while a run trains."""

    name: str = ""


@dataclass(frozen=True)
class DeployOptions:
    """The `deploy` node: what serves a trained run; "none": nothing does."""

    name: str = "none"


@dataclass(frozen=True)
class ServerOptions(DeployOptions):
    """Of a server: how a run is exported for it."""

    bundle: str | None = option(None, "folder of the exported run; null: bundle in the run's folder")
    model: str = option("model", "what requests call the model")
    trees: str | None = option(
        None,
        "who answers: trees of heddle boost; null: the model itself",
        choices=("table", "embeddings", "both"),
    )
    boost: str | None = option(None, "folder of heddle boost; null: boost in the run's folder")
    max_batch: int = option(8192, "rows of the largest request", least=1)
    overwrite: bool = option(False, "replace what was exported before")
    days: int = option(7, "days that heddle deploy drift looks at, today's among them", least=1, below=29)
