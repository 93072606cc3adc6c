"""Options: dataclasses from which keys, defaults, checks and nodes derive."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from heddle.data.task_options import TaskOptions
from heddle.engines.launch import Launch
from heddle.engines.optim import Optim
from heddle.errors import ConfigError
from heddle.options import build, keys_of, node_of, option, plain
from heddle.workflow.options import Sampler


def to_number(value: Any, key: str) -> int:
    return int(str(value).removesuffix("k")) * 1000


@dataclass(frozen=True)
class Inner:
    at: tuple[int, ...] = option((), "where", least=0)


@dataclass(frozen=True)
class Outer:
    rate: float = option(0.5, "how fast", least=0, below=1)
    count: int | None = option(None, "how many; null: all", least=1)
    names: str | tuple[str, ...] = option("*", "of what")
    pair: tuple[float, float] = option((0.1, 0.2))
    size: int | None = option(None, parse=to_number)
    extra: Mapping[str, Any] = option({}, "anything")
    secret: int = option(0, saved=False)
    inner: Inner = Inner()


def test_a_node_holds_the_defaults():
    assert node_of(Outer) == {
        "rate": 0.5,
        "count": None,
        "names": "*",
        "pair": [0.1, 0.2],
        "size": None,
        "extra": {},
        "secret": 0,
        "inner": {"at": []},
    }


def test_a_built_node_is_read_back():
    given = {
        "rate": 0,
        "pair": [0, 1],
        "size": "2k",
        "extra": {"a": [1]},
        "secret": 3,
        "inner": {"at": [1, 2]},
    }
    built = build(Outer, given, "outer")
    assert built == Outer(0.0, None, "*", (0.0, 1.0), 2000, {"a": [1]}, 3, Inner((1, 2)))
    assert build(Outer, {**plain(built), "size": "2k", "secret": 3}, "outer") == built
    assert "secret" not in plain(built)


@pytest.mark.parametrize(
    "given, message",
    [
        ({"rat": 1}, "outer.rat is unknown; did you mean 'outer.rate'?"),
        ({"rate": 1}, "outer.rate: found 1, expected less than 1; lower it"),
        ({"rate": None}, "outer.rate: found null, expected a number; as in outer.rate=0.5"),
        ({"count": 0}, "outer.count: found 0, expected at least 1; raise it"),
        ({"count": 1.5}, "outer.count: found 1.5, expected a whole number or null"),
        ({"pair": [0.1]}, "outer.pair: found [0.1], expected a list of 2 numbers"),
        ({"names": 3}, "outer.names: found 3, expected a list of names"),
        (
            {"inner": 3},
            "outer.inner: found 3, expected keys below it; set one of its keys, as in outer.inner.at=...",
        ),
        ({"inner": {"at": [-1]}}, "outer.inner.at: found -1, expected at least 0; raise it"),
    ],
)
def test_a_fault_is_one_sentence(given, message):
    with pytest.raises(ConfigError) as error:
        build(Outer, given, "outer")
    assert str(error.value).startswith(message)


def test_keys_belong_to_choices():
    assert node_of(Sampler, "full") == {"name": "full"}
    assert "fanouts" in node_of(Sampler, "neighbor")
    assert "negatives" not in node_of(TaskOptions, "forecast")


def test_every_key_of_an_optimiser_is_explained():
    assert [name for name, key in keys_of(Optim).items() if not key.help] == []
    assert keys_of(Optim)["schedule.at"].items is int


@pytest.mark.parametrize(
    "given, message",
    [
        ({"devices": 2, "processes": 2}, "launch: found devices=2 and processes=2, expected one of the two"),
        ({"processes": 2, "rank": 2, "coordinator": "h:1"}, "launch.rank: found 2, expected 0 to 1"),
        ({"devices": 2, "rank": 1}, "launch.coordinator: found none, expected HOST:PORT"),
    ],
)
def test_a_launch_that_does_not_go_together(given, message):
    with pytest.raises(ConfigError, match=message):
        Launch(**given)
