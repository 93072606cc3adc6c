"""Options of the readers: every key is explained, taken by the function that reads, and wrong ones are refused."""

import importlib
import inspect

import pytest
from omegaconf import OmegaConf

from heddle.data.dataset import Dataset
from heddle.data.options import described, one_of, plain
from heddle.data.reader_options import KarateOptions
from heddle.data.readers.tables.nodes import NodeTable
from heddle.engines.plugins.core.datasets import DATASETS
from heddle.engines.plugins.options import load_options
from heddle.errors import ConfigError
from heddle.options import build, keys_of

# reader -> the function whose parameters are its keys, where it isn't called like the reader
FUNCTIONS = {"networkx": "networkx_file"}


def load(info):
    module, _, attribute = info.loader.partition(":")
    return importlib.import_module(module), attribute


@pytest.mark.parametrize("info", DATASETS, ids=lambda info: info.name)
def test_a_reader_takes_every_key_of_its_options_with_the_same_default(info):
    module, attribute = load(info)
    assert attribute == f"read_{info.name}" and callable(getattr(module, attribute))
    function = getattr(module, FUNCTIONS.get(info.name, info.name))
    keys = keys_of(load_options(info))
    defaults = {key: keys[key].default for key in keys if key != "reader"}
    assert {key: p.default for key, p in inspect.signature(function).parameters.items()} == defaults
    for key in defaults:
        assert keys[key].help and key in function.__doc__


@pytest.mark.parametrize("name", ["karate", "sbm", "rmat", "mag", "traffic"])
def test_a_readers_defaults_are_read(name):
    info = next(info for info in DATASETS if info.name == name)
    module, attribute = load(info)
    assert isinstance(getattr(module, attribute)(load_options(info)()), Dataset)


def test_unknown_key():
    with pytest.raises(ConfigError, match=r"data\.sed is unknown; did you mean 'data.seed'"):
        build(KarateOptions, {"reader": "karate", "sed": 1}, "data")


def test_one_of():
    assert one_of("split", "a", ("a", "b")) == "a"
    with pytest.raises(
        ConfigError,
        match=r"data\.split: found 'alpin', expected one of \['alpine', 'b'\].*did you mean 'alpine'",
    ):
        one_of("split", "alpin", ("alpine", "b"))


def test_plain():
    nested = OmegaConf.create({"a": [1, {"b": [2]}], "c": "text"})
    assert plain(nested) == {"a": [1, {"b": [2]}], "c": "text"}
    assert type(plain(nested)["a"]) is list and type(plain(nested)["a"][1]) is dict


def test_described():
    assert described(NodeTable, OmegaConf.create({"path": "a", "features": ["x"]}), "here").features == ["x"]
    for item, message in (
        ({"path": "a", "feature": []}, r"here: found the key 'feature', expected .*did you mean 'features'"),
        ({"id": "a"}, "here: found no path, expected a path; add path: ..."),
        ("a.csv", "here: found 'a.csv', expected keys and values"),
    ):
        with pytest.raises(ConfigError, match=message):
            described(NodeTable, item, "here")
