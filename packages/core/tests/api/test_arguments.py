"""Python values as overrides: each comes back from Hydra's grammar as it was."""

from pathlib import Path, PurePosixPath

import numpy as np
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from heddle.api.arguments import import_path, overrides_of
from heddle.errors import ConfigError


def through_hydra(value):
    """Return a value as Hydra reads the override that stands for it."""
    (text,) = overrides_of([], {"a.b": value})
    override = OverridesParser.create().parse_override(text)
    assert not override.is_sweep_override()
    return override.value()


@pytest.mark.parametrize(
    "value",
    [
        *(None, True, False, 0, -3, 10**12, 1.5, -1e-9, 1e300),
        *(
            "gat",
            "a/b-c.d",
            "",
            " ",
            "null",
            "true",
            "NaN",
            "1",
            "1e3",
            "a,b",
            "[1]",
            "{a:1}",
            "it's",
            'a "b"',
        ),
        *("back\\slash", "end\\", 'both\\"', "a=b", "(1)", "choice(1,2)", "range(3)", "é", "a: b", "x y"),
        *([], [1, 2], ["a", "b,c"], [[1], [2, 3]], {"heads": 4, "name": "a b", "deep": {"x": [1, None]}}),
    ],
    ids=repr,
)
def test_a_value_means_itself(value):
    actual = through_hydra(value)
    assert actual == value and type(actual) is type(value)


def test_numpys_numbers_arrays_tuples_and_paths():
    assert through_hydra(np.float32(0.5)) == 0.5 and through_hydra(np.int64(7)) == 7
    assert through_hydra(np.bool_(True)) is True
    assert through_hydra(np.array([[1, 2], [3, 4]])) == [[1, 2], [3, 4]]
    assert through_hydra((15, 10)) == [15, 10]
    assert through_hydra(Path("a b/c")) == "a b/c" and through_hydra(PurePosixPath("x")) == "x"
    assert through_hydra(float("inf")) == float("inf")


def test_words_stay_and_come_first():
    assert overrides_of(["seed=1", "model=gat"], {"model": "gcn"}) == ["seed=1", "model=gat", "model=gcn"]


def test_a_class_stands_for_its_path():
    assert through_hydra(Path) == "pathlib:Path"
    assert import_path(through_hydra) == f"{__name__}:through_hydra"


class Made:
    """A class whose objects no configuration can hold."""


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (lambda: 1, "expected a class or function that can be imported"),
        (Made(), "model.cls: found a Made"),
        (b"gat", "model.cls: found a bytes"),
        ({"a b": 1}, "rename it"),
        (1j, "found a complex"),
    ],
)
def test_what_no_configuration_can_hold(value, message):
    with pytest.raises(ConfigError, match=message):
        overrides_of([], {"model.cls": value})


def test_an_object_by_position():
    with pytest.raises(ConfigError, match="arguments: found a dict, expected texts"):
        overrides_of([{"model": "gat"}], {})
