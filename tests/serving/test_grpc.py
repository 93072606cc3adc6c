"""`heddle serve serve.grpc_port=...`: the Open Inference Protocol by gRPC, with the scores and the limits of HTTP."""

import json
import shutil
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager

import numpy as np
import pytest

from .test_attacks import status_of
from .test_serve import ask, free_port, serving

pytest.importorskip("uvicorn", reason="uvicorn isn't installed: pip install 'heddle-core[serve]'")
pytest.importorskip("msgspec", reason="msgspec isn't installed: pip install 'heddle-core[serve]'")
grpc = pytest.importorskip("grpc", reason="grpcio isn't installed: pip install 'heddle-core[grpc]'")
pytest.importorskip("google.protobuf", reason="protobuf isn't installed: pip install 'heddle-core[grpc]'")

KEY = "a-token-of-sixteen-letters"


@pytest.fixture
def bundle(made, tmp_path):
    """Give a bundle of one's own: a copy, whose live graph starts as the folder is."""
    shutil.copytree(made[0] / "rgcn" / "bundle", tmp_path / "bundle")
    return tmp_path / "bundle"


@contextmanager
def client(port):
    """Give call(method, token=None, **fields) -> the method's answer."""
    from heddle.serving.online.grpc.messages import SERVICE, messages

    classes = messages()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:

        def call(method, token=None, compression=None, **fields):
            send = channel.unary_unary(
                f"/{SERVICE}/{method}",
                request_serializer=classes[f"{method}Request"].SerializeToString,
                response_deserializer=classes[f"{method}Response"].FromString,
            )
            metadata = [("authorization", f"Bearer {token}")] if token else []
            return send(
                classes[f"{method}Request"](**fields), timeout=20, metadata=metadata, compression=compression
            )

        yield call


def columns(rows):
    """Return rows as inputs whose values lie in them by type."""
    facts = {"datatype": "BYTES", "shape": [len(rows), 1]}
    return [
        {"name": name, **facts, "contents": {"bytes_contents": [row[name].encode() for row in rows]}}
        for name in rows[0]
    ]


def raw(inputs):
    """Return fields of a request with the same values as bytes, each behind its length."""
    parts = [
        b"".join(len(value).to_bytes(4, "little") + value for value in of["contents"]["bytes_contents"])
        for of in inputs
    ]
    bare = [{name: value for name, value in of.items() if name != "contents"} for of in inputs]
    return {"inputs": bare, "raw_input_contents": parts}


def outputs(response):
    """Return name -> bytes of a response's outputs."""
    return {of.name: raw for of, raw in zip(response.outputs, response.raw_output_contents, strict=True)}


def test_messages_are_those_of_the_protocol():
    """Names, numbers and types of all fields are those of Triton's client, which generates them from the protocol."""
    from heddle.serving.online.grpc.messages import METHODS, messages

    theirs = pytest.importorskip(
        "tritonclient.grpc.service_pb2",
        reason="tritonclient isn't installed: pip install 'heddle-core[serve]'",
    )

    def fields(descriptor):
        def of(field):
            inner, choice = field.message_type, field.containing_oneof
            many = field.is_repeated if hasattr(field, "is_repeated") else field.label == 3
            return (
                field.number,
                field.name,
                field.type,
                many,
                inner and inner.full_name,
                choice and choice.name,
            )

        return sorted(of(field) for field in descriptor.fields)

    for name, message in messages().items():
        expected = theirs
        for part in name.split("."):
            expected = getattr(expected, part)
        assert fields(message.DESCRIPTOR) == fields(expected.DESCRIPTOR), name
    service = theirs.DESCRIPTOR.services_by_name["GRPCInferenceService"]
    for method in METHODS:
        theirs_of = service.methods_by_name[method]
        assert (theirs_of.input_type.name, theirs_of.output_type.name) == (
            f"{method}Request",
            f"{method}Response",
        )


def test_rows_score_as_by_http(made, bundle, tmp_path):
    """With a token, by values of a type and by bytes; what HTTP refuses is refused, and the server answers on."""
    _, records = made
    (tmp_path / "token").write_text(KEY)
    port = free_port()
    arguments = f"serve.grpc_port={port}", f"serve.token_file={tmp_path / 'token'}", "serve.body_bytes=100000"
    with serving(bundle, *arguments, errors=subprocess.DEVNULL) as (http, _), client(port) as call:

        def refused(method, *code, token=KEY, **fields):
            with pytest.raises(grpc.RpcError) as error:
                call(method, token, **fields)
            assert error.value.code() in code, error.value
            return error.value.details()

        assert call("ServerLive").live and call("ServerReady").ready
        assert call("ModelReady", name="model").ready
        for method, fields in (("ModelInfer", {"inputs": []}), ("ModelMetadata", {"name": "model"})):
            assert "Bearer" in refused(method, grpc.StatusCode.UNAUTHENTICATED, token=None, **fields)
            assert "Bearer" in refused(method, grpc.StatusCode.UNAUTHENTICATED, token="other", **fields)
        about = call("ModelMetadata", KEY, name="model")
        names = [of.name for of in about.inputs]
        assert about.platform == "heddle" and "MCC" in names and list(about.inputs[0].shape) == [-1, 1]
        assert call("ServerMetadata", KEY).name == "heddle"
        rows = [{name: record[name] for name in names} for record in records[-30:]]
        inputs = columns(rows)
        tensors = [
            {"name": name, "shape": [30], "datatype": "BYTES", "data": [row[name] for row in rows]}
            for name in names
        ]
        status, answer, _ = ask(
            http, "POST", "/v2/models/model/infer", {"inputs": tensors}, Authorization=f"Bearer {KEY}"
        )
        expected = {of["name"]: of["data"] for of in json.loads(answer)["outputs"]}
        assert status == 200
        for fields in ({"inputs": inputs}, raw(inputs)):
            response = call("ModelInfer", KEY, model_name="model", id="7", **fields)
            assert (response.model_name, response.id) == ("model", "7")
            assert [list(of.shape) for of in response.outputs] == [[30, 2], [30, 2], [30, 1]]
            actual = outputs(response)
            assert actual["output"] == np.array(expected["output"], np.float32).tobytes()
            assert actual["probability"] == np.array(expected["probability"]).tobytes()
            assert actual["answer"].count(b"No") + actual["answer"].count(b"Yes") == 30
        bad, model = grpc.StatusCode.INVALID_ARGUMENT, {"model_name": "model"}
        one = columns(rows[:1])
        wrong = [of if of["name"] != "Year" else {**of, "contents": {"bytes_contents": [b"x"]}} for of in one]
        assert "Year: found 'x'" in refused("ModelInfer", bad, inputs=wrong, **model)
        wrong = [
            of if of["name"] != "MCC" else {**of, "contents": {"bytes_contents": [b"\xff"]}} for of in one
        ]
        assert "MCC: found bytes, expected text in UTF-8" in refused("ModelInfer", bad, inputs=wrong, **model)
        assert "expected one for each" in refused(
            "ModelInfer", bad, inputs=one, raw_input_contents=[b""], **model
        )
        assert "behind their lengths" in refused(
            "ModelInfer", bad, inputs=one[:1], raw_input_contents=[b"\xff" * 9], **model
        )
        refused(
            "ModelInfer", bad, inputs=[{"name": "MCC", "datatype": "BYTES", "shape": [2**40, 2**40]}], **model
        )
        many = [
            {
                "name": "MCC",
                "datatype": "INT64",
                "shape": [60000],
                "contents": {"int64_contents": [0] * 60000},
            }
        ]
        assert "too many values" in refused("ModelInfer", bad, inputs=many, **model)
        assert "nothing at" in refused(
            "ModelInfer", grpc.StatusCode.NOT_FOUND, inputs=one, model_name="nobody"
        )
        assert "nothing at" in refused("ModelReady", grpc.StatusCode.NOT_FOUND, name="../../v2")
        large = [{**one[0], "contents": {"bytes_contents": [b"x" * 200_000]}}]
        refused("ModelInfer", grpc.StatusCode.RESOURCE_EXHAUSTED, inputs=large, **model)
        refused(
            "ModelInfer",
            grpc.StatusCode.UNIMPLEMENTED,
            inputs=one,
            compression=grpc.Compression.Gzip,
            **model,
        )
        with socket.create_connection(("127.0.0.1", port), timeout=10) as link:
            link.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert b"200" not in link.recv(100)[:20]
        assert outputs(call("ModelInfer", KEY, **model, **raw(inputs))) == actual
        metrics = ask(http, "GET", "/metrics", Authorization=f"Bearer {KEY}")[1].decode()
        assert 'heddle_requests_total{route="infer",status="200"} 4' in metrics
        taken = [
            sys.executable,
            "-m",
            "heddle",
            "serve",
            f"bundle={bundle}",
            "serve.port=0",
            f"serve.grpc_port={port}",
        ]
        done = subprocess.run(taken, capture_output=True, text=True, check=False)
        assert done.returncode == 2 and "serve.grpc_port: found" in done.stderr


@pytest.mark.slow
def test_ids_and_several_processes(made, bundle, program, repository):
    """A program gives its outputs; each of two processes answers on the one port."""
    _, local = program
    port = free_port()
    ids = np.arange(5)[:, None]
    tensor = {"name": "index", "datatype": "INT64", "shape": [5, 1]}
    with serving(repository, f"serve.grpc_port={port}", errors=subprocess.DEVNULL), client(port) as call:
        for values in (
            {"inputs": [{**tensor, "contents": {"int64_contents": range(5)}}]},
            {"inputs": [tensor], "raw_input_contents": [ids.tobytes()]},
        ):
            actual = outputs(call("ModelInfer", model_name="program", outputs=[{"name": "output"}], **values))
            assert list(actual) == ["output"]
            np.testing.assert_allclose(
                np.frombuffer(actual["output"], np.float32), local(ids).reshape(-1), rtol=1e-5
            )
        assert call("ModelReady", name="program").ready
    inputs, port = columns(made[1][-2:]), free_port()
    with serving(bundle, f"serve.grpc_port={port}", "serve.workers=2", errors=subprocess.DEVNULL):
        answers = set()
        for _ in range(12):
            with client(port) as call:
                answers.add(outputs(call("ModelInfer", model_name="model", inputs=inputs))["output"])
        assert len(answers) == 1


@pytest.mark.slow
def test_floods_grow_nothing(bundle):
    """Messages of a million numbers, or of nothing known, from sixteen clients are refused; nothing of them is kept."""
    from heddle.serving.online.grpc.messages import SERVICE, messages

    body, port = 1 << 20, free_port()
    tensor = {
        "name": "MCC",
        "datatype": "INT64",
        "shape": [body],
        "contents": {"int64_contents": [0] * (body - 99)},
    }
    many = messages()["ModelInferRequest"](model_name="model", inputs=[tensor]).SerializeToString()
    said = set()

    def flood(content, times):
        with grpc.insecure_channel(
            f"127.0.0.1:{port}", options=[("grpc.use_local_subchannel_pool", 1)]
        ) as channel:
            for _ in range(times):
                with pytest.raises(grpc.RpcError) as error:
                    channel.unary_unary(f"/{SERVICE}/ModelInfer")(content, timeout=60)
                said.add(error.value.code())

    arguments = f"serve.grpc_port={port}", f"serve.body_bytes={body}", "serve.concurrency=16"
    with serving(bundle, *arguments, errors=subprocess.DEVNULL) as (http, process):
        flood(many, 2)  # what the first request loads is no growth
        before = status_of(process.pid, "VmRSS")
        for content in (many, b"\xff" * (body - 99), b"\x00" * 2 * body) * 4:
            clients = [threading.Thread(target=flood, args=(content, 4)) for _ in range(16)]
            for each in clients:
                each.start()
            for each in clients:
                each.join()
        grown = (status_of(process.pid, "VmHWM") - before) >> 20
        print(f"grown by {grown} MB")
        assert said == {grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.RESOURCE_EXHAUSTED}
        assert grown < 192  # of a GB that came
        assert ask(http, "GET", "/v2/health/ready")[0] == 200
