"""Which engine a run has that names none, and what is said where an engine isn't there."""

import pytest

from heddle.cli.main import main
from heddle.engines.plugins import load_plugins
from heddle.engines.plugins.packages import known_packages
from heddle.errors import PluginError
from heddle.options import BackendOptions


@pytest.fixture
def only(monkeypatch):
    """Return only(*distributions): nothing else is installed from now on."""
    import heddle.engines.plugins.packages as packages
    import heddle.engines.plugins.registry as registry

    everything = registry.discover

    def only(*distributions):
        kept = {"heddle-core", *distributions}
        monkeypatch.setattr(
            registry, "discover", lambda: [one for one in everything() if one.distribution in kept]
        )
        monkeypatch.setattr(packages, "_is_there", lambda name: name in kept)

    return only


def engine(backend_hook, name, rank=0):
    return backend_hook(name, loader="heddle.testing:ReferenceBackend", extra=f", rank={rank}")


@pytest.fixture
def with_engine(install, backend_hook):
    """Return with_engine(distribution, name, rank): an installed engine."""

    def with_engine(distribution, name, rank=0):
        install(distribution, engine(backend_hook, name, rank))

    return with_engine


def chosen(capsys):
    """Return the engine of the configuration that `heddle train` shows, or what it says instead."""
    status = main(["train", "--cfg", "job"])
    out, err = capsys.readouterr()
    lines = out.splitlines()
    return lines[lines.index("backend:") + 1].strip() if status == 0 and "backend:" in lines else err


def test_the_only_engine_is_taken(only, with_engine, capsys):
    with_engine("red", "scarlet")
    only("red")
    assert load_plugins().default_backend() == "scarlet"
    assert chosen(capsys) == "name: scarlet"


def test_of_several_the_one_of_highest_rank(only, with_engine, capsys):
    with_engine("red", "scarlet")
    with_engine("blue", "azure", rank=2)
    only("red", "blue")
    assert chosen(capsys) == "name: azure"


def test_of_equals_none_is_taken(only, with_engine, capsys):
    with_engine("red", "scarlet")
    with_engine("blue", "azure")
    only("red", "blue")
    assert load_plugins().default_backend() is None
    assert main(["train", "data=karate"]) == 2
    message = capsys.readouterr().err
    assert "no engine is chosen; choose backend=azure or scarlet" in message


def test_without_any_engine_packages_are_named(only, capsys):
    only()
    assert main(["train", "data=karate"]) == 2
    message = capsys.readouterr().err
    assert "no engine is chosen; pip install " in message
    assert all(package in message for package in known_packages().values() if "kernels" not in package)


def test_an_engine_that_was_asked_for_is_reported_by_its_name(only, capsys):
    only()
    name, package = next(
        (extra, package) for extra, package in known_packages().items() if package == f"heddle-{extra}"
    )
    with pytest.raises(
        PluginError, match=f"backend={name}: {package} isn't installed; pip install {package}"
    ):
        load_plugins().backend(BackendOptions(name))
    assert main(["train", f"backend={name}"]) == 1
    message = capsys.readouterr().err.strip()
    assert message == f"heddle: backend={name}: {package} isn't installed; pip install {package}"
    assert main(["train", "backend=nothing_like_it"]) == 2
    assert (
        "backend=nothing_like_it is unknown; choices for backend: none installed" in capsys.readouterr().err
    )
