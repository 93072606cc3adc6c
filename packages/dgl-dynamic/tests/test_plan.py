"""`heddle plan` of a forecast: which way of sharing it costs least, from sizes alone."""

from math import prod

from dynamic_cases import options_for

from heddle.cli.main import main
from heddle.data.readers.traffic.read import traffic
from heddle.data.task import Task, model_spec_of
from heddle_dgl.models.build import dcrnn
from heddle_dgl.sharding.plan import forecast_plans

CONFIG = {"hidden": 8, "layers": 2, "steps": 2, "head": "decoder"}


def test_windows_are_cheaper_until_a_snapshot_is_too_large(capsys):
    assert main(["plan", "model=dcrnn", "data=traffic", "sharding.devices=4"]) == 0
    out = capsys.readouterr().out
    assert "sharding=windows is the cheapest; set launch.processes=4" in out and "halo" in out


def test_what_is_sent():
    dataset, task = traffic(sensors=40, days=1), Task("forecast", "mae", ("masked_mae",), 4, 3)
    model = dcrnn(options_for(dcrnn, **CONFIG), model_spec_of(dataset, task))
    sizes = (model, model_spec_of(dataset, task), dataset.graphs, 16, 4, "labels", 288)
    alone, windows, halo = forecast_plans(*sizes)
    assert alone.sends == 0 and windows.nodes == 40 > halo.nodes
    weights = sum(prod(spec.shape) for spec in model.params().values())
    assert (
        windows.sends == int(2 * 4 * weights * 3 / 4) < halo.sends
    )  # the ring's share of the gradients, no more
    assert windows.works < alone.works and halo.holds < windows.holds
