"""export_run: a trained run's inference as one program of torch.export, and export_dense: a dense head alone."""

import io
import warnings
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from heddle.errors import ConfigError
from heddle.extras import require
from heddle.graphs.pytree import leaves, tree_map
from heddle.nn.model import Batch, Model
from heddle.serving.served import Served, Spec
from heddle_pyg.export_ops import ExportOps
from heddle_torch.placement import precision_named, to_device

ROWS = 16
TOLERANCE = 1e-5


class Inference(nn.Module):
    """A portable model with its weights and its graph inside: [n, k] ids of nodes or links to [n, columns]."""

    def __init__(self, model: Model, params: dict[str, Tensor], placed: Batch):
        super().__init__()
        self._model, self._pytree = model, (dict(params), placed.graph, placed.prepared)
        self._held = [leaf for leaf in leaves(self._pytree) if isinstance(leaf, Tensor)]
        for number, tensor in enumerate(self._held):
            self.register_buffer(f"held_{number}", tensor.detach().clone())

    def forward(self, index: Tensor) -> Tensor:
        numbers = iter(range(len(self._held)))

        def take(leaf: Any) -> Any:
            return getattr(self, f"held_{next(numbers)}") if isinstance(leaf, Tensor) else leaf

        params, graph, prepared = tree_map(take, self._pytree)
        asked = index[:, 0] if index.shape[1] == 1 else index
        outputs = self._model.apply(ExportOps(), params, Batch(graph, prepared, asked))
        return outputs if outputs.ndim == 2 else outputs[:, None]


def export_run(parts: Any, state: Any, name: str, max_batch: int) -> Served:
    """Return a run's model as a served "index" to "output": nodes' or links' ids to logits or scores.

    The graph, its features and the weights are inside; messages are passed anew for each request, by plain torch
    operators that every torch has. What it gives is compared with the engine before it is returned.

    Args:
        parts: a `heddle.workflow.assemble.Assembly`; its model must be portable, about nodes or links of one graph.
        state: the program's State.

    Raises:
        ConfigError: another model or task, questions with times, or numbers that differ from the engine's by more than
            1e-5.
    """
    task, model, graph = parts.task, parts.model, parts.dataset.graphs
    if task.level not in ("node", "link") or not isinstance(model, Model):
        raise ConfigError(
            f"export: found {type(model).__name__} for {task.kind}, expected a portable model of nodes or links; "
            "train such a model, or of edges make a bundle by heddle deploy export"
        )
    if parts.until is not None:
        raise ConfigError(
            f"export: found questions about {task.level}s with times, each answered by what was there at its time, "
            "expected ones that the whole graph answers; make a bundle of it by heddle deploy export"
        )
    index, below = _questions(parts)
    prepared = model.prepare(graph)
    placed = to_device(Batch(graph, prepared, index), torch.device("cpu"), precision_named("float32"))
    arrays = parts.program.to_arrays(state)
    names = model.params()
    params = {key: torch.from_numpy(np.array(arrays[f"params/{key}"], np.float32)) for key in names}
    module = Inference(model, params, placed).eval()
    asked = index[:, None] if index.ndim == 1 else index
    wanted = parts.program.predict(state, parts.program.place(Batch(graph, prepared, index)))
    content, exported = program(module, torch.from_numpy(asked))
    wanted = np.asarray(wanted, np.float32).reshape(len(asked), -1)
    compare(exported, wanted, "export")
    specs = (Spec("index", "INT64", asked.shape[1]),), (Spec("output", "FP32", wanted.shape[1]),)
    about = {
        "below": {"index": below},
        "task": task.kind,
        "classes": list(parts.dataset.class_names),
    }
    return Served(name, "torch", content, *specs, max_batch, ({"index": asked}, {"output": wanted}), about)


def export_dense(
    module: nn.Module, width: int, name: str, max_batch: int = 8192, form: str = "torch"
) -> Served:
    """Return a module of [n, width] float32 to [n, columns] as a served "x" to "output".

    Args:
        form: "torch", a program of torch.export; or "onnx", for dense heads that onnxruntime serves (extra `onnx`).

    Raises:
        ConfigError: the exported program gives other numbers than the module.
    """
    x = torch.randn(ROWS, width, generator=torch.Generator().manual_seed(0))
    module = module.eval()
    with torch.no_grad():
        wanted = module(x).numpy().astype(np.float32)
    if form == "torch":
        content, exported = program(module, x)
    elif form == "onnx":
        content, exported = _onnx(module, x)
    else:
        raise ConfigError(f"export: found form {form!r}, expected torch or onnx; name one")
    compare(exported, wanted, name)
    specs = (Spec("x", "FP32", width),), (Spec("output", "FP32", wanted.shape[1]),)
    return Served(name, form, content, *specs, max_batch, ({"x": x.numpy()}, {"output": wanted})).check()


def _questions(parts: Any) -> tuple[np.ndarray, list[int]]:
    """Return ids to compare on, and what each column of an id stays under."""
    counts = parts.model_spec.n_node
    rows = counts[parts.model_spec.target_type]
    if parts.task.level == "node":
        return np.arange(min(ROWS, rows), dtype=np.int64), [rows]
    links = np.asarray(parts.dataset.splits["train"][:ROWS], np.int64)
    last = counts[parts.model_spec.receiver_type or parts.model_spec.target_type]
    return links, [rows, last] if links.shape[1] == 2 else [rows, parts.model_spec.n_link_types, rows]


def program(module: nn.Module, *example: Tensor) -> tuple[bytes, np.ndarray]:
    """Export a module for any number of rows, and run what was exported once.

    Args:
        example: the module's inputs, each [rows, ...] with at least 2 rows.

    Returns: the saved program, as `torch.export.load` reads it, and its outputs for the example, [rows, ...] float32.
    """
    rows = torch.export.Dim("rows", min=2)
    with torch.no_grad():
        shapes = tuple({0: rows} for _ in example)
        exported = torch.export.export(module, example, dynamic_shapes=shapes, strict=False)
        for node in exported.graph.nodes:
            node.meta.pop("stack_trace", None)  # source lines under paths of this machine
        stream = io.BytesIO()
        torch.export.save(exported, stream)
        again = torch.export.load(io.BytesIO(stream.getvalue())).module()
        return stream.getvalue(), again(*example).numpy().astype(np.float32)


def _onnx(module: nn.Module, example: Tensor) -> tuple[bytes, np.ndarray]:
    require("onnxscript", "onnx")
    runtime = require("onnxruntime", "onnx")
    rows = torch.export.Dim("rows", min=2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what torch.onnx and onnxscript find deprecated in torch
        exported = torch.onnx.export(
            module,
            (example,),
            input_names=["x"],
            output_names=["output"],
            dynamic_shapes=({0: rows},),
            dynamo=True,
            verbose=False,
        )
    assert exported is not None
    content = exported.model_proto.SerializeToString()
    session = runtime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return content, session.run(["output"], {"x": example.numpy()})[0]


def compare(exported: np.ndarray, wanted: np.ndarray, where: str) -> None:
    """Check that an exported program's numbers are those wanted, [n, c] both, to 1e-5.

    Raises:
        ConfigError: they aren't; with the greatest difference.
    """
    gap = np.abs(exported - wanted) / np.maximum(1, np.abs(wanted))
    if exported.shape != wanted.shape or (gap.size and not gap.max() <= TOLERANCE):
        difference = (
            f"shape {exported.shape}" if exported.shape != wanted.shape else f"values off by {gap.max():.2g}"
        )
        raise ConfigError(
            f"{where}: found {difference} in the exported program, expected the engine's own; report it"
        )
