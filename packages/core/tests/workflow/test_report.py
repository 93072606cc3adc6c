"""Reports: whole pages that need no network, safe whatever names the data has."""

import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
import pytest

from heddle.workflow.metrics.predictions import Predictions
from heddle.workflow.report.charts import confusion
from heddle.workflow.report.matrix import shortened
from heddle.workflow.report.scale import label, scale_for, ticks
from heddle.workflow.report.slots import slots
from heddle.workflow.report.svg import columns, dots, histogram, lines
from heddle.workflow.run import train

from .cases import Registry, config_for, graph_dataset, link_dataset, node_dataset, triple_dataset

VOID = {"meta", "br", "link"}


class Checker(HTMLParser):
    """Collects tags and addresses, and checks that tags nest."""

    def __init__(self):
        super().__init__()
        self.stack, self.seen, self.addresses = [], [], []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        self.addresses += [value for key, value in attrs if key in ("src", "href", "data", "action")]
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append(tag)

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag


def report_of(tmp_path, dataset, **changes):
    folder = train(config_for(tmp_path / "run", **changes), Registry(dataset))
    return (folder / "report.html").read_text(encoding="utf-8")


def body(chart):
    """Return the drawing of a chart without its legend."""
    return re.search(r'<svg viewBox="0 0 5.*</svg>', chart, re.S)[0]


DATASETS = {
    "confusion, test": node_dataset,
    "scores, test": lambda: graph_dataset(task="labels"),
    "predicted and true, test": lambda: graph_dataset(task="graph_regression"),
    "ranks, test": triple_dataset,
    "ranks, test ": link_dataset,
}


@pytest.mark.parametrize("title", DATASETS)
def test_every_task_has_a_page_of_its_own(tmp_path, title):
    text = report_of(tmp_path, DATASETS[title](), trainer={"batch_size": 40, "epochs": 3}, optim={"lr": 0.05})
    checker = Checker()
    checker.feed(text)
    assert not checker.stack and not checker.addresses
    assert "script" not in checker.seen and not re.search(r"https?://|url\(|@import", text)
    assert f"<h2>{title.strip()}</h2>" in text and "<h2>loss</h2>" in text
    for chart in re.findall(r"<svg.*?</svg>", text, re.S):
        ElementTree.fromstring(chart)
        assert "nan" not in chart and "inf" not in chart


def test_names_from_the_data_and_the_config_are_escaped(tmp_path):
    evil = "<script>alert('x')</script>&\"'"
    dataset = node_dataset()._replace(name=evil, class_names=[evil, "b", "c"], info={"source": evil})
    text = report_of(tmp_path, dataset, data={"name": evil})
    assert "<script" not in text and text.count("&lt;script&gt;") >= 4


def test_a_page_without_test_or_validation_data(tmp_path):
    dataset = node_dataset()
    text = report_of(tmp_path, dataset._replace(splits={"train": dataset.splits["train"]}))
    assert "<h2>confusion, train</h2>" in text


def test_the_best_epoch_is_marked():
    chart = lines({"train": ([1, 2, 3], [3.0, 2.0, 1.0])}, "epoch", "loss", mark=2)
    assert "<title>epoch 2, the best</title>" in chart and body(chart).count("polyline") == 1


@pytest.mark.parametrize(
    "values", [[], [float("nan")], [5.0], [0.0, 0.0], [1e-12, 2e-12], [-3, 1e9], [0.1, 0.3]]
)
def test_scales_hold_their_values_between_round_ticks(values):
    scale = scale_for(values, 0, 100)
    finite = [value for value in values if np.isfinite(value)]
    assert all(-1e-6 <= scale(value) <= 100 + 1e-6 for value in finite)
    assert 2 <= len(ticks(scale)) <= 14 and all(len(label(tick)) < 12 for tick in ticks(scale))


def test_curves_take_the_whole_width_and_the_names_of_axes_keep_off_the_ticks():
    chart = lines({"train": ([1, 2, 3], [20000.0, 1.0, 2.0])}, "epoch", "loss", 2)
    places = re.findall(r'<polyline[^>]* points="([^"]+)"', chart)[-1].split()  # the legend's is first
    assert [point.split(",")[0] for point in places] == ["66.0", "286.0", "506.0"]
    assert "translate(11 " in chart  # 20000 ends at 60, and is 32 wide


def test_empty_charts_are_charts():
    for chart in (
        lines({}, "x", "y"),
        histogram({"true": np.zeros(0)}, "score"),
        columns({"true": []}, [], "x", "y"),
    ):
        ElementTree.fromstring(body(chart))


def test_many_classes_are_drawn_with_the_rarest_as_one():
    rng = np.random.default_rng(0)
    y = rng.integers(100, size=2000)
    chart = confusion(Predictions(np.arange(2000), rng.normal(size=(2000, 100)), y, np.ones(2000, bool)), ())
    assert chart.count('class="cell"') == 30 * 30 and ">other<" in chart
    counts = [int(actual) for actual in re.findall(r": (\d+) \(", chart)]
    assert sum(counts) == 2000


def drawn(text, shape):
    """Return the classes of each series' shape, in order, once each."""
    return list(dict.fromkeys(re.findall(rf'class="{shape} (s\d+ d\d+)"', text)))


NAMES = ["model", "last value", "historical average", "test", "train", "true", "forecast", "x <y>", "z"]
TIED = {
    "line": lambda names: lines({name: ([1, 2, 3], [k, 2 * k, 0]) for k, name in enumerate(names)}, "x", "y"),
    "dot": lambda names: dots({name: ([1, 2], [k, k]) for k, name in enumerate(names)}, "x", "y"),
    "bar": lambda names: columns({name: [1, k + 1] for k, name in enumerate(names)}, ["a", "b"], "x", "y"),
}


@pytest.mark.parametrize("shape", TIED)
@pytest.mark.parametrize("count", [1, 2, 3, 9])
def test_no_two_series_of_a_chart_look_alike_and_the_legend_shows_each_as_drawn(shape, count):
    chart = TIED[shape](NAMES[:count])
    legend = chart[: chart.index("</div>")]
    assert len(drawn(body(chart), shape)) == count
    assert drawn(legend, shape) == drawn(body(chart), shape)


def test_a_split_looks_the_same_in_every_chart():
    assert slots(["valid", "test"])["test"] == slots(["train", "valid", "test"])["test"]
    assert slots(["test", "baseline", "other"]) == {"test": 2, "baseline": 0, "other": 1}


def test_lines_break_where_the_truth_is_unknown():
    chart = body(lines({"true": (range(7), [1, 2, np.nan, 4, np.nan, 6, 7])}, "x", "y"))
    assert chart.count("<polyline") == 2 and chart.count('class="dot') == 1


def test_an_axis_of_epochs_has_no_half_epochs():
    chart = body(lines({"train": ([1, 2], [0.5, 0.25])}, "epoch", "loss"))
    assert re.findall(r'text-anchor="middle"[^>]*>([^<]*)<', chart) == ["1", "2"]


def test_a_peak_between_many_points_is_kept():
    y = np.zeros(5001)
    y[2503] = 9
    chart = body(lines({"true": (range(5001), y.tolist())}, "x", "y"))
    top = min(float(point.split(",")[1]) for point in re.search(r'points="([^"]*)"', chart)[1].split())
    flat = max(float(point.split(",")[1]) for point in re.search(r'points="([^"]*)"', chart)[1].split())
    assert flat - top > 150


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["cat", "a long name of a class"], ["cat", "a long name o…"]),
        (["http://example.org/a", "http://example.org/b"], ["…example.org/a", "…example.org/b"]),
        (["x" * 20, "x" * 20 + "y"], ["…" + "x" * 13, "…" + "x" * 12 + "y"]),
        ([], []),
    ],
)
def test_names_that_are_cut_are_told_apart(names, expected):
    assert shortened(names) == expected
