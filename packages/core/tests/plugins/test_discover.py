"""One broken plugin never stops the others, and each is listed with its reason."""

import pytest

from heddle.engines.hookspecs import PLUGIN_API


def test_a_good_plugin_is_ok(install, listed, backend_hook):
    install("good", backend_hook("loopback"), version="2.5")
    plugin = listed()["good"]
    assert (plugin.status, plugin.reason, plugin.version, plugin.name) == ("ok", "", "2.5", "good")
    assert [offer.info.name for offer in plugin.offers] == ["loopback"]


def test_core_brings_its_models_as_a_plugin(listed):
    core = listed()["heddle-core"]
    assert core.status == "ok"
    assert "gcn" in [offer.info.name for offer in core.offers if offer.plugin_kind == "model"]


@pytest.mark.parametrize(
    "source, message",
    [
        ("import a_module_that_nobody_wrote", "No module named 'a_module_that_nobody_wrote'"),
        ("from heddle.engines.hookspecs import NotThere", "cannot import name 'NotThere'"),
        ("raise RuntimeError('boom\\nand more')", "RuntimeError: boom"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("def broken(:", "SyntaxError"),
        ("1 / 0", "ZeroDivisionError"),
    ],
)
def test_a_plugin_that_fails_to_import_is_broken(install, listed, backend_hook, source, message):
    install("bad", source=source)
    install("good", backend_hook("loopback"))
    plugins = listed()
    assert plugins["bad"].status == "broken"
    assert message in plugins["bad"].reason and "\n" not in plugins["bad"].reason
    assert plugins["good"].status == "ok"


def test_a_hook_that_raises_marks_its_plugin_alone(install, listed, backend_hook):
    install("bad", backend_hook("half") + "@hookimpl\ndef heddle_models():\n    raise RuntimeError('boom')\n")
    install("good", backend_hook("loopback"))
    plugins = listed()
    assert (plugins["bad"].status, plugins["bad"].reason) == ("broken", "heddle_models: RuntimeError: boom")
    assert plugins["good"].status == "ok"


def test_the_other_hooks_of_a_broken_plugin_are_called_all_the_same(install, listed, backend_hook):
    hooks = "@hookimpl\ndef heddle_{}():\n    raise RuntimeError('{} boom')\n"
    install(
        "bad", hooks.format("models", "first") + hooks.format("trackers", "second") + backend_hook("half")
    )
    plugin = listed()["bad"]
    assert "first boom" in plugin.reason and "second boom" in plugin.reason
    assert [offer.info.name for offer in plugin.offers] == ["half"]


@pytest.mark.parametrize("api", [(2, 0), (0, 9), [2, 5]])
def test_another_major_is_refused_with_both_versions_and_what_to_install(install, listed, backend_hook, api):
    install("foreign", backend_hook("loopback"), api=api)
    plugin = listed()["foreign"]
    assert plugin.status == "refused"
    for version in (api, PLUGIN_API):
        assert ".".join(map(str, version)) in plugin.reason
    assert f"pip install --upgrade {'heddle-core' if api[0] > PLUGIN_API[0] else 'foreign'}" in plugin.reason


def test_another_major_whose_import_fails_is_refused_too(install, listed):
    source = "from heddle.engines.hookspecs import NewThing\nPLUGIN_API = (2, 0)\n"
    install("foreign", source=source)
    assert listed()["foreign"].status == "refused"


def test_a_newer_minor_is_accepted(install, listed, backend_hook):
    install("newer", backend_hook("loopback"), api=(PLUGIN_API[0], PLUGIN_API[1] + 7))
    assert listed()["newer"].status == "ok"


@pytest.mark.parametrize("api", [None, "1.0", (1,), (True, 0), ("1", "0")])
def test_an_api_that_is_no_pair_is_refused(install, listed, backend_hook, api):
    install("vague", backend_hook("loopback"), api=repr(api))
    plugin = listed()["vague"]
    assert plugin.status == "refused" and "PLUGIN_API" in plugin.reason


def test_a_missing_api_is_refused(install, listed):
    install("vague", source="")
    assert listed()["vague"].status == "refused"


def test_metadata_that_cannot_be_parsed_stops_nobody(install, listed, backend_hook, tmp_path):
    install("good", backend_hook("loopback"))
    install("cut")
    (tmp_path / "cut-1.0.dist-info" / "entry_points.txt").write_text(
        "[heddle.plugins]\nno equals sign here\n"
    )
    (tmp_path / "nameless-1.0.dist-info").mkdir()
    plugins = listed()
    assert plugins["good"].status == "ok"
    assert plugins["cut"].status == "broken" and "entry_points.txt" in plugins["cut"].reason


def test_an_older_copy_further_down_the_path_is_not_seen(
    install, listed, backend_hook, tmp_path, monkeypatch
):
    from heddle.testing.distributions import write_distribution

    install("twice", backend_hook("loopback"), version="2.0")
    older = write_distribution(tmp_path / "older", "Twice", {}, "1.0", plugin="nowhere")
    monkeypatch.setattr("sys.path", [*__import__("sys").path, str(older)])
    plugins = listed()
    assert plugins["twice"].version == "2.0" and "Twice" not in plugins
