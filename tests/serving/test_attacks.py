"""What is thrown at `heddle serve`: each bad request is one sentence, and a flood of them grows nothing for others."""

import contextlib
import gzip
import json
import shutil
import socket
import statistics
import subprocess
import threading
import time

import pytest

from .test_serve import ask, raw, serving

pytest.importorskip("uvicorn", reason="uvicorn isn't installed: pip install 'heddle-core[serve]'")
pytest.importorskip("msgspec", reason="msgspec isn't installed: pip install 'heddle-core[serve]'")

pytestmark = pytest.mark.slow

BODY = 1 << 20
LIMITS = f"serve.body_bytes={BODY}", "serve.body_seconds=2", "serve.head_seconds=2"
GROWTH = 16 * BODY + (64 << 20)
"""Bytes that bodies which aren't whole may hold together, and what one at work is parsed into."""


def tensor(**changes):
    """Return a request of the Open Inference Protocol about one id, changed."""
    facts = {"name": "index", "shape": [1, 1], "datatype": "INT64", "data": [0], **changes}
    return {"inputs": [facts]}


def number(text):
    """Return the same with a value of one's own writing."""
    return json.dumps(tensor(data=["HERE"])).replace('"HERE"', text)


INFER = {
    "nothing": "",
    "no text": b"\xff\xfe\x00",
    "null": "null",
    "a list": "[]",
    "no inputs": '{"inputs": []}',
    "deep lists": "[" * 200_000,
    "deep objects": '{"inputs":' * 50_000,
    "a huge shape": tensor(shape=[2**30, 1], data=[]),
    "a shape that overflows": tensor(shape=[2**31 - 1] * 40, data=[]),
    "nothing times much": tensor(shape=[0] + [2**31 - 1] * 20, data=[]),
    "a negative shape": tensor(shape=[-1, 1]),
    "300 dimensions": tensor(shape=[1] * 300),
    "no rows": tensor(shape=[0, 1], data=[]),
    "too many rows": tensor(shape=[8193, 1], data=[0] * 8193),
    "an id past the last": tensor(data=[10**6]),
    "an id below 0": tensor(data=[-1]),
    "2**63": tensor(data=[2**63]),
    "2**64": tensor(data=[2**64]),
    "10**400": number("9" * 400),
    "10**5000": number("9" * 5000),
    "1e999": number("1e999"),
    "NaN": number("NaN"),
    "true": tensor(data=[True]),
    "null among numbers": tensor(shape=[2, 1], data=[0, None]),
    "ragged": tensor(shape=[3, 1], data=[[0], [0, 1]]),
    "deep data": number("[" * 60 + "0" + "]" * 60),
    "an object": tensor(data=[{}]),
    "one input twice": {"inputs": tensor()["inputs"] * 2},
    "outputs that can't be names": {**tensor(), "outputs": [{"name": []}]},
    "outputs null": {**tensor(), "outputs": None},
    "outputs as text": {**tensor(), "outputs": "output"},
    "parameters as a list": {**tensor(), "parameters": [1]},
    "an id as a number": {**tensor(), "id": 5},
    "half a character": '{"id": "\\ud800", "inputs": []}',
    "binary data that isn't there": tensor(parameters={"binary_data_size": 16}),
}
LENGTHS = ("99999", "-1", "\xb2", "1e3")
"""Values of Inference-Header-Content-Length."""
HEADS = (
    "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
    "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /v2 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "Transfer-Encoding: gzip, chunked\r\nContent-Length: 0\r\n\r\n",
    "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "Content-Length: \xb2\r\n\r\nab",
    "Content-Length: -5\r\n\r\n",
    f"Content-Length: {10**30}\r\n\r\n",
    f"Content-Length: {200 << 20}\r\n\r\nx",
    "X: " + "a" * 100_000 + "\r\n\r\n",
    "Content-Length: 0\r\nHost: evil.example\r\n\r\n",
    "X\r\n\r\n",
    "Content-Length: 2\n\n{}",
)


@pytest.fixture(params=["rows", "ids"])
def served(request, tmp_path):
    """Give (what is served, path of its inference): a bundle of rows, and a repository that is asked by ids."""
    if request.param == "ids":
        return request.getfixturevalue("repository"), "/v2/models/program/infer"
    made = request.getfixturevalue("made")
    shutil.copytree(made[0] / "rgcn" / "bundle", tmp_path / "bundle")
    return tmp_path / "bundle", "/v2/models/model/infer"


def test_bad_requests_are_sentences(served):
    """Every status says whose fault it is, never the server's; one request is answered once."""
    root, path = served
    post = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    with serving(root, *LIMITS, errors=subprocess.DEVNULL) as (port, _):
        for name, body in INFER.items():
            for where in (path, "/v2/score", "/v2/rows/transactions", "/v2/erase/card"):
                status, answer, _ = ask(port, "POST", where, body)
                if status == 200 and name in ("no rows", "deep data"):
                    continue  # ids are asked about in any number, and lists may be nested
                assert status in (400, 404, 413) and json.loads(answer)["error"], (
                    name,
                    where,
                    status,
                    answer[:200],
                )
        for length in LENGTHS:
            content = json.dumps(tensor())
            head = (
                f"{post}Inference-Header-Content-Length: {length}\r\nContent-Length: {len(content)}\r\n\r\n"
            )
            answer = raw(port, (head + content).encode("latin-1"))
            assert b" 500 " not in answer and answer.count(b"HTTP/1.1") == 1, (length, answer[:200])
        for head in HEADS:
            answer = raw(port, (post + head).encode("latin-1"))
            assert answer.count(b"HTTP/1.1") <= 1, (head[:60], answer)
            assert not answer or answer.split(b" ")[1] in (b"400", b"413", b"421", b"431"), (
                head[:60],
                answer[:200],
            )
        assert ask(port, "GET", "/v2/health/ready")[0] == 200


def status_of(pid, name):
    """Return bytes of a process: VmRSS now, VmHWM at most."""
    with open(f"/proc/{pid}/status", encoding="ascii") as stream:
        return next(int(line.split()[1]) * 1024 for line in stream if line.startswith(name))


def healthy(port, count):
    """Return the seconds in which health answered, each over a connection of its own."""
    waits = []
    for _ in range(count):
        started = time.perf_counter()
        assert ask(port, "GET", "/v2/health/live")[0] == 200
        waits.append(time.perf_counter() - started)
        time.sleep(0.01)
    return waits


def test_floods_grow_nothing_and_health_answers(served):
    """Slow clients, bodies of 80 MB, packed ones and deep ones, all at once; health is compared with itself at rest."""
    root, path = served
    bomb = gzip.compress(b" " * (100 << 20), 1)[: BODY - 1]
    numbers = (
        b'{"inputs": [{"name": "index", "shape": [40000000, 1], "datatype": "INT64", "data": ['
        + b"0," * 40_000_000
    )
    commas = numbers[: BODY - 2]
    over = threading.Event()

    def flood(body, headers):
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{headers}Content-Length: {len(body)}\r\n\r\n".encode()
        while not over.is_set():
            with (
                contextlib.suppress(OSError),
                socket.create_connection(("127.0.0.1", port), timeout=10) as link,
            ):
                link.sendall(head)
                link.sendall(body)
                link.recv(65536)

    with serving(root, *LIMITS, errors=subprocess.DEVNULL) as (port, process):
        ask(port, "POST", path, tensor())  # what the first request loads is no growth
        for body in (bomb, commas):
            ask(port, "POST", path, body, Content_Encoding="gzip" if body is bomb else "identity")
        rest = healthy(port, 50)
        before = status_of(process.pid, "VmRSS")
        slow = [socket.create_connection(("127.0.0.1", port)) for _ in range(300)]
        for at, link in enumerate(slow):
            start = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {BODY - 9}\r\n"
            link.sendall((start + ("\r\n{" if at % 2 else "X: ")).encode())
        bodies = (numbers, ""), (bomb, "Content-Encoding: gzip\r\n"), (commas, ""), (b"[" * (BODY - 1), "")
        floods = [threading.Thread(target=flood, args=each) for each in bodies]
        for each in floods:
            each.start()
        try:
            attacked = healthy(port, 200)
        finally:
            over.set()
            for each in floods:
                each.join()
        grown = status_of(process.pid, "VmHWM") - before
        end = time.monotonic() + 30
        while slow:  # each is closed on, or told that it is too slow
            slow[-1].settimeout(max(end - time.monotonic(), 0.01))
            with contextlib.suppress(ConnectionError):
                answer = slow[-1].recv(65536)
                assert not answer or b" 408 " in answer[:20], answer
            slow.pop().close()
        assert grown < GROWTH, f"{grown >> 20} MB"
        # this machine's other loads slow both: what is added by the attack is asked about
        added = statistics.median(attacked) - statistics.median(rest)
        print(
            f"health: {statistics.median(rest):.4f} s at rest, {statistics.median(attacked):.4f} s attacked,"
        )
        print(f"at most {max(rest):.4f} and {max(attacked):.4f}; grown by {grown >> 20} MB")
        assert added < 0.1
        assert ask(port, "GET", "/v2/health/ready")[0] == 200
