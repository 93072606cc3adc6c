"""Layout: what lies in a bundle, and bundle.json, which is written last and names every file with its checksum.

```
bundle.json           model and its options, what it reads, the task, the decision, the card, versions, checksums, and
                      how columns lay in training
weights.safetensors   the parameters by name, of a bundle that computes embeddings
trees.json            boosted trees as XGBoost's JSON, of a bundle that answers by trees
live/                 the live graph over the prepared folder; it grows
drift/                how often a server was asked what, by day, in bins of training
repository/           what Triton reads: it asks the bundle
```
"""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from heddle.atomic import write_json
from heddle.data.formats.text_files import fail
from heddle.graphs.graph import EdgeType
from heddle.nn.model import ModelSpec
from heddle.sampling.types import Fanout
from heddle.serving.drift.summary import Summary, summary_of
from heddle.serving.scoring.scorer import Reading
from heddle.serving.versioned import read_versioned

FORMAT = 1
FILE = "bundle.json"
WEIGHTS = "weights.safetensors"
TREES = "trees.json"


class TreesContents(NamedTuple):
    """What boosted trees read and answer.

    Attributes:
        reads: what their columns are of (`heddle.workflow.boost.questions`), in their order.
        answers: classes, labels, values or order.
        classes: of `answers`; 0 for others.
    """

    reads: tuple[str, ...]
    answers: str
    classes: int


class BundleContents(NamedTuple):
    """What bundle.json says.

    Attributes:
        name: what requests call the model.
        model: the name of the model, and its options as a node; None for trees that read no embeddings.
        trees: what answers in place of the model's head; None for none.
        target: the relation, or node type, that is asked about.
        spec: what the model was made for.
        reading: how it looks at the graph.
        classes: names of the classes, () for none.
        decision: `Decision.as_json`, or None.
        prepared: the prepared folder.
        card: what is worth knowing of the model: data, versions, metrics by split.
        training: how columns lay in training and scores on validation; None in older bundles.
    """

    name: str
    model: Mapping[str, Any] | None
    trees: TreesContents | None
    target: tuple[str, ...]
    spec: ModelSpec
    reading: Reading
    classes: tuple[str, ...]
    decision: Mapping[str, Any] | None
    prepared: Path
    card: Mapping[str, Any]
    training: Summary | None = None


def write_bundle(root: Path, contents: BundleContents) -> None:
    """Write bundle.json, by which a bundle is finished, with the checksums of the other files."""
    reading = {**contents.reading._asdict(), "fanout": _fanout_json(contents.reading.fanout)}
    content = {
        "format": FORMAT,
        "kind": "rows",
        "name": contents.name,
        "model": contents.model,
        "trees": None if contents.trees is None else contents.trees._asdict(),
        "target": list(contents.target),
        "spec": _spec_json(contents.spec),
        "reading": reading,
        "classes": list(contents.classes),
        "decision": contents.decision,
        "prepared": str(contents.prepared),
        "card": contents.card,
        "training": None if contents.training is None else contents.training.as_json(),
        "files": {name: checksum(root / name) for name in files_of(contents)},
    }
    write_json(root / FILE, content)


def files_of(contents: BundleContents) -> list[str]:
    """Return the names of the files that a bundle needs."""
    return [WEIGHTS] * (contents.model is not None) + [TREES] * (contents.trees is not None)


def read_bundle(root: str | Path) -> BundleContents:
    """Return what bundle.json says, the files' checksums compared.

    Raises:
        DataError: no bundle, another format, or a file that was changed.
    """
    root = Path(root)
    content = read_versioned(root / FILE, FORMAT, "a bundle", "make one with heddle deploy export run=RUN")
    check_files(root, content["files"])
    reading, trees = content["reading"], content.get("trees")
    return BundleContents(
        content["name"],
        content["model"],
        None if trees is None else TreesContents(tuple(trees["reads"]), trees["answers"], trees["classes"]),
        tuple(content["target"]),
        _spec_of(content["spec"]),
        Reading(_fanout_of(reading["fanout"]), reading["key"], reading["inclusive"], reading["timed"]),
        tuple(content["classes"]),
        content["decision"],
        (root / content["prepared"]).resolve(),
        content["card"],
        summary_of(content.get("training")),
    )


def check_files(root: Path, checksums: Mapping[str, str]) -> None:
    """Compare files below a folder with their checksums. Raises DataError: one was changed, or is gone."""
    for name, wanted in checksums.items():
        if not (root / name).is_file() or checksum(root / name) != wanted:
            actual = "another content than when it was written"
            fail(root / name, actual, f"sha256 {wanted[:12]}", "export it again")


def checksum(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _spec_json(spec: ModelSpec) -> dict[str, Any]:
    """Return a ModelSpec for JSON: mappings by relation as lists of (relation, value)."""

    def as_json(value: Any) -> Any:
        if isinstance(value, Mapping) and any(isinstance(key, tuple) for key in value):
            return {"by_relation": [[list(key), as_json(each)] for key, each in value.items()]}
        if isinstance(value, Mapping):
            return {key: as_json(each) for key, each in value.items()}
        return (
            [as_json(each) for each in value]
            if isinstance(value, Sequence) and not isinstance(value, str)
            else value
        )

    return {name: as_json(value) for name, value in spec._asdict().items()}


def _spec_of(content: Mapping[str, Any]) -> ModelSpec:
    def read(value: Any) -> Any:
        if isinstance(value, list):
            return tuple(read(each) for each in value)
        if isinstance(value, Mapping) and set(value) == {"by_relation"}:
            return {_relation(key): read(each) for key, each in value["by_relation"]}
        return {key: read(each) for key, each in value.items()} if isinstance(value, Mapping) else value

    return ModelSpec(**{name: read(value) for name, value in content.items()})


def _relation(key: Sequence[str]) -> EdgeType:
    return key[0], key[1], key[2]


def _fanout_json(fanout: Fanout) -> dict[str, Any]:
    return {**fanout._asdict(), "sizes": list(fanout.sizes), "leaves": []}


def _fanout_of(content: Mapping[str, Any]) -> Fanout:
    return Fanout(**{**content, "sizes": tuple(content["sizes"]), "leaves": ()})
