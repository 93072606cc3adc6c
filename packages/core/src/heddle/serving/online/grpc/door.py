"""GrpcDoor: the Open Inference Protocol by gRPC, answered as the same request by HTTP is."""

import json
import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from heddle.data.etl.rows import RowError
from heddle.errors import ConfigError, GraphError, problem
from heddle.extras import require
from heddle.serving.live.log import NoSpaceError
from heddle.serving.online.grpc.messages import CONTENTS, METHODS, SERVICE, messages
from heddle.serving.online.limits import Refused, brings
from heddle.serving.online.metrics import Metrics
from heddle.serving.online.options import ServeOptions
from heddle.serving.online.request_log import line_of
from heddle.serving.protocol import read_tensors, to_binary, write_json
from heddle.serving.runtime import BadRequest

log = logging.getLogger("heddle.requests")

MOST_BYTES = 64 << 20
"""Bytes of the largest answer."""

_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    404: "NOT_FOUND",
    409: "FAILED_PRECONDITION",
    413: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    503: "UNAVAILABLE",
    507: "RESOURCE_EXHAUSTED",
}


class Asked(Protocol):
    """What a door leads to: an HttpApplication."""

    def answer_get(self, path: str) -> Any:
        """Return (route, answer) of a GET."""

    async def answer_post(self, path: str, body: bytes) -> Any:
        """Return the answer of a POST, one of those at work."""


class GrpcDoor:
    """Answers the protocol's methods on a port of its own.

    Args:
        application: what answers.
        token: that requests must bring, but those about health; None for none.
        port: to listen on.

    Raises:
        PluginError: grpcio or protobuf isn't installed.
    """

    def __init__(
        self, application: Asked, options: ServeOptions, metrics: Metrics, token: bytes | None, port: int
    ):
        self._grpc, self._messages = require("grpc.aio", "grpc"), messages()
        self._codes = require("grpc", "grpc").StatusCode
        self._decode_error = require("google.protobuf.message", "grpc").DecodeError
        self._application, self._options, self._metrics = application, options, metrics
        self._token, self._port = token, port
        self._server: Any = None

    async def begin(self) -> None:
        """Begin to listen. Raises ConfigError: the port can't be had."""
        options, grpc = self._options, require("grpc", "grpc")
        self._server = self._grpc.server(
            options=(
                ("grpc.max_receive_message_length", options.body_bytes),
                ("grpc.max_send_message_length", MOST_BYTES),
                ("grpc.so_reuseport", int(options.workers > 1)),
                # a packed message is unpacked whole before its size is looked at, so none is taken
                ("grpc.compression_enabled_algorithms_bitset", 1),
                ("grpc.max_concurrent_streams", options.concurrency),
                ("grpc.max_connection_idle_ms", 60_000),
                ("grpc.max_connection_age_ms", 600_000),
                ("grpc.max_connection_age_grace_ms", 30_000),
                ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
            ),
            maximum_concurrent_rpcs=options.concurrency,
        )
        handlers = {
            name: grpc.unary_unary_rpc_method_handler(
                self._handler(name),  # it is parsed there: whole messages wait as bytes
                response_serializer=self._messages[f"{name}Response"].SerializeToString,
            )
            for name in METHODS
        }
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
        address = f"{f'[{options.host}]' if ':' in options.host else options.host}:{self._port}"
        try:
            if options.certificate is not None and options.private_key is not None:
                pair = Path(options.private_key).read_bytes(), Path(options.certificate).read_bytes()
                self._server.add_secure_port(address, grpc.ssl_server_credentials([pair]))
            else:
                self._server.add_insecure_port(address)
        except RuntimeError as error:
            do = "choose another"
            raise ConfigError(problem("serve.grpc_port", self._port, "a free port", do)) from error
        await self._server.start()

    async def close(self) -> None:
        """Take no more requests and finish those that were begun."""
        if self._server is not None:
            await self._server.stop(10)

    def _handler(self, name: str) -> Any:
        answer = getattr(self, f"_{name}")
        is_open = name in ("ServerLive", "ServerReady", "ModelReady")

        async def handle(content: bytes, context: Any) -> Any:
            started, status, message = time.perf_counter(), 200, ""
            try:
                if not is_open:
                    self._check(context)
                return await answer(content)
            except Refused as error:
                status, message = error.status, error.message
            except (RowError, GraphError, ConfigError, BadRequest) as error:
                status, message = 400, str(error)
            except NoSpaceError as error:
                status, message = 507, str(error)
            except Exception:
                log.exception("a request by gRPC")
                status, message = 500, "the server failed; its log tells why"
            finally:
                content = b""
                seconds, route = time.perf_counter() - started, "infer" if name == "ModelInfer" else "grpc"
                self._metrics.answered(route, status, seconds)
                log.info("%s", line_of(b"grpc", route, status, seconds))
            await context.abort(getattr(self._codes, _STATUS.get(status, "INTERNAL")), message)

        return handle

    def _check(self, context: Any) -> None:
        """Raise Refused where a request doesn't bring the token."""
        if self._token is None:
            return
        given = [
            _bytes(value) for key, value in context.invocation_metadata() or () if key == "authorization"
        ]
        if not brings(self._token, given):
            raise Refused(401, "authorization: found no valid token, expected Bearer TOKEN")

    def _parsed(self, name: str, content: bytes) -> Any:
        """Return the message of a method's request. Raises BadRequest."""
        try:
            return self._messages[f"{name}Request"].FromString(content)
        except self._decode_error:
            raise BadRequest(f"message: found no {name}Request, expected one of the protocol") from None

    async def _ServerLive(self, _: bytes) -> Any:
        return self._messages["ServerLiveResponse"](live=True)

    async def _ServerReady(self, _: bytes) -> Any:
        return self._messages["ServerReadyResponse"](ready=True)

    async def _ModelReady(self, content: bytes) -> Any:
        self._application.answer_get(f"/v2/models/{self._parsed('ModelReady', content).name}/ready")
        return self._messages["ModelReadyResponse"](ready=True)

    async def _ServerMetadata(self, _: bytes) -> Any:
        about = json.loads(self._application.answer_get("/v2")[1].content)
        return self._messages["ServerMetadataResponse"](name=about["name"], version=about["version"])

    async def _ModelMetadata(self, content: bytes) -> Any:
        name = self._parsed("ModelMetadata", content).name
        about = json.loads(self._application.answer_get(f"/v2/models/{name}")[1].content)
        return self._messages["ModelMetadataResponse"](**about)

    async def _ModelInfer(self, content: bytes) -> Any:
        path, body = self._as_http(content)
        del content  # it isn't held while it is worked on
        reply = await self._application.answer_post(path, body)
        outputs, facts = read_tensors("outputs", reply.content, None)
        names = {name: str(facts.get(name, "")) for name in ("model_name", "model_version", "id")}
        response = self._messages["ModelInferResponse"](**names)
        for entry in facts["outputs"]:
            array = outputs[entry["name"]]
            response.outputs.add(name=entry["name"], datatype=entry["datatype"], shape=list(array.shape))
            response.raw_output_contents.append(to_binary(array))
        return response

    def _as_http(self, content: bytes) -> tuple[str, bytes]:
        """Return (path, body) of the same request by HTTP. Raises BadRequest."""
        request = self._parsed("ModelInfer", content)
        more: dict[str, Any] = {"id": request.id}
        if request.outputs:
            more["outputs"] = [{"name": output.name} for output in request.outputs]
        body = write_json("inputs", _inputs_of(request, self._options.body_bytes // 4), more)
        return f"/v2/models/{request.model_name}/infer", body


def _inputs_of(request: Any, most: int) -> Mapping[str, np.ndarray]:
    """Return name -> array of a request's inputs, whose values lie in it by type or as bytes.

    Args:
        most: values, which are a byte each on the way and more here.

    Raises:
        BadRequest: not of the protocol; says where.
    """
    entries: list[dict[str, Any]] = []
    raw = list(request.raw_input_contents)
    if raw and len(raw) != len(request.inputs):
        expected = f"one for each of the {len(request.inputs)} inputs"
        raise BadRequest(f"raw_input_contents: found {len(raw)}, expected {expected}")
    for at, tensor in enumerate(request.inputs):
        entry: dict[str, Any] = {
            "name": tensor.name,
            "datatype": tensor.datatype,
            "shape": list(tensor.shape),
        }
        if raw:
            entry["parameters"] = {"binary_data_size": len(raw[at])}
        elif tensor.datatype in CONTENTS:
            values = getattr(tensor.contents, CONTENTS[tensor.datatype])
            most -= len(values)
            if most < 0:
                raise BadRequest(f"{tensor.name[:80]}: found too many values, expected fewer at a time")
            text = tensor.datatype == "BYTES"
            entry["data"] = [_text(tensor.name, value) for value in values] if text else list(values)
        entries.append(entry)
    head = json.dumps({"inputs": entries}).encode()
    arrays, _ = read_tensors("inputs", head + b"".join(raw), len(head))
    for name, array in arrays.items():
        if array.dtype.kind == "O":
            array.reshape(-1)[:] = [_text(name, value) for value in array.reshape(-1).tolist()]
    return arrays


def _text(name: str, value: bytes | str) -> str:
    try:
        return value if isinstance(value, str) else value.decode()
    except UnicodeDecodeError:
        raise BadRequest(f"{name[:80]}: found bytes, expected text in UTF-8") from None


def _bytes(value: bytes | str) -> bytes:
    return value if isinstance(value, bytes) else value.encode()
