"""`heddle plan`: a table from sizes alone or from data, and the plan that sharding=auto takes."""

import shutil

import pytest

from heddle.ops.relational.cost import WAYS


def test_a_graph_of_a_billion_edges_that_is_never_built(heddle_command):
    status, out, err = heddle_command(
        "plan",
        "plan.nodes=100000000",
        "plan.edges=1000000000",
        "model=gat",
        "sharding.devices=64",
        "sharding.device_memory=80GB",
    )
    assert (status, err) == (0, "")
    rows = {line.split("│")[1].strip(): line for line in out.splitlines() if line.startswith("│")}
    assert list(rows) == ["none", "edges", "scatter", "halo"]
    assert "yes" in rows["halo"] and "no" in rows["edges"]
    assert "100,000,000 nodes, 1,000,000,000 edges" in out
    assert out.splitlines()[-1] == "sharding=auto takes halo, the cheapest that fits into 80 GB"


def test_tables_are_planned_by_their_size(heddle_command, tmp_path, monkeypatch):
    (tmp_path / "card_transaction.csv").write_bytes(b"x" * 3_000_000)
    arguments = ("plan", "data=tabformer", f"data.src={tmp_path}", f"data.dst={tmp_path}/out/deep")
    status, out, err = heddle_command(*arguments)
    assert (status, err) == (0, "")
    rows = [
        [cell.strip() for cell in line.split("│")[1:-1]] for line in out.splitlines() if line.startswith("│")
    ]
    assert [row[0] for row in rows] == ["duckdb", "polars", "spark"] and rows[0][2] == "6.6 MB"
    assert out.splitlines()[-1].startswith(
        "etl.engine=duckdb: tables of about 3 MB as CSV; one machine does up to"
    )
    disk = shutil.disk_usage(tmp_path)._replace(free=6_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: disk)
    status, out, _ = heddle_command(*arguments)
    assert status == 0 and out.splitlines()[-1].endswith(
        "etl.engine=spark: tables of about 3 MB as CSV; the disk is too small"
    )
    assert not (tmp_path / "out").exists()


def test_the_graph_of_a_dataset_is_partitioned_to_see_its_halo(heddle_command):
    status, out, _ = heddle_command("plan", "data=rmat", "data.scale=7", "sharding.devices=4")
    assert status == 0 and "128 nodes" in out and "halo: measured on labels parts" in out


def test_relations_split_their_edges_only(heddle_command):
    status, out, _ = heddle_command("plan", "data=mag", "data.papers=60", "model=rgcn")
    assert status == 0 and "scatter" not in out and "sharding=auto takes edges" in out


def test_each_relations_way_is_reported_with_its_costs(heddle_command):
    arguments = ("plan", "data=mag", "data.papers=60", "model=rgcn")
    status, out, _ = heddle_command(*arguments)
    table = out[out.index("model.plan=auto") :].splitlines()
    lines = [[cell.strip() for cell in line.split("│")[1:-1]] for line in table if line.startswith("│")]
    assert status == 0 and {line[1] for line in lines} > {"author writes paper", "paper cites paper"}
    assert {line[0] for line in lines} == {"0", "1"} and len(lines) % 2 == 0
    for line in lines:
        costs = {way: float(cost.replace(",", "")) for way, cost in zip(WAYS, line[7:10]) if cost != "-"}
        assert costs[line[10].split(",")[0]] == min(costs.values())
    _, forced, _ = heddle_command(*arguments, "model.plan=edge")
    assert "model.plan=edge" in forced and "│ edge" in forced
    _, plain, _ = heddle_command("plan", "data=karate", "model=gcn")
    assert "model.plan" not in plain


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["plan.nodes=1000", "sharding.device_memory=1kB"], 1, "sharding.device_memory allows 1 kB"),
        (["plan.nods=1000"], 2, "did you mean 'plan.nodes'?"),
        (["sharding=hallo"], 2, "did you mean 'halo'?"),
        (["sharding.devices=0"], 2, "sharding.devices: found 0, expected at least 1"),
        (["sharding.device_memory=lots"], 2, "found 'lots', expected bytes such as 16GB"),
        (["data=karate", "task=link_prediction"], 2, "expected one about the nodes of one graph"),
    ],
)
def test_errors_are_one_line(heddle_command, arguments, status, message):
    actual, _, err = heddle_command("plan", *arguments)
    assert actual == status and message in err and len(err.splitlines()) == 1


def test_help(heddle_command):
    status, out, _ = heddle_command("plan", "--help")
    assert status == 0 and "plan.nodes=100000000" in out
