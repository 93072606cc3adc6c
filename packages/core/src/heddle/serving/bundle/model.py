"""scorer_of: a bundle's model, made again from its options, with its weights."""

from pathlib import Path
from typing import Any

from heddle.nn.heads import head_for
from heddle.nn.model import Model
from heddle.nn.models.codes import behind_codes
from heddle.options import PortableOptions, build
from heddle.sampling.parts import kernels_of
from heddle.serving.bundle.layout import WEIGHTS, read_bundle
from heddle.serving.scoring.row_ops import embedder_of, row_ops
from heddle.serving.scoring.scorer import Scorer
from heddle.workflow.artifacts import read_weights


def scorer_of(root: str | Path, registry: Any) -> Scorer:
    """Return the Scorer of a bundle's model; no framework is imported.

    Raises:
        DataError: a broken bundle.
        HeddleError: a model that isn't installed.
    """
    contents = read_bundle(root)
    name = contents.model["name"]
    options = build(registry.options("model", name), contents.model["options"], "model")

    def make(spec: Any) -> Any:
        return registry.model(name)(options, spec)

    encoder = behind_codes(make, contents.spec)
    dropout = options.dropout if isinstance(options, PortableOptions) else 0.0
    model = Model(encoder, head_for(contents.spec, encoder.out_dim, dropout=dropout))
    arrays = read_weights(Path(root) / WEIGHTS)
    params = {key.removeprefix("params/"): value for key, value in arrays.items()}
    adjacency = kernels_of(registry).adjacency
    return Scorer(
        model, contents.spec, params, contents.reading, row_ops(registry), adjacency, embedder_of(registry)
    )
