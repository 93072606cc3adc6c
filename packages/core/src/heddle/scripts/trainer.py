"""Trainer and Workflow: a script's few lines from a data object and a model to metrics, embeddings and a server.

The engine that the data object names does the work; here is what all of them share.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from heddle.engines.capabilities import TRAINS_SCRIPTS, TrainsScripts
from heddle.engines.optim import Optim
from heddle.errors import ConfigError, nearest
from heddle.scripts.downstream import Boosting, Deployment, Downstream
from heddle.scripts.scores import Score
from heddle.workflow.metrics.by_name import higher_is_better
from heddle.workflow.settings import Settings

AMP = {False: None, True: "bf16", "bf16": "bf16", "f16": "f16", None: None}

Row = dict[str, float]


@dataclass(frozen=True)
class OptWrapper:
    """An optimiser, and perhaps a schedule, for some of a model's parameters.

    Attributes:
        model: whose parameters; those that an earlier wrapper has are left to it.
        opt_partial: (parameters) -> optimiser of the engine, e.g. `partial(torch.optim.Adam, lr=1e-2)`.
        scheduler_partial: (optimiser) -> schedule, or None.
        every: "step" or "epoch": when the schedule goes on.
    """

    model: Any
    opt_partial: Any
    scheduler_partial: Any = None
    every: str = "step"

    def __post_init__(self) -> None:
        if self.every not in ("step", "epoch"):
            raise ConfigError(
                f"OptWrapper.every: found {self.every!r}, expected 'step' or 'epoch'"
                f"{nearest(self.every, ('step', 'epoch'))}; change it"
            )


class Runner(Protocol):
    """What an engine's `trainer(Trainer)` returns.

    Attributes:
        unused: what the data holds and the module doesn't read, by name; () where that isn't known.
    """

    unused: tuple[str, ...]

    def fit(self) -> list[Row]:
        """Train, and return a row for each epoch: "epoch", "loss", the metrics, "loader_wait_share", "seconds"."""
        ...

    def evaluate(self, split: str) -> Row:
        """Return the loss and the metrics of a split."""
        ...

    def embed(self, node_type: str) -> Any:
        """Return numpy [n, d]: the embeddings of all nodes of a type."""
        ...

    def embed_rows(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Return two [n_rows, d]: of each row of the relation asked about its sender and receiver, as of its time.

        None where nodes are asked about, or times aren't looked at.
        """
        ...

    def export(self, name: str, max_batch: int) -> Any:
        """Return the trained model as a `heddle.serving.Served`."""
        ...

    def portable(self) -> tuple[Any, dict[str, np.ndarray]]:
        """Return the trained module as an encoder (`heddle.nn.model.BlockEncoder`) and name -> array, for servers.

        Raises:
            ConfigError: it can't be one.
        """
        ...

    def close(self) -> None:
        """Release processes and memory."""
        ...


class Trainer:
    """What is trained on what, and how.

    Args:
        data_object: a NodeDataObject, EdgeDataObject, LPDataObject or GraphDataObject; its `backend` is the engine.
        model: a module of the engine that takes the engine's batches, such as heddle_pyg's HeteroModule.
        optimizers: OptWrappers, or optimisers of the engine's framework; or one `heddle.engines.optim.Optim`, the
            `optim` node of the command: its groups go by the names of the model's parameters.
        criterion: (outputs, targets) -> loss, the mean over the targets.
        n_gpus: devices; several train as one, each on its own batches of `batch_size`. Without GPUs so many processes.
        epochs: passes over the training split.
        metrics: name -> Score, or names of `heddle.workflow.metrics.by_name`.
        amp: compute in lower precision: True or "bf16", "f16".
        accumulate: batches that make up one step of the optimisers.
        clip_norm: scale gradients whose norm is larger down to it.
        device: "auto", "cpu" or "cuda".
        progress: print a line for each epoch.
        checkpoint: a folder to write a checkpoint to after each epoch; a script that is started again goes on from it.
        patience: stop after so many evaluations of the validation split without a better one; None for never.
        monitor: the metric that decides which epoch is best, whose weights are kept: "valid.loss", or "valid." and one
            of `metrics` that were given by name. None: "valid.loss" with `patience`; without it nothing is evaluated
            in training, and the last epoch's weights are kept.
        eval_every: epochs between evaluations.
        checkpoint_every: epochs between checkpoints.
        keep: checkpoints that are kept.

    Raises:
        ConfigError: a count below 1, a monitor that no evaluation gives, or an engine that trains no scripts.
        PluginError: the engine isn't installed.
    """

    def __init__(
        self,
        data_object: Any,
        model: Any,
        optimizers: Sequence[Any] | Optim,
        criterion: Any,
        n_gpus: int = 1,
        epochs: int = 1,
        metrics: Mapping[str, Score] | Sequence[str] | None = None,
        amp: Any = False,
        *,
        accumulate: int = 1,
        clip_norm: float | None = None,
        device: str = "auto",
        progress: bool = True,
        checkpoint: str | Path | None = None,
        patience: int | None = None,
        monitor: str | None = None,
        eval_every: int = 1,
        checkpoint_every: int = 1,
        keep: int = 2,
    ):
        from heddle.engines.plugins import load_plugins
        from heddle.options import build
        from heddle.scripts.scores import Named

        counts = {
            "n_gpus": n_gpus,
            "epochs": epochs,
            "accumulate": accumulate,
            "patience": patience,
            "eval_every": eval_every,
            "checkpoint_every": checkpoint_every,
            "keep": keep,
        }
        for name, count in counts.items():
            if count is not None and count < 1:
                raise ConfigError(f"Trainer.{name}: found {count}, expected at least 1; raise it")
        if amp not in AMP:
            raise ConfigError(f"Trainer.amp: found {amp!r}, expected one of {list(AMP)}")
        self.data_object, self.model, self.criterion = data_object, model, criterion
        self.optimizers = [optimizers] if isinstance(optimizers, Optim) else list(optimizers)
        optim = next((one for one in self.optimizers if isinstance(one, Optim)), Optim())
        self.n_gpus, self.epochs = n_gpus, epochs
        given = metrics or {}
        self.metrics: dict[str, Score] = (
            dict(given) if isinstance(given, Mapping) else {name: Named(name) for name in given}
        )
        self.amp, self.accumulate = AMP[amp], accumulate
        self.clip_norm = optim.clip_norm if clip_norm is None else clip_norm
        self.progress, self.checkpoint = progress, checkpoint
        self.monitor = "valid.loss" if monitor is None and patience is not None else monitor
        self._check_monitor()
        self.settings = Settings(
            epochs,
            patience,
            self.monitor or "valid.loss",
            eval_every,
            checkpoint_every,
            keep,
            progress,
            optim.lr,
            optim.schedule,
            accumulate,
        )
        registry = load_plugins()
        engine = data_object.backend or next(iter(registry.able("backend", TRAINS_SCRIPTS)), None)
        do = registry.suggest("backend", TRAINS_SCRIPTS)
        if engine is None:
            raise ConfigError(f"Trainer: found no engine that {TRAINS_SCRIPTS.summary}, expected one; {do}")
        node = {"name": engine, "device": device}
        backend = registry.backend(build(registry.options("backend", engine), node, "backend"))
        if not isinstance(backend, TrainsScripts):
            raise ConfigError(
                f"backend {engine!r}: found an engine that trains configured runs alone, expected one for scripts; {do}"
            )
        self.runner: Runner = backend.trainer(self)

    @property
    def unused(self) -> tuple[str, ...]:
        """What the data holds and the model doesn't read, by name; () where a module doesn't say what it reads."""
        return self.runner.unused

    def _check_monitor(self) -> None:
        valid = [f"valid.{name}" for name in ("loss", *self.metrics)]
        if self.monitor is not None and self.monitor not in valid:
            raise ConfigError(
                f"Trainer.monitor: found {self.monitor!r}, expected one of {valid}{nearest(self.monitor, valid)}"
            )
        if self.monitor is not None:
            higher_is_better(self.monitor.partition(".")[2])


class Workflow:
    """The steps of a script, in the order in which they make sense.

    Args:
        folder: where embeddings and reports are kept; None for a temporary one, gone after `cleanup`.

    >>> workflow = Workflow(trainer)  # doctest: +SKIP
    >>> workflow.fit(), workflow.valid(), workflow.test(), workflow.cleanup()  # doctest: +SKIP
    """

    def __init__(self, trainer: Trainer, folder: str | Path | None = None):
        self.trainer = trainer
        self.history: list[Row] = []
        self._downstream = Downstream(trainer, folder)
        self.pydep, self.gp_xgb = Deployment(self._downstream), Boosting(self._downstream)

    def fit(self) -> list[Row]:
        """Train and return a row of metrics for each epoch."""
        self.history += self.trainer.runner.fit()
        return self.history

    def valid(self) -> Row:
        """Return, and print, the metrics of the validation split."""
        return self._judge("valid")

    def test(self) -> Row:
        """Return, and print, the metrics of the test split."""
        return self._judge("test")

    def cleanup(self) -> None:
        """Stop what was started and remove what was only needed meanwhile."""
        self._downstream.close()
        self.trainer.runner.close()

    def generate_embeddings(
        self, folder: str | Path | None = None, kinds: Sequence[str] | None = None
    ) -> Path:
        """Write the nodes' embeddings as Parquet, a file for each type that the task names, and return the folder."""
        return self._downstream.embed(folder, kinds)

    generate_embeddings_pyg = generate_embeddings

    def fit_xgboost(
        self, training_cluster: Any = None, inference_cluster: Any = None, n_rounds: int = 200, **options: Any
    ) -> float:
        """Boost trees on the table with and without the embeddings; return the average precision with them in the test.

        Args:
            training_cluster, inference_cluster: `heddle.workflow.boost`'s; None for this process.
            options: of `heddle.workflow.boost.compare`.
        """
        return self._downstream.boost(n_rounds, training_cluster, inference_cluster, **options)

    def deploy(
        self,
        path: str | Path,
        triton_batch_size: int = 8192,
        downstream: bool = True,
        flavour: str = "python",
    ) -> Path:
        """Write a Triton model repository and return it.

        Args:
            path: its folder.
            triton_batch_size: most rows of a request.
            downstream: whether it holds the trees, or else the trained model.
            flavour: Triton's backends that serve it: "python", or "ngc" for those of NGC's images.
        """
        return self._downstream.deploy(path, triton_batch_size, flavour, downstream)

    def export_bundle(self, path: str | Path, name: str = "model", *, overwrite: bool = False) -> Path:
        """Write the trees on embeddings as a bundle that scores raw rows of the table, and return its folder."""
        return self._downstream.bundle(path, name, overwrite=overwrite)

    def serve(self, **settings: Any) -> Any:
        """Start `heddle serve` on the bundle on this machine's loopback; `settings` are keys of its node."""
        return self._downstream.serve(**settings)

    def score(self, rows: Sequence[Mapping[str, Any]], append: bool = False) -> list[dict[str, Any]]:
        """Return what the server of the bundle says of raw rows, each as of its time; `append` keeps them."""
        return self._downstream.score(rows, append)

    def launch_inference_server(self, server: str = "auto", **options: Any) -> Any:
        """Start a server of what was deployed on this machine's loopback; "triton", "heddle", or "auto".

        Args:
            options: of `heddle.serving.launch`.
        """
        return self._downstream.launch(server, **options)

    def run_inference(self, dataloader: Any, **options: Any) -> Any:
        """Return the server's probabilities for batches of rows, such as `gp_xgb.triton_data_loader()`."""
        return self._downstream.infer(dataloader, **options)

    def stop_inference_server(self) -> None:
        """End the server and wait until it has."""
        self._downstream.stop()

    def _judge(self, split: str) -> Row:
        row = self.trainer.runner.evaluate(split)
        if self.trainer.progress:
            print(f"{split}: " + describe(row), flush=True)
        return row


def describe(row: Mapping[str, float]) -> str:
    """Return metrics in one line.

    >>> describe({"epoch": 1, "loss": 0.25})
    'epoch 1 loss 0.2500'
    """
    return " ".join(
        f"{name} {value if isinstance(value, int) else f'{value:.4f}'}" for name, value in row.items()
    )
