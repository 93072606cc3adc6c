"""TorchRunner: what a Trainer's `fit`, `valid` and `test` do on torch."""

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor, nn

from heddle.data.minibatch import Batches
from heddle.errors import ConfigError, HeddleError
from heddle.sampling.stream import sample_key
from heddle.workflow.prefetch import Waiting, prefetched
from heddle.workflow.scores import TotalledScore
from heddle.workflow.turnkey import Row, Trainer, describe
from heddle_pyg.turnkey.batch import TorchBatch, torch_batch
from heddle_pyg.turnkey.checkpoint import read_checkpoint, write_checkpoint
from heddle_pyg.turnkey.embedding import TorchNodeEmbedding
from heddle_pyg.turnkey.hetero_module import HeteroModule
from heddle_pyg.turnkey.link_predictor import LinkPredictor
from heddle_pyg.turnkey.optimizers import build_optimizers, params_of
from heddle_pyg.turnkey.shards import Shards
from heddle_pyg.turnkey.whole import embed_whole
from heddle_torch.group import Group, joined, launched, run_forked, sum_gradients

_DTYPES = {"bf16": torch.bfloat16, "f16": torch.float16}


@runtime_checkable
class CountsLayers(Protocol):
    """A module that reads so many hops around what it is asked about."""

    n_layers: int


class TorchRunner:
    """Trains on one device, or as one of several processes that add up their gradients.

    What a batch holds depends on the data object's seed, the epoch and its rows alone, so N processes with batches of B
    do what one does with batches of N B; where dropout draws by the batch's number, what one does that accumulates N.

    Attributes:
        losses: the loss of every step, over all processes.
    """

    def __init__(self, trainer: Trainer, device: torch.device):
        self._trainer, self._device = trainer, device
        self._model: nn.Module = trainer.model.to(device)
        self._held = build_optimizers(trainer.optimizers, self._model)
        self._embeddings = [m for m in self._model.modules() if isinstance(m, TorchNodeEmbedding)]
        sparse = {id(e.weight(kind)) for e in self._embeddings for kind in e.kinds}
        found = {id(p): p for held in self._held for p in params_of(held.optimizer)}
        self._dense = [p for key, p in found.items() if key not in sparse]
        self._batches: dict[str, Batches] = {}
        self._whole: dict[str, np.ndarray] | None = None
        self._scaler = torch.amp.GradScaler(device.type, enabled=trainer.amp == "f16")  # type: ignore[attr-defined]
        self.epoch, self.losses = 0, list[float]()
        self._before: list[Row] | None = None  # rows of a fit that was broken off; None: not yet looked for

    def fit(self) -> list[Row]:
        self._split("train")
        if self._before is None:
            self._before = self._resume()
        if launched():
            with joined(self._device) as group:
                return self._train(group)
        if self._trainer.n_gpus == 1:
            return self._train(Group())
        if self._device.type == "cuda":
            n = self._trainer.n_gpus
            raise ConfigError(
                f"Trainer.n_gpus: found {n} GPUs in a single process, expected one each; start the script by "
                f"torchrun --nproc-per-node {n} SCRIPT"
            )
        return run_forked(self._trainer.n_gpus, self._train)

    @torch.no_grad()
    def evaluate(self, split: str) -> Row:
        batches, total, count = self._split(split), 0.0, 0
        plan = batches.plan(0)
        self._model.eval()
        self._reset()
        for batch in self._ahead(batches, plan, 0, Waiting()):
            with self._computing():
                outputs = self._outputs(batch)
                loss = self._trainer.criterion(outputs, batch.targets)
            total, count = total + float(loss) * len(batch.targets), count + len(batch.targets)
            self._update(outputs, batch)
        scores = {name: score.compute() for name, score in self._trainer.metrics.items()}
        return {"loss": total / count if count else math.nan, **scores}

    def embed(self, kind: str) -> np.ndarray:
        if self._whole is None:
            model = self._model.model if isinstance(self._model, LinkPredictor) else self._model
            if not isinstance(model, HeteroModule):
                raise ConfigError(
                    f"embeddings: found a {type(model).__name__}, expected a HeteroModule, alone or in a LinkPredictor"
                )
            self._whole = embed_whole(model, self._trainer.data_object.parts, self._device)
        return self._whole[kind]

    def export(self, name: str, max_batch: int) -> Any:
        """Return the trained model as a `heddle.serving.Served`, compared with `embed`."""
        from heddle_pyg.turnkey.export import export_script  # imports torch.export, which takes a second

        return export_script(self, self._model.cpu(), self._trainer.data_object, name, max_batch)

    def close(self) -> None:
        self._whole, self._batches = None, {}

    def _train(self, group: Group) -> list[Row]:
        shards = self._share(group)
        self._whole = None
        rows, self._before = self._before or [], []
        with torch.random.fork_rng(devices=[]):
            while len(rows) < self._trainer.epochs:
                self.epoch += 1
                rows.append(self._epoch(group, shards))
                if self._trainer.progress and group.rank == 0:
                    print(describe(rows[-1]), flush=True)
                if self._trainer.checkpoint is not None:
                    if shards is not None:
                        shards.gather()
                    self._save(group, rows)
                    shards = self._share(group)
        if shards is not None:
            shards.gather()
        return rows

    def _share(self, group: Group) -> Shards | None:
        """Split tables over the processes, if there are both."""
        if group.size == 1 or not self._embeddings:
            return None
        return Shards(self._embeddings, group, [held.optimizer for held in self._held])

    def _save(self, group: Group, rows: list[Row]) -> None:
        folder = self._trainer.checkpoint
        if group.rank == 0 and folder is not None:
            plain = [{name: float(value) for name, value in row.items()} for row in rows]
            progress = {"epoch": self.epoch, "losses": self.losses, "rows": plain}
            write_checkpoint(folder, self._model, self._held, self._scaler, progress)

    def _resume(self) -> list[Row]:
        """Take over a checkpoint, if there is one; return the rows of its fit."""
        if self._trainer.checkpoint is None:
            return []
        found = read_checkpoint(self._trainer.checkpoint, self._model, self._held, self._scaler)
        if found is None:
            return []
        self.epoch, self.losses = found["epoch"], found["losses"]
        return [{**row, "epoch": int(row["epoch"])} for row in found["rows"]]

    def _epoch(self, group: Group, shards: Shards | None) -> Row:
        started, waiting, batches = time.perf_counter(), Waiting(), self._split("train")
        plan, together = batches.plan(self.epoch), group.size * self._trainer.accumulate
        steps = -(-len(plan) // together)
        numbers = [
            step * together + turn * group.size + group.rank
            for step in range(steps)
            for turn in range(self._trainer.accumulate)
        ]
        mine = [plan[number] if number < len(plan) else None for number in numbers]
        stream = self._ahead(batches, mine, self.epoch, waiting)
        self._model.train()
        self._reset()
        losses, weights = [], []
        for step in range(steps):
            of_step = plan[step * together : (step + 1) * together]
            total = sum(map(len, of_step))
            loss = torch.zeros((), dtype=torch.float64, device=self._device)
            for turn in range(self._trainer.accumulate):
                at = step * self._trainer.accumulate + turn
                rows, number, batch = mine[at], numbers[at], next(stream)
                share = 0.0 if rows is None else len(rows) / total
                loss += self._backward(batch, share, number, shards)
            losses.append(float(group.sum_(loss)))
            weights.append(total)
            self._step(group)
        for held in self._held:
            if held.scheduler is not None and held.every == "epoch":
                held.scheduler.step()
        self.losses += losses
        mean = float(np.average(losses, weights=weights)) if losses else math.nan
        if not math.isfinite(mean):
            raise HeddleError(
                f"training: found a loss of {mean} in epoch {self.epoch}, expected a finite number; lower the learning "
                "rate, or look for extreme features in the data"
            )
        return {
            "epoch": self.epoch,
            "loss": mean,
            **self._scores(group),
            "loader_wait_share": waiting.share,
            "seconds": time.perf_counter() - started,
        }

    def _backward(self, batch: TorchBatch | None, share: float, number: int, shards: Shards | None) -> Tensor:
        """Add the gradient of one batch's share in its step's loss, and return that share."""
        none: dict[str, Tensor] = {}
        ids = none if batch is None else dict(batch.ids)
        rows = none if shards is None else shards.fetch(ids)
        part = torch.zeros((), device=self._device)
        if batch is not None:
            torch.manual_seed(sample_key(self._trainer.data_object.seed, self.epoch, number) >> 1)
            batch = batch._replace(rows=rows)
            with self._computing():
                outputs = self._outputs(batch)
                part = self._trainer.criterion(outputs, batch.targets) * share
            self._scaler.scale(part).backward()
            self._update(outputs.detach(), batch)
        if shards is not None:
            shards.push(ids, rows)
        return part.detach()

    def _step(self, group: Group) -> None:
        sum_gradients(self._dense, group)
        for held in self._held:
            self._scaler.unscale_(held.optimizer)
        if self._trainer.clip_norm:
            nn.utils.clip_grad_norm_([p for p in self._dense if p.grad is not None], self._trainer.clip_norm)
        for held in self._held:
            self._scaler.step(held.optimizer)
            if held.scheduler is not None and held.every == "step":
                held.scheduler.step()
        self._scaler.update()
        for held in self._held:
            held.optimizer.zero_grad(set_to_none=True)

    def _outputs(self, batch: TorchBatch) -> Tensor:
        """Return the module's outputs for what the batch asks about, in the dtype of its targets if they are floats."""
        found = self._model(batch)
        outputs = found if isinstance(found, Tensor) else batch.embeddings(found)[0]
        wide = torch.promote_types(outputs.dtype, torch.float32)
        return outputs.to(wide)

    def _computing(self) -> AbstractContextManager[Any]:
        dtype = _DTYPES.get(self._trainer.amp or "")
        return torch.autocast(self._device.type, dtype, enabled=dtype is not None)

    def _ahead(self, batches: Batches, wanted: Sequence[Any], epoch: int, waiting: Waiting) -> Iterator[Any]:
        """Yield the batches of rows, None for no rows, built ahead by threads."""
        dtype = next(self._model.parameters()).dtype

        def build(at: int) -> TorchBatch | None:
            rows = wanted[at]
            if rows is None:
                return None
            return torch_batch(batches.build(rows, epoch), self._device, dtype)

        return prefetched(build, len(wanted), batches.spec.workers, batches.spec.prefetch, waiting)

    def _split(self, split: str) -> Batches:
        if split not in self._batches:
            batches = self._trainer.data_object.batches(split)
            model, spec = self._model, batches.spec
            if isinstance(model, CountsLayers) and model.n_layers < len(spec.fanouts):
                batches.spec = spec.merge(
                    fanouts=spec.fanouts[: model.n_layers]
                )  # further hops reach nothing
            self._batches[split] = batches
        return self._batches[split]

    def _reset(self) -> None:
        for score in self._trainer.metrics.values():
            score.reset()

    def _update(self, outputs: Tensor, batch: TorchBatch) -> None:
        if self._trainer.metrics:
            values, targets = outputs.float().cpu().numpy(), batch.targets.cpu().numpy()
            for score in self._trainer.metrics.values():
                score.update(values, targets)

    def _scores(self, group: Group) -> Row:
        for score in self._trainer.metrics.values():
            if isinstance(score, TotalledScore):
                score.totals = group.sum_(torch.from_numpy(score.totals).to(self._device)).cpu().numpy()
        return {name: score.compute() for name, score in self._trainer.metrics.items()}
