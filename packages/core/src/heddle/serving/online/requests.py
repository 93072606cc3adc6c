"""Requests: bodies, JSON or Arrow, to rows, checked as they are parsed, and scores to the Open Inference Protocol."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from heddle.extras import require
from heddle.serving.bundle.bundle import Bundle, Score, asked_columns
from heddle.serving.online.arrow_rows import ARROW, arrow_rows, option_of
from heddle.serving.online.http import Headers
from heddle.serving.online.limits import Refused


class Asked(NamedTuple):
    """Rows to be scored or appended.

    Attributes:
        append: whether scored ones are appended too.
        explain: whether scores come with their reasons; or the class that is explained.
        picture: whether reasons come with a picture.
    """

    rows: Sequence[dict[str, Any]]
    append: bool = False
    explain: bool | str = False
    picture: bool = False


class Requests:
    """Parses bodies. What is deeper, longer or of another type than is wanted is refused where it begins.

    Args:
        most: rows of the largest request.
        columns: of the widest table.
    """

    def __init__(self, most: int, columns: int = 64):
        self._most, self._columns = most, 4 * (columns + 16)
        self._commas = (most + 16) * self._columns
        self._msgspec = require("msgspec", "serve")
        cell: Any = str | int | float | bool | None
        make, json = self._msgspec.defstruct, self._msgspec.json
        strict = {"forbid_unknown_fields": True}
        also: Any = [("append", bool, False), ("explain", bool | str, False), ("picture", bool, False)]
        asked = make("Rows", [("rows", list[dict[str, cell]]), *also], **strict)
        fields = [("name", str), ("shape", list[int]), ("datatype", str), ("data", list[cell])]
        tensor: Any = make("Tensor", [*fields, ("parameters", dict[str, cell], {})], **strict)
        wanted: Any = make("Wanted", [("name", str), ("parameters", dict[str, cell], {})], **strict)
        rest = [("id", str, ""), ("parameters", dict[str, cell], {}), ("outputs", list[wanted], [])]
        infer = make("Infer", [("inputs", list[tensor]), *rest], **strict)
        self._rows, self._infer = json.Decoder(asked), json.Decoder(infer)

    def asked(self, body: bytes, headers: Headers) -> Asked:
        """Return the rows of a body, in JSON, or in Arrow's stream format if its type says so. Raises Refused."""
        given = headers.get(b"content-type", [b""])[0].partition(b";")[0].strip().lower()
        return self._arrow(body) if given == ARROW else self.rows(body)

    def _arrow(self, body: bytes) -> Asked:
        rows, metadata = arrow_rows(body, self._most, self._columns)
        self._check(len(rows))
        explain: bool | str = metadata.get("explain", "false")
        if explain in ("true", "false"):
            explain = option_of(metadata, "explain")
        return Asked(rows, option_of(metadata, "append"), explain, option_of(metadata, "picture"))

    def rows(self, body: bytes) -> Asked:
        """Return the rows of a body, {"rows": [{column: value}, ...]}, and what is asked besides. Raises Refused."""
        decoded = self._decoded(self._rows, body)
        self._check(len(decoded.rows))
        return Asked(decoded.rows, decoded.append, decoded.explain, decoded.picture)

    def tensors(self, body: bytes) -> tuple[list[dict[str, Any]], str]:
        """Return (rows, the request's id) of an inference: an input is a column, [n] or [n, 1]. Raises Refused."""
        decoded = self._decoded(self._infer, body)
        columns: dict[str, list[Any]] = {}
        for tensor in decoded.inputs:
            n, shape = len(tensor.data), tensor.shape
            if tensor.name in columns:
                raise Refused(400, f"{tensor.name[:80]}: found twice, expected each input once")
            if not shape or shape[0] != n or any(size != 1 for size in shape[1:]):
                raise Refused(
                    400,
                    f"{tensor.name[:80]}: found shape {shape[:4]} of {n} values, expected [{n}] or [{n}, 1]",
                )
            columns[tensor.name] = tensor.data
        sizes = {len(values) for values in columns.values()}
        if len(sizes) != 1:
            raise Refused(
                400, f"inputs: found {sorted(sizes)} rows, expected as many in each input, one at least"
            )
        self._check(sizes.pop())
        return [dict(zip(columns, values)) for values in zip(*columns.values())], decoded.id

    def outputs(self, scores: Sequence[Score], model: str, name: str) -> dict[str, Any]:
        """Return scores as the outputs of an inference."""
        n = len(scores)

        def tensor(name: str, datatype: str, rows: Sequence[Sequence[Any]]) -> dict[str, Any]:
            data = [value for row in rows for value in row]
            return {"name": name, "datatype": datatype, "shape": [n, len(data) // n], "data": data}

        made = [tensor("output", "FP32", [score.outputs for score in scores])]
        if scores[0].probability:
            made.append(tensor("probability", "FP64", [score.probability for score in scores]))
            made.append(tensor("answer", "BYTES", [[str(score.answer)] for score in scores]))
        return {"model_name": model, "model_version": "1", "id": name, "outputs": made}

    def metadata(self, bundle: Bundle, model: str) -> dict[str, Any]:
        """Return what the protocol tells of a model; inputs are columns of a relation's table, or a node's key."""
        names = asked_columns(bundle.encoders.get(bundle.target))
        inputs = [{"name": name, "datatype": "BYTES", "shape": [-1, 1]} for name in names]
        outputs = [{"name": "output", "datatype": "FP32", "shape": [-1, -1]}]
        if bundle.decision is not None:
            outputs.append({"name": "probability", "datatype": "FP64", "shape": [-1, -1]})
            outputs.append({"name": "answer", "datatype": "BYTES", "shape": [-1, 1]})
        return {"name": model, "versions": ["1"], "platform": "heddle", "inputs": inputs, "outputs": outputs}

    def _check(self, n: int) -> None:
        if not 1 <= n <= self._most:
            raise Refused(
                400 if not n else 413, f"rows: found {n}, expected 1 to {self._most}; send fewer at a time"
            )

    def _decoded(self, decoder: Any, body: bytes) -> Any:
        if body.count(b",") > self._commas:  # looked at before anything is made of it
            raise Refused(413, f"body: found more values than {self._most} rows have; send fewer at a time")
        try:
            return decoder.decode(body)
        except (self._msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
            raise Refused(400, f"body: {str(error)[:200]}") from None
