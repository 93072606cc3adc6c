"""Servers: the same answers, refusals and clean end by the small one and by the real Triton."""

import concurrent.futures
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import numpy as np
import pytest

from heddle.errors import HeddleError
from heddle.serving.client import Client


def addresses(server):
    return [address for address in (server.http, server.grpc) if address]


def ask(server, method, path, body=None, headers=None):
    """Return (status, body) of a plain request."""
    connection = http.client.HTTPConnection(server.http.removeprefix("http://"), timeout=30)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_health_metadata_and_metrics(server):
    for path in ("/v2/health/live", "/v2/health/ready", "/v2/models/trees/ready"):
        assert ask(server, "GET", path)[0] == 200
    for address in addresses(server):
        with Client(address) as client:
            actual = client.metadata("program")
            assert client.ready() and actual["name"] == "program"
            (index,) = actual["inputs"]
            assert (
                index["name"] == "index"
                and index["datatype"] == "INT64"
                and list(map(int, index["shape"])) == [-1, 1]
            )
    assert "name" in json.loads(ask(server, "GET", "/v2")[1])
    with urllib.request.urlopen(server.metrics, timeout=30) as answer:
        assert "trees" in answer.read().decode()


@pytest.mark.parametrize("rows", [1, 2, 17, 64])
def test_answers_are_the_models_own(server, program, trees, rows):
    rng = np.random.default_rng(rows)
    index = rng.integers(50, size=(rows, 1))
    features = np.c_[rng.normal(size=(rows, 3)), rng.integers(7, size=rows)].astype(np.float32)
    for address in addresses(server):
        with Client(address) as client:
            output, score = (
                client.infer("program", {"index": index}),
                client.infer("trees", {"features": features}),
            )
            assert output["output"].dtype == score["score"].dtype == np.float32
            for actual, wanted in (
                (output["output"], program[1](index)),
                (score["score"], trees[1](features)),
            ):
                assert actual.shape == wanted.shape and np.abs(actual - wanted).max() <= 1e-5


def test_a_server_says_what_a_run_says(server, program):
    index = np.arange(20)[:, None]
    for address in addresses(server):
        with Client(address) as client:
            actual = client.infer("decided", {"index": index})
        powers = np.exp(program[1](index).astype(np.float64) / 2)
        assert np.abs(actual["probability"] - powers / powers.sum(1, keepdims=True)).max() <= 1e-5
        assert (actual["answer"][:, 0] == powers.argmax(1)).all()


def test_json_without_binary_data(server, program):
    entry = {"name": "index", "shape": [2, 1], "datatype": "INT64", "data": [3, 4]}
    status, body = ask(server, "POST", "/v2/models/program/infer", json.dumps({"id": "7", "inputs": [entry]}))
    answer = json.loads(body)
    assert status == 200 and answer["id"] == "7" and answer["model_name"] == "program"
    (output,) = answer["outputs"]
    assert output["shape"] == [2, 3] and output["datatype"] == "FP32"
    assert np.reshape(output["data"], (2, 3)) == pytest.approx(program[1](np.array([[3], [4]])), abs=1e-5)


def test_a_thousand_requests_of_eight_clients(server, program):
    def client(seed):
        rng = np.random.default_rng(seed)
        with Client(server.http) as connection:
            for _ in range(125):
                index = rng.integers(50, size=(rng.integers(1, 20), 1))
                actual = connection.infer("program", {"index": index})["output"]
                assert actual.shape == (len(index), 3)
                assert np.abs(actual - program[1](index)).max() <= 1e-5
        return 125

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(client, range(8))) == 1000


GOOD = {"name": "index", "shape": [2, 1], "datatype": "INT64", "data": [3, 4]}
MALFORMED = {
    "no JSON": b"{",
    "a list": b"[]",
    "no inputs": b"{}",
    "no inputs in it": {"inputs": []},
    "another name": {"inputs": [GOOD | {"name": "indes"}]},
    "another type": {"inputs": [GOOD | {"datatype": "FP32"}]},
    "no type": {"inputs": [GOOD | {"datatype": "INT63"}]},
    "another width": {"inputs": [GOOD | {"shape": [1, 2]}]},
    "too few numbers": {"inputs": [GOOD | {"data": [3]}]},
    "too many numbers": {"inputs": [GOOD | {"data": [3, 4, 5]}]},
    "words": {"inputs": [GOOD | {"data": ["a", "b"]}]},
    "a negative shape": {"inputs": [GOOD | {"shape": [-2, 1]}]},
    "65 dimensions": {"inputs": [GOOD | {"shape": [1] * 65}]},
    "nothing of too much": {"inputs": [GOOD | {"shape": [0] + [2**31 - 1] * 20, "data": []}]},
    "nothing of much": {"inputs": [GOOD | {"shape": [0, 2**31 - 1, 2**31 - 1], "data": []}]},
    "a number without bounds": b'{"inputs": [{"name": "index", "shape": [1, 1], "datatype": "FP32", "data": [1e999]}]}',
    "an unknown node": {"inputs": [GOOD | {"data": [3, 50]}]},
    "a negative node": {"inputs": [GOOD | {"data": [3, -1]}]},
    "too large a batch": {"inputs": [GOOD | {"shape": [65, 1], "data": [0] * 65}]},
    "an unknown output": {"inputs": [GOOD], "outputs": [{"name": "nothing"}]},
    "binary data that isn't there": {"inputs": [{**GOOD, "parameters": {"binary_data_size": 16}}]},
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_requests_are_refused(server, program, name):
    body = MALFORMED[name]
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    status, answer = ask(server, "POST", "/v2/models/program/infer", text)
    # Triton calls some of its readers' faults internal errors, status 500; nothing is computed either way.
    assert 400 <= status < (600 if server.grpc else 500) and json.loads(answer)["error"]
    index = np.array([[1]])
    with Client(server.http) as client:  # it goes on
        assert client.infer("program", {"index": index})["output"] == pytest.approx(
            program[1](index), abs=1e-5
        )


def test_unknown_models_are_refused(server):
    assert 400 <= ask(server, "GET", "/v2/models/nobody")[0] < 500
    for address in addresses(server):
        with Client(address) as client, pytest.raises(HeddleError, match="nobody at 127"):
            client.infer("nobody", {"index": np.array([[1]])})


LAUNCHER = """
import sys
from heddle.serving import launch
running = launch(sys.argv[1], sys.argv[2], environment=sys.argv[3] or None)
print(running.pid, running.http, running.grpc, flush=True)
sys.stdin.read()
"""


def listens(address):
    if not address:
        return False
    host, _, port = address.partition("://")[2].partition(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


def group_of(pid):
    """Return the processes below a supervisor."""
    results = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid or int(fields[2]) in results:
            results.append(int(path.parent.name))
    return results


@pytest.mark.parametrize("server", ["heddle", pytest.param("triton", marks=pytest.mark.slow)])
@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGINT], ids=["killed", "interrupted"])
def test_nothing_is_left_of_a_killed_launcher(repository, request, start, server, signal_number):
    environment_folder = str(request.getfixturevalue("environment")) if server == "triton" else ""
    launcher = start(
        [sys.executable, "-c", LAUNCHER, str(repository), server, environment_folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    supervisor, http_address, grpc_address = launcher.stdout.readline().rstrip("\n").split(" ")
    processes = [int(supervisor), *group_of(int(supervisor))]
    assert len(processes) >= 2 and listens(http_address) and (server == "heddle" or listens(grpc_address))
    assert server == "heddle" or list(Path("/dev/shm").glob(f"heddle-{supervisor}-*"))
    launcher.send_signal(signal_number)
    launcher.wait(30)
    end = time.monotonic() + 30
    while time.monotonic() < end and any(os.path.exists(f"/proc/{pid}") for pid in processes):
        time.sleep(0.1)
    assert [pid for pid in processes if os.path.exists(f"/proc/{pid}")] == []
    assert not listens(http_address) and not listens(grpc_address)
    assert not list(Path("/dev/shm").glob(f"heddle-{supervisor}-*"))
