"""docs/tables-to-a-score.md, followed to the letter: from a table to a score with its reasons."""

import os
import re
import shlex
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

import pytest

GUIDE = Path(__file__).parents[1] / "docs" / "tables-to-a-score.md"


def blocks(text, language):
    """Return the guide's blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


@pytest.mark.slow
def test_the_guide_ends_in_a_score_with_reasons(tmp_path):
    for module, extra in (
        ("duckdb", "etl"),
        ("uvicorn", "serve"),
        ("msgspec", "serve"),
        ("torch_geometric", "pyg"),
    ):
        pytest.importorskip(module, reason=f"{module} isn't installed: pip install 'heddle-core[{extra}]'")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    text = GUIDE.read_text(encoding="utf-8").replace("8000", port)
    (schema,) = blocks(text, "yaml")
    (tmp_path / "orders.yaml").write_text(schema)
    make, ask, stream = blocks(text, "python")
    commands = "".join(blocks(text, "")).replace("\\\n", "")
    lines = [shlex.split(line) for line in commands.splitlines() if line.startswith("heddle ")]
    where = {"cwd": tmp_path, "env": {**os.environ, "OMP_NUM_THREADS": "1"}, "text": True}

    def run(*arguments):
        done = subprocess.run([sys.executable, *arguments], capture_output=True, **where)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run("-c", make)
    *before, serve = lines
    assert [line[1] for line in lines] == ["data", "train", "deploy", "serve"]
    for line in before:
        run("-m", *line)
    with subprocess.Popen(
        [sys.executable, "-m", *serve], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **where
    ) as server:
        try:
            end = time.monotonic() + 60
            while True:
                try:
                    urlopen(f"http://127.0.0.1:{port}/v2/health/ready").close()
                    break
                except OSError:
                    assert server.poll() is None and time.monotonic() < end
                    time.sleep(0.2)
            answer, *reasons = run("-c", ask).splitlines()
            assert answer.endswith("rows looked at") and answer.split()[0] in ("yes", "no")
            assert {line.split()[1] for line in reasons[:3]} == {"price", "kind", "since"}
            assert sum("of orders, from" in line for line in reasons) == 5
            assert (tmp_path / "why.svg").read_text(encoding="utf-8").startswith("<svg")
            assert run("-c", stream) == "1000 scores\n"
        finally:
            server.kill()
