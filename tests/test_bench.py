"""`heddle bench`: engines timed beside each other, after they predicted the same values."""

import pytest

from heddle.cli import main


def rows(out):
    lines = [[cell.strip() for cell in line.split("│")[1:-1]] for line in out.splitlines() if "│" in line]
    return {line[0]: [float(cell) for cell in line[1:]] for line in lines}


@pytest.fixture
def bench(capfd):
    def call(*arguments):
        status = main(["bench", "bench.rounds=1", "bench.steps=2", *arguments])
        return status, *capfd.readouterr()

    return call


@pytest.mark.parametrize(
    "arguments",
    [
        ["data=karate", "model=gat"],
        ["data=mag", "data.papers=60", "model=rgcn"],
        ["data=karate", "model=gcn", "task=link_prediction"],
    ],
    ids=["nodes", "relations", "links"],
)
def test_every_engine_that_takes_a_model_is_timed(bench, arguments):
    status, out, err = bench(*arguments)
    assert status == 0, err
    actual = rows(out)
    assert {"backend=jax", "backend=pyg", "backend=dgl-dynamic"} <= set(actual)
    assert min(times for _, times, *_ in actual.values()) == 1
    assert all(differs < 1e-5 for *_, differs in actual.values())


def test_variants_are_what_is_given_several_values(bench):
    status, out, err = bench("backend=pyg", "data=karate", "backend.kernel=heddle,torch")
    assert status == 0, err
    assert list(rows(out)) == ["backend.kernel=heddle", "backend.kernel=torch"]


def test_other_models_are_not_timed_unless_asked_for(bench):
    arguments = ("backend=pyg", "data=karate", "model.hidden=8,16")
    status, _, err = bench(*arguments)
    assert status == 1 and "model.hidden=16 predicts other values than model.hidden=8" in err
    status, out, _ = bench(*arguments, "bench.tolerance=null")
    assert status == 0 and rows(out)["model.hidden=16"][-1] > 0


def test_an_engine_that_does_not_take_the_run_is_left_out_with_its_reason(bench):
    status, out, err = bench("backend=pyg,jax", "data=karate", "sampler=neighbor", "sampler.batch_size=8")
    assert status == 0, err
    assert list(rows(out)) == ["backend=pyg"]
    assert out.splitlines()[-1].startswith("backend=jax: left out, sampler=neighbor")
