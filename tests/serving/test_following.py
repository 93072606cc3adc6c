"""`heddle serve serve.follow=http://...`: a server that repeats another's appends, and scores as it does."""

import json
import shutil
import time

import pytest

from .test_serve import ask, serving

pytest.importorskip("uvicorn", reason="uvicorn isn't installed: pip install 'heddle-core[serve]'")
pytest.importorskip("msgspec", reason="msgspec isn't installed: pip install 'heddle-core[serve]'")


def until(true):
    """Wait until something holds."""
    end = time.monotonic() + 40
    while not true():
        assert time.monotonic() < end
        time.sleep(0.1)


def appended(port):
    """Return the number of the last append that a server has."""
    text = ask(port, "GET", "/metrics")[1].decode()
    return int(next(line.split()[1] for line in text.splitlines() if line.startswith("heddle_live_appends ")))


def test_a_follower_scores_as_the_server_that_it_follows(made, tmp_path):
    root, records = made
    for name in ("leader", "follower"):
        shutil.copytree(root / "rgcn" / "bundle", tmp_path / name)
    (tmp_path / "token").write_text("a-token-of-sixteen-letters\n")
    new = {**records[-1], "User": "4321", "Merchant Name": "99", "Year": "2021"}
    last = {"rows": [{**new, "Time": "23:59"}]}

    def rows(first, count):
        return {"rows": [{**new, "Time": f"{at:02d}:30"} for at in range(first, first + count)]}

    with serving(tmp_path / "leader") as (port, _):
        assert ask(port, "POST", "/v2/rows/transactions", rows(0, 3))[0] == 200
        with serving(tmp_path / "follower", f"serve.follow=http://127.0.0.1:{port}") as (other, _):
            until(lambda: appended(other) == 1)
            for at in range(3, 6):
                assert ask(port, "POST", "/v2/rows/transactions", rows(at, 1))[0] == 200
            until(lambda: appended(other) == 4)
            scores = [ask(each, "POST", "/v2/score", last)[1] for each in (port, other)]
            assert scores[0] == scores[1] and len(json.loads(scores[0])["scores"][0]["used"]) == 2
            status, answer, _ = ask(other, "POST", "/v2/rows/transactions", rows(9, 1))
            assert (
                status == 409
                and f"follows http://127.0.0.1:{port}; append there" in json.loads(answer)["error"]
            )
            assert appended(other) == 4
        assert ask(port, "POST", "/v2/rows/transactions", rows(6, 2))[0] == 200
        expected = ask(port, "POST", "/v2/score", last)[1]
        assert expected != scores[0]
        for text, status in (("5", 200), ("6", 409), ("-1", 409), ("x", 409), ("9" * 30, 409)):
            assert ask(port, "GET", f"/v2/log/{text}")[0] == status
        with serving(tmp_path / "follower", f"serve.follow=http://127.0.0.1:{port}") as (other, _):
            until(lambda: appended(other) == 5)  # it goes on where it was
            assert ask(other, "POST", "/v2/score", last)[1] == expected
    with serving(tmp_path / "follower", f"serve.follow=http://127.0.0.1:{port}") as (other, _):
        assert ask(other, "POST", "/v2/score", last)[1] == expected  # without the other, it answers on
