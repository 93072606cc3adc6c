"""scorer_of: a bundle's model, made again from its options with its weights, and the trees that answer for it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from heddle.graphs.graph import EdgeType
from heddle.nn.heads import head_for
from heddle.nn.model import Model, ModelSpec
from heddle.nn.models.codes import behind_codes
from heddle.nn.models.script_module import ScriptEncoder
from heddle.options import PortableOptions, build
from heddle.sampling.parts import kernels_of
from heddle.serving.bundle.layout import TREES, WEIGHTS, BundleContents
from heddle.serving.scoring.row_ops import embedder_of, row_ops
from heddle.serving.scoring.scorer import Reading, Scorer
from heddle.serving.scoring.task import TaskScorer
from heddle.serving.scoring.trees import Trees, TreeScorer
from heddle.workflow.artifacts import read_weights

SCRIPT = "script"
"""The name of the model of a script's bundle."""


def scorer_of(
    root: Path, contents: BundleContents, registry: Any, asked: EdgeType | None = None
) -> Scorer | TaskScorer | TreeScorer:
    """Return what answers for a bundle: its model, or trees; no framework is imported.

    Args:
        root: the bundle's folder, of whose files bundle.json alone needn't be there.
        contents: what its bundle.json says, or will say.
        asked: of a task, the relation from what its questions are about to them; None for rows of the graph.

    Raises:
        DataError: a broken bundle.
        ConfigError: questions of a task, and a model or a machine that can't answer them.
        HeddleError: a model that isn't installed.
    """
    scorer = None if contents.model is None else _scorer(root, contents, registry)
    if contents.trees is None:
        assert scorer is not None
        return scorer if asked is None else TaskScorer(scorer, asked)
    reads, answers, classes = contents.trees
    return TreeScorer(Trees(root / TREES, answers, classes), contents.spec, contents.reading, reads, scorer)


def _scorer(root: Path, contents: BundleContents, registry: Any) -> Scorer:
    assert contents.model is not None
    name = contents.model["name"]
    if name == SCRIPT:
        arrays = read_weights(root / WEIGHTS)
        script = _script_encoder(contents.model["options"], arrays)
        model = Model(script, head_for(contents.spec, script.out_dim))
        return scorer_of_arrays(model, contents.spec, contents.reading, arrays, registry)
    options = build(registry.options("model", name), contents.model["options"], "model")

    def make(spec: Any) -> Any:
        return registry.model(name)(options, spec)

    encoder = behind_codes(make, contents.spec)
    dropout = options.dropout if isinstance(options, PortableOptions) else 0.0
    model = Model(encoder, head_for(contents.spec, encoder.out_dim, dropout=dropout))
    return scorer_on(model, contents.spec, contents.reading, root / WEIGHTS, registry)


def scorer_on(model: Model, spec: ModelSpec, reading: Reading, weights: Path, registry: Any) -> Scorer:
    """Return the Scorer of a model with the weights of a file, on the kernels that are installed."""
    return scorer_of_arrays(model, spec, reading, read_weights(weights), registry)


def scorer_of_arrays(
    model: Model, spec: ModelSpec, reading: Reading, arrays: Mapping[str, np.ndarray], registry: Any
) -> Scorer:
    """Return the Scorer of a model with weights (name -> array of its parameter's shape), on the installed kernels.

    Args:
        spec: of the data that it was trained on.
        reading: how questions are read.
        registry: where kernels are found.
    """
    params = {key.removeprefix("params/"): value for key, value in arrays.items()}
    adjacency = kernels_of(registry).adjacency
    return Scorer(model, spec, params, reading, row_ops(registry), adjacency, embedder_of(registry))


def _script_encoder(written: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> ScriptEncoder:
    prefix = "params/encoder."
    return ScriptEncoder(
        tuple((node_type, name) for node_type, name in written["types"]),
        tuple(((key[0], key[1], key[2]), name) for key, name in written["relations"]),
        written["n_layers"],
        written["out_dim"],
        written["activation"],
        frozenset(name.removeprefix(prefix) for name in arrays if name.startswith(prefix)),
    )
