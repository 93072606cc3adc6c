"""A server that is killed, or whose disk is full, loses nothing that it acknowledged, and shows nothing by halves."""

import resource
import shutil
import subprocess
import sys

import pytest

from .crashes import kill_under_load
from .test_serve import ask

pytest.importorskip("uvicorn", reason="uvicorn isn't installed: pip install 'heddle-core[serve]'")
pytest.importorskip("msgspec", reason="msgspec isn't installed: pip install 'heddle-core[serve]'")


@pytest.fixture
def bundle(made, tmp_path):
    """Give a copy of a bundle, and a payment."""
    root, records = made
    return shutil.copytree(root / "rgcn" / "bundle", tmp_path / "bundle"), records[-1]


@pytest.mark.parametrize(
    "kills", [pytest.param(4, marks=pytest.mark.slow), pytest.param(200, marks=pytest.mark.prove)]
)
def test_killed_servers_lose_nothing(bundle, kills):
    assert kill_under_load(*bundle, kills=kills)["acknowledged"] > 20


def test_a_full_disk_is_told_and_survived(bundle):
    """Files may not grow past a limit, as on a disk that is full: 507 for the rows, scores go on, nothing is kept."""
    folder, record = bundle
    limit = 8_000

    def full():
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))

    command = [sys.executable, "-m", "heddle", "serve", f"bundle={folder}", "serve.port=0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, preexec_fn=full
    ) as process:
        try:
            port = int(process.stdout.readline().rpartition(":")[2])
            statuses = [
                ask(port, "POST", "/v2/rows/transactions", {"rows": [{**record, "User": f"full-{number}"}]})[
                    0
                ]
                for number in range(60)
            ]
            kept = statuses.index(507)
            assert kept and set(statuses[:kept]) == {200}
            many = {"rows": [record] * 500}
            status, answer, _ = ask(port, "POST", "/v2/rows/transactions", many)
            assert status == 507 and b"room for the log" in answer
            assert ask(port, "POST", "/v2/score", {"rows": [record]})[0] == 200
            resource.prlimit(
                process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2
            )  # space was freed
            assert ask(port, "POST", "/v2/rows/transactions", {"rows": [record]})[0] == 200
            metrics = ask(port, "GET", "/metrics")[1].decode()
            appends = statuses.count(200) + 1
            assert f"heddle_live_appends {appends}" in metrics
            assert f"heddle_live_entries {2 * appends}" in metrics
        finally:
            process.kill()
