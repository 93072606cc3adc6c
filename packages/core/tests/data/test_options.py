"""Options: every key of every reader is in its Hydra file with the same default, and wrong ones are told."""

import importlib
import inspect
from importlib import resources

import pytest
from omegaconf import OmegaConf

from heddle.data.builtin import DATASETS
from heddle.data.dataset import Dataset
from heddle.data.karate import read_karate
from heddle.data.options import described, one_of, plain
from heddle.data.table_nodes import NodeTable
from heddle.errors import ConfigError

# reader -> the function whose parameters are its keys, where it isn't called like the reader
FUNCTIONS = {"networkx": "networkx_file"}


def load(info):
    module, _, attribute = info.loader.partition(":")
    return importlib.import_module(module), attribute


def config_of(name):
    return OmegaConf.load(str(resources.files("heddle") / "conf" / "data" / f"{name}.yaml"))


@pytest.mark.parametrize("info", DATASETS, ids=lambda info: info.name)
def test_the_file_has_every_key_with_its_default(info):
    module, attribute = load(info)
    assert attribute == f"read_{info.name}" and callable(getattr(module, attribute))
    parameters = inspect.signature(getattr(module, FUNCTIONS.get(info.name, info.name))).parameters
    config = OmegaConf.to_container(config_of(info.name))
    assert config.pop("reader") == info.name
    defaults = {key: list(p.default) if p.default == () else p.default for key, p in parameters.items()}
    assert config == defaults
    for key, value in config.items():
        assert value is None or type(value) is type(defaults[key])


@pytest.mark.parametrize("info", DATASETS, ids=lambda info: info.name)
def test_every_key_is_explained(info):
    text = (resources.files("heddle") / "conf" / "data" / f"{info.name}.yaml").read_text()
    assert all("  # " in line for line in text.splitlines())
    module, _ = load(info)
    function = getattr(module, FUNCTIONS.get(info.name, info.name))
    for key in inspect.signature(function).parameters:
        assert key in function.__doc__


@pytest.mark.parametrize("name", ["karate", "sbm", "rmat", "mag", "traffic"])
def test_a_node_of_omegaconf_is_read(name):
    info = next(info for info in DATASETS if info.name == name)
    module, attribute = load(info)
    assert isinstance(getattr(module, attribute)(config_of(name)), Dataset)


def test_unknown_key():
    with pytest.raises(
        ConfigError, match=r"data\.sed: found an unknown key, expected one of .*did you mean 'seed'"
    ):
        read_karate({"reader": "karate", "sed": 1})


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
    for item, told in (
        ({"path": "a", "feature": []}, r"here: found the key 'feature', expected .*did you mean 'features'"),
        ({"id": "a"}, "here: found no path, expected a path; add path: ..."),
        ("a.csv", "here: found 'a.csv', expected keys and values"),
    ):
        with pytest.raises(ConfigError, match=told):
            described(NodeTable, item, "here")
