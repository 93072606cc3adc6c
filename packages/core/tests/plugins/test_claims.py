"""A name that two distributions claim belongs to neither until plugins.prefer says which."""

import pytest

from heddle.engines.plugins import load_plugins
from heddle.errors import ConfigError, PluginError
from heddle.options import BackendOptions


@pytest.fixture
def rivals(install, backend_hook):
    install("red", backend_hook("shared", loader="builtins:repr"))
    model = "@hookimpl\ndef heddle_models():\n    return [ModelInfo('blues_own', 's', 'm:f')]\n"
    install("blue", backend_hook("shared", loader="builtins:bool") + model)


def test_both_are_refused_for_that_name(rivals, listed):
    plugins = listed()
    assert (plugins["red"].status, plugins["blue"].status) == ("duplicate", "duplicate")
    assert plugins["red"].reason == (
        "backend 'shared': claimed by blue and red; choose with plugins.prefer=blue or plugins.prefer=red"
    )
    with pytest.raises(PluginError, match=r"plugins\.prefer=blue"):
        load_plugins().backend(BackendOptions("shared"))


def test_their_other_names_stay_usable(rivals):
    assert "blues_own" in load_plugins().names("model")


@pytest.mark.parametrize("chosen, built", [("red", str), ("blue", bool), ("Blue", bool)])
def test_the_preferred_one_gets_the_name(rivals, listed, chosen, built):
    assert type(load_plugins([chosen]).backend(BackendOptions("shared"))) is built
    plugins = listed([chosen])
    other = "blue" if chosen == "red" else "red"
    assert plugins[chosen.lower()].status == "ok"
    assert plugins[other].status == "ok" and f"yielded to {chosen.lower()}" in plugins[other].reason


def test_the_first_preferred_claimant_wins(rivals):
    assert type(load_plugins(["heddle-core", "blue", "red"]).backend(BackendOptions("shared"))) is bool


def test_a_registry_can_be_asked_again_with_a_preference(rivals):
    assert type(load_plugins().preferring(["red"]).backend(BackendOptions("shared"))) is str


def test_preferring_an_unknown_distribution_is_an_error(rivals):
    with pytest.raises(ConfigError, match=r"plugins\.prefer: 'bleu' brings no plugin; did you mean 'blue'\?"):
        load_plugins(["bleu"])


def test_kernels_clash_only_on_the_same_library_and_device(install, listed):
    hook = "@hookimpl\ndef heddle_kernels():\n    return [KernelInfo('spmm', '{}', 'cpu', 'builtins:sum')]\n"
    install("one", hook.format("numpy"))
    install("two", hook.format("other"))
    install("three", hook.format("numpy"))
    plugins = listed()
    assert [plugins[name].status for name in ("one", "two", "three")] == ["duplicate", "ok", "duplicate"]


def test_a_broken_plugin_claims_nothing(install, listed, backend_hook):
    install("red", backend_hook("shared"))
    install("blue", backend_hook("shared") + "@hookimpl\ndef heddle_models():\n    raise RuntimeError\n")
    assert listed()["red"].status == "ok"
