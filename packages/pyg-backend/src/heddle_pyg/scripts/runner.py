"""TorchRunner: what a Trainer's steps do on torch: `heddle.workflow.trainer` with the script's own parts."""

import logging
from collections.abc import Callable, Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import nn

from heddle.engines.launch import TORCHRUN, Launch
from heddle.engines.program import Metrics, Program
from heddle.errors import ConfigError
from heddle.nn.model import Model, uses_of
from heddle.scripts.dataset_source import NODE
from heddle.scripts.sources import GRAPH_TASKS, NODE_TASKS
from heddle.scripts.trainer import Row, Trainer
from heddle.scripts.training import callbacks_of, evaluated, running, script_loader, script_row, unused_of
from heddle.workflow.callbacks import Callback
from heddle.workflow.checkpoint import load
from heddle.workflow.loaders.sampled import SampledLoader
from heddle.workflow.progress import Progress
from heddle.workflow.trainer import fit
from heddle_pyg.layers.module import PortableModule
from heddle_pyg.scripts.checkpoint import read_first_checkpoint
from heddle_pyg.scripts.edge_predictor import embedder_of
from heddle_pyg.scripts.embedding import TorchNodeEmbedding
from heddle_pyg.scripts.hetero_module import HeteroModule
from heddle_pyg.scripts.learner import ModuleLearner, PortableModuleLearner
from heddle_pyg.scripts.optimizers import optimizers_of
from heddle_pyg.scripts.portable import portable_module
from heddle_pyg.scripts.shards import Shards
from heddle_pyg.scripts.task import ScriptTask
from heddle_pyg.scripts.whole import embed_whole
from heddle_torch.arrays.ops import TorchOps
from heddle_torch.group import Group, joined, launched, run_forked
from heddle_torch.train.backward import backward_together
from heddle_torch.train.learner import Learner
from heddle_torch.train.optimizers import Optimizers
from heddle_torch.train.program import build_program

log = logging.getLogger(__name__)

_DTYPES = {"bf16": torch.bfloat16, "f16": torch.float16}


class TorchRunner:
    """Trains on one device, or as one of several processes that add up their gradients.

    What a batch holds depends on the data object's seed, the epoch and its rows alone, so N processes with batches of B
    do what one does with batches of N B; with dropout, what one does that accumulates N.

    Attributes:
        losses: the loss of every step that this process took, over all processes.
        unused: what the data holds and the module doesn't read, e.g. "edge features of user.buys.item"; of a module
            that doesn't say what it reads, nothing is known.
    """

    def __init__(self, trainer: Trainer, device: torch.device, ops: TorchOps):
        self._trainer, self._device, self._ops = trainer, device, ops
        self._model: nn.Module = trainer.model.to(device)
        self._dtype = next(self._model.parameters()).dtype
        self._task = ScriptTask(trainer.criterion, trainer.metrics, device, self._dtype)
        scaled_on = device if trainer.amp == "f16" else None
        self.optimizer = optimizers_of(trainer.optimizers, self._model, scaled_on)
        self._embeddings = [m for m in self._model.modules() if isinstance(m, TorchNodeEmbedding)]
        self.unused = self._unused()
        self._program = self._build(Group(), None)
        self._progress: Progress | None = None
        self._ended = 0
        self._whole: dict[str, np.ndarray] | None = None
        self.losses: list[float] = []

    def fit(self) -> list[Row]:
        """Train to the end, from the checkpoint if there is one, and return the rows of the history.

        Raises:
            ConfigError: several GPUs and a single process.
        """
        if self._progress is None:
            self._progress = self._resumed()
        _ = self._loader  # what is wrong with the data is reported once, before any process is started
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

    def evaluate(self, split: str) -> Row:
        state = self._program.init(0)
        return evaluated(self._task, self._loader, self._program, state, split)

    def embed(self, node_type: str) -> np.ndarray:
        """Return the embeddings of all nodes of a type, [n, d]; for data with times those of the task's rows.

        Raises:
            ConfigError: data with times whose task isn't about this type, or a module that gives no embeddings.
        """
        data_object = self._trainer.data_object
        if data_object.times is not None:
            asked = data_object.dataset
            if asked.task not in NODE_TASKS or asked.target_type != node_type:
                raise ConfigError(
                    f"embeddings of {node_type}: found data with times, in which a node is another one at each time, "
                    "expected those of the task's rows; leave out kinds, or give the data object time='ignore'"
                )
            return self._loader.everything(self._program, self._program.init(0)).outputs
        if self._whole is None:
            self._whole = embed_whole(self._hetero(), data_object.parts, self._device)
        return self._whole[node_type]

    @torch.no_grad()
    def embed_rows(self) -> tuple[np.ndarray, np.ndarray] | None:
        data_object, model = self._trainer.data_object, self._hetero()
        dataset = data_object.dataset
        if data_object.times is None or dataset.task in NODE_TASKS:
            return None
        columns: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
        node_types = dataset.target_type, dataset.receiver_type
        links, times = data_object.rows()
        for placed in self._loader.asked(self._program, links, times, node_types):
            model.eval()
            for end, vectors in zip(columns, placed.embeddings(model(placed))):
                end.append(vectors.float().cpu().numpy())
        return np.concatenate(columns[0]), np.concatenate(columns[1])

    def _unused(self) -> tuple[str, ...]:
        portable = _portable(self._model)
        read = embedder_of(self._model)
        if portable is None and not isinstance(read, HeteroModule):
            return ()
        uses = read.uses if isinstance(read, HeteroModule) else uses_of(portable)
        unused = unused_of(self._trainer.data_object, uses)
        if unused:
            log.warning("%s doesn't use %s", type(read).__name__, ", ".join(unused))
        return unused

    def _hetero(self) -> HeteroModule:
        """Return the module whose outputs are embeddings."""
        model = embedder_of(self._model)
        if not isinstance(model, HeteroModule):
            raise ConfigError(
                f"embeddings: found a {type(model).__name__}, expected a HeteroModule, alone or in a LinkPredictor, "
                "an EdgePredictor or a GraphPredictor"
            )
        return model

    def export(self, name: str, max_batch: int) -> Any:
        """Return the trained model as a `heddle.serving.Served`, compared with `embed`."""
        from heddle_pyg.scripts.export import export_script  # imports torch.export, which takes a second

        return export_script(self, self._model.cpu(), self._trainer.data_object, name, max_batch)

    def portable(self) -> tuple[Any, dict[str, np.ndarray]]:
        """Return the trained module as an encoder that runs on core's primitives, and its parameters: name -> array.

        Raises:
            ConfigError: a module that has no such form.
        """
        return portable_module(self._hetero())

    def close(self) -> None:
        self._whole = None

    def _train(self, group: Group) -> list[Row]:
        trainer, progress = self._trainer, self._progress
        assert progress is not None
        shards = None
        if group.size > 1 and self._embeddings:
            shards = Shards(self._embeddings, group, [of.optimizer for of in self.optimizer.held])
        self._whole = None
        program = self._build(group, shards)
        loader = self._loader.for_process(Launch(devices=group.size, rank=group.rank, coordinator=TORCHRUN))
        settings = trainer.settings._replace(epochs=self._ended + trainer.epochs)
        callbacks: list[Callback] = [_Epochs(partial(self._task.add_scores, group), self.optimizer)]
        callbacks += callbacks_of(trainer, program, settings, loader, speaks=group.rank == 0)
        first = self._ended
        progress.stop = "" if first else progress.stop
        kept = trainer.monitor is not None
        try:
            fit(program, loader, self._task, settings, progress, callbacks, keep=kept)
        finally:
            if shards is not None:
                shards.gather()
        if kept:
            program.from_arrays(progress.best_arrays)
        self._ended = settings.epochs
        return [script_row(row) for row in progress.rows[first:]]

    def _build(self, group: Group, shards: Shards | None) -> Program:
        """Return the Program of one process; its State is ever the same module and the same optimisers."""
        portable, amp = _portable(self._model), _DTYPES.get(self._trainer.amp or "")
        asked = self._trainer.data_object.dataset
        if portable is None:
            kinds: tuple[str, ...] = (asked.target_type,)
            if asked.task in GRAPH_TASKS:
                kinds = (NODE,)
                if isinstance(self._model, HeteroModule):
                    raise ConfigError(
                        f"Trainer.model: found a HeteroModule for {asked.task}, whose outputs are of nodes, expected a "
                        "GraphPredictor around it; make a GraphPredictor(module, dim_out)"
                    )
            elif asked.task not in NODE_TASKS:
                kinds = (asked.target_type, asked.receiver_type or asked.target_type)
            learner: Learner = ModuleLearner(self._model, kinds, self._device, amp, shards)
        else:
            learner = PortableModuleLearner(self._model, portable, self._ops, self._device, amp)
        program = build_program(
            learner,
            self._task,
            lambda params: self.optimizer,
            self._ops,
            self._device,
            backward_together(group, shards),
            self._trainer.clip_norm,
        )
        steps = self._recorded(program)
        if shards is None:
            return program._replace(**steps)

        def to_arrays(state: Any) -> dict[str, np.ndarray]:
            shards.gather()
            arrays = program.to_arrays(state)
            shards.split()
            return arrays

        return program._replace(**steps, to_arrays=to_arrays)

    def _recorded(self, program: Program) -> Mapping[str, Any]:
        """Return the program's steps, that keep their losses."""

        def kept(step: Any, state: Any, placed: Any) -> tuple[Any, Metrics]:
            state, metrics = step(state, placed)
            self.losses.append(metrics["loss"])
            return state, metrics

        return {"step": partial(kept, program.step), "accumulate": partial(kept, program.accumulate)}

    @cached_property
    def _loader(self) -> SampledLoader:
        """The Loader of one process alone."""
        hops = self._model.n_layers if isinstance(self._model, CountsLayers) else None
        evaluated = self._trainer.monitor is not None
        ranked = len(running(self._trainer.metrics)) < len(self._trainer.metrics)
        return script_loader(self._trainer.data_object, hops, _portable(self._model), evaluated, ranked)

    def _resumed(self) -> Progress:
        """Return where the script's checkpoint is, the beginning where there is none."""
        state, folder = self._program.init(self._trainer.data_object.seed), self._trainer.checkpoint
        if folder is None:
            return Progress(state)
        progress = load(
            Path(folder), self._program, "remove it, or name another folder in Trainer(checkpoint=...)"
        )
        if progress is None:
            progress = read_first_checkpoint(folder, self._model, self.optimizer.held, state)
        return progress or Progress(state)


@runtime_checkable
class CountsLayers(Protocol):
    """A module that tells how many hops it reads."""

    n_layers: int


class _Epochs:
    """Adds what training saw to an epoch's row, and lets schedules go on that do so after each epoch."""

    def __init__(self, add_scores: Callable[[Progress], None], optimizer: Optimizers):
        self._add_scores, self._optimizer = add_scores, optimizer

    def after_epoch(self, progress: Progress) -> None:
        self._add_scores(progress)
        self._optimizer.end_epoch()

    def close(self) -> None:
        pass


def _portable(module: nn.Module) -> Model | None:
    """Return the portable Model that a module is made of, None for one of the script's own."""
    part = module.part if isinstance(module, PortableModule) else None
    return part if isinstance(part, Model) else None
