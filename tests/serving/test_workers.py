"""`heddle serve serve.workers=3`: one process appends, all score; what was acknowledged is seen whichever answers."""

import concurrent.futures
import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from .test_serve import ask, serving

pytest.importorskip("uvicorn", reason="uvicorn isn't installed: pip install 'heddle-core[serve]'")
pytest.importorskip("msgspec", reason="msgspec isn't installed: pip install 'heddle-core[serve]'")


def children(pid):
    """Return the processes that a process started."""
    threads = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(number) for path in threads for number in path.read_text().split()]


def scored(port, row, **more):
    """Return (status, answer) of one row, over a connection of its own."""
    status, answer, _ = ask(port, "POST", "/v2/score", {"rows": [row], **more})
    return status, json.loads(answer)


def own_counts(port):
    """Return requests to score by process, as many connections as it takes to see three."""
    seen = {}
    for _ in range(30):
        text = ask(port, "GET", "/metrics/own")[1].decode()
        writes = "heddle_live_appends" in text
        counted = re.search(r'heddle_requests_total{route="score",status="200"} (\d+)', text)
        seen[writes, int(counted[1]) if counted else 0] = True
        if len({key[0] for key in seen}) == 2:
            break
    return list(seen)


def until(true):
    """Wait until something holds."""
    end = time.monotonic() + 40
    while not true():
        assert time.monotonic() < end
        time.sleep(0.2)


@pytest.fixture
def bundle(made, tmp_path):
    shutil.copytree(made[0] / "rgcn" / "bundle", tmp_path / "bundle")
    return tmp_path / "bundle"


def test_processes_answer_as_one(made, bundle, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    _, records = made
    new = {**records[-1], "User": "888", "Merchant Name": "777", "Year": "2021", "Month": "6"}
    with serving(bundle, "serve.workers=3", "serve.reload_seconds=0.3", errors=subprocess.DEVNULL) as (
        port,
        process,
    ):
        until(lambda: len(own_counts(port)) >= 2)  # one that reads answers, too
        assert len(children(process.pid)) == 2
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            answers = list(pool.map(lambda row: scored(port, row), records[:40]))
        alone = [scored(port, row) for row in records[:40]]
        assert [answer for answer, _ in answers] == [200] * 40 and answers == alone
        for at in range(20):  # each on a connection of its own, so by whichever process takes it
            row = {**new, "Time": f"{at:02d}:00"}
            if at % 2:
                assert ask(port, "POST", "/v2/rows/transactions", {"rows": [row]})[0] == 200
            else:
                assert scored(port, row, append=True)[1]["number"] == at + 1
            answers = [scored(port, {**new, "Time": "23:59"})[1]["scores"][0] for _ in range(4)]
            assert answers == answers[:1] * 4
            if at < 4:  # as many as the first fanout takes
                assert max(map(len, answers[0]["used"].values())) == at + 1
        assert ask(port, "POST", "/v2/rows/transactions", {"rows": [{**new, "Year": "x"}]})[0] == 400
        assert ask(port, "POST", "/v2/rows/nothing", {"rows": [new]})[0] == 400
        counts = own_counts(port)
        assert len(counts) >= 2 and any(not writes and count for writes, count in counts), counts
        text = ask(port, "GET", "/metrics")[1].decode()
        assert 'heddle_rows_total{what="appended"} 20' in text and "heddle_live_appends 20" in text
        assert 'heddle_requests_total{route="score",status="200"} 170' in text
        reply = ask(port, "POST", "/v2/erase/card", {"rows": [{"User": "888", "Card": new["Card"]}]})
        assert (reply[0], json.loads(reply[1])) == (200, {"erased": 1, "edges": 40})
        answers = [scored(port, {**new, "Time": "23:59"})[1]["scores"][0] for _ in range(12)]
        assert answers == answers[:1] * 12  # whichever process answers
        assert not any(answers[0]["used"].values())
        assert ask(port, "POST", "/v2/erase/nobody", {"rows": [new]})[0] == 400
        nobody = ask(port, "POST", "/v2/erase/card", {"rows": [{"User": "889", "Card": "0"}]})
        assert (nobody[0], json.loads(nobody[1])) == (200, {"erased": 0, "edges": 0})
        victim = children(process.pid)[0]
        os.kill(victim, signal.SIGKILL)  # another is started in its place
        until(lambda: len(children(process.pid)) == 2 and victim not in children(process.pid))
        assert scored(port, new)[0] == 200
        readers = children(process.pid)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
        until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in readers))
    with serving(bundle, "serve.workers=2", errors=subprocess.DEVNULL) as (
        port,
        process,
    ):  # the rows are there after the end
        assert scored(port, {**new, "Time": "23:59"})[1]["scores"] == answers[:1]
        until(lambda: len(children(process.pid)) == 1)
        readers = children(process.pid)
        process.kill()  # the others end with the one that appends
        until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in readers))
