"""What follows a script's training: embeddings on disk, boosted trees on them, and a server of the trees."""

import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from heddle.errors import ConfigError, HeddleError, PluginError
from heddle.serving.bundle.script import ScriptModel


class Downstream:
    """The steps after `fit`, each with what the one before left.

    Args:
        trainer: a trained `heddle.scripts.trainer.Trainer` on a prepared folder.
        folder: where embeddings and reports are kept; None for a temporary one that `close` removes.
    """

    def __init__(self, trainer: Any, folder: str | Path | None = None):
        self._trainer, self._kept = trainer, folder is not None
        self._folder = None if folder is None else Path(folder).expanduser()
        self._embeddings: Path | None = None
        self._repository: Path | None = None
        self._server: Any = None
        self._served: ScriptModel | ConfigError | None = None
        self._bundle: Path | None = None
        self.boosted: Any = None

    @property
    def folder(self) -> Path:
        """Where embeddings and reports are."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="heddle-"))
        return self._folder

    def embed(self, folder: str | Path | None = None, kinds: Sequence[str] | None = None) -> Path:
        """Write the embeddings of the task's node types, or those of both ends of each row as of its time, and return
        their folder."""
        from heddle.workflow.embeddings import generate_embeddings, write_row_embeddings

        target = Path(folder) if folder is not None else self.folder / "embeddings"
        rows = self._trainer.runner.embed_rows() if kinds is None else None
        if rows is not None:
            self._served = self._script_model()
            if isinstance(self._served, ScriptModel):  # trees split at the very values that a server gives
                rows = self._served.embed_rows()
            self._embeddings = write_row_embeddings(rows, target)
            return self._embeddings
        self._embeddings = generate_embeddings(self._trainer.runner.embed, self._root(), target, kinds)
        return self._embeddings

    def boost(self, n_rounds: int, training_cluster: Any, inference_cluster: Any, **options: Any) -> float:
        """Train trees on the table with and without embeddings, and return the average precision with them.

        Args:
            n_rounds: most trees to grow.
            training_cluster, inference_cluster: where trees are trained and asked, TrainCluster and InferenceCluster.
        """
        from heddle.workflow.boost import compare

        embeddings = self._embeddings or self.embed()
        clusters = {"training_cluster": training_cluster, "inference_cluster": inference_cluster}
        made = compare(self._root(), embeddings, self.folder / "boost", n_rounds, **clusters, **options)
        self.boosted = made.both
        return float(made.both.metrics["test"]["ap"])

    def deploy(self, path: str | Path, max_batch: int, flavour: str, downstream: bool = True) -> Path:
        """Write a Triton model repository and return it.

        Args:
            path: its folder.
            max_batch: most rows of a request.
            flavour: Triton's backends that serve it: "python", or "ngc" for those of NGC's images.
            downstream: whether it holds the trees, or else the trained model, called "model".
        """
        from heddle.serving import export_booster, write_repository

        if downstream:
            served = export_booster(self._trees(), max_batch=max_batch)
        else:
            served = self._trainer.runner.export("model", max_batch)
        self._repository = write_repository(path, [served], flavour, overwrite=True)
        return self._repository

    def bundle(self, path: str | Path, name: str = "model", *, overwrite: bool = False) -> Path:
        """Write the trees on embeddings as a bundle that scores raw rows of the table, and return its folder.

        Raises:
            ConfigError: no trees; embeddings that aren't as of each row's time, or that no server computes.
        """
        if not isinstance(self._served, ScriptModel):
            if self._served is not None:
                raise self._served
            raise ConfigError(
                "bundle: found no embeddings of rows as of their times, expected those of links with times; call "
                "generate_embeddings and fit_xgboost first, without time='ignore'"
            )
        booster, metrics = self._trees().booster, self._trees().metrics
        self._bundle = self._served.export(
            Path(path).expanduser(), booster, metrics, name, overwrite=overwrite
        )
        return self._bundle

    def serve(self, **settings: Any) -> Any:
        """Start `heddle serve` on the bundle and return it once it is ready; `settings` are keys of its node.

        Raises:
            ConfigError: no bundle was written.
        """
        from heddle.serving.running import serve_bundle

        if self._bundle is None:
            raise ConfigError("serve: found no bundle, expected one; call export_bundle first")
        self._server = serve_bundle(self._bundle, settings)
        return self._server

    def score(self, rows: Sequence[Mapping[str, Any]], append: bool = False) -> list[dict[str, Any]]:
        """Return what the server says of raw rows of the table, which are appended to it if `append`.

        Raises:
            HeddleError: no server was started, or it refuses the rows.
        """
        from heddle.serving.client import Client

        if self._server is None:
            raise HeddleError("score: found no server, expected one; call serve first")
        with Client(self._server.http) as client:
            return client.score(rows, append)

    def launch(self, server: str, **options: Any) -> Any:
        """Start a server of the repository; "auto": Triton if its environment is fit, else the small one.

        Raises:
            ConfigError: nothing was deployed.
        """
        from heddle.serving import launch
        from heddle.serving.environment import check_environment, default_environment

        if self._repository is None:
            raise ConfigError(
                "launch_inference_server: found nothing deployed, expected a repository; call deploy first"
            )
        if server == "auto":
            server = "triton"
            try:
                check_environment(options.get("environment") or default_environment(), ["xgboost"])
            except PluginError as error:
                print(f"Triton can't run here, so the small server does: {error}", flush=True)
                server = "heddle"
        self._server = launch(self._repository, server, **options)
        return self._server

    def infer(self, batches: Iterable[np.ndarray], model: str = "xgboost") -> np.ndarray:
        """Return [n] probabilities of batches of rows [m, columns], asked of the server.

        Raises:
            HeddleError: no server was launched.
        """
        from heddle.serving.client import Client

        if self._server is None:
            raise HeddleError(
                "run_inference: found no server, expected one; call launch_inference_server first"
            )
        with Client(self._server.http) as client:
            scores = [
                client.infer(model, {"features": np.ascontiguousarray(batch, np.float32)})["score"]
                for batch in batches
            ]
        return np.concatenate(scores).reshape(-1) if scores else np.zeros(0, np.float32)

    def rows(self, split: str = "test", batch_size: int = 8192) -> Iterator[np.ndarray]:
        """Yield the rows [n, columns] float32 of a split, at most `batch_size` at a time, as the server takes them."""
        result: Iterator[np.ndarray] = self._trees().loader(split, batch_size)
        return result

    def stop(self) -> None:
        """End the server, if one runs."""
        if self._server is not None:
            self._server.stop()
            self._server = None

    def close(self) -> None:
        """End the server and remove the temporary folder."""
        self.stop()
        if self._folder is not None and not self._kept:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = self._embeddings = None

    def _script_model(self) -> "ScriptModel | ConfigError":
        """Return the trained module as a server computes it, or why none does."""
        from heddle.engines.plugins import load_plugins

        data_object = self._trainer.data_object
        try:
            encoder, arrays = self._trainer.runner.portable()
            fanout = data_object.specs["test"].fanout(True)
            return ScriptModel(encoder, arrays, self._root(), fanout, data_object.seed, load_plugins())
        except ConfigError as error:
            return error

    def _trees(self) -> Any:
        if self.boosted is None:
            raise ConfigError("deploy: found no boosted trees, expected some; call fit_xgboost first")
        return self.boosted

    def _root(self) -> Path:
        root = self._trainer.data_object.root
        if root is None:
            raise ConfigError(
                "embeddings: found a graph in memory, expected a prepared folder, whose tables they belong to; "
                "pass data_path=FOLDER"
            )
        return Path(root)


class Deployment:
    """`Workflow.pydep`."""

    def __init__(self, downstream: Downstream):
        self._downstream = downstream

    def run_inference_on_triton(self, dataloader: Iterable[np.ndarray], **options: Any) -> np.ndarray:
        """Return the server's probabilities [rows, ...] float32 for the rows [n, columns] of a loader.

        Args:
            options: of `Downstream.infer`.
        """
        return self._downstream.infer(dataloader, **options)


class Boosting:
    """`Workflow.gp_xgb`."""

    def __init__(self, downstream: Downstream):
        self._downstream = downstream

    def triton_data_loader(self, split: str = "test", batch_size: int = 8192) -> Iterator[np.ndarray]:
        """Yield the rows [n, columns] float32 of a split, at most `batch_size` at a time, as the server takes them."""
        return self._downstream.rows(split, batch_size)
