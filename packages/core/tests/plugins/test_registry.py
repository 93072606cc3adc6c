"""What plugins bring is found by name, and what isn't there is reported with the names that are."""

import pytest

from heddle.engines.plugins import load_plugins
from heddle.errors import ConfigError, PluginError
from heddle.options import BackendOptions


def test_an_unknown_model_is_reported_with_the_nearest_and_the_list():
    with pytest.raises(ConfigError, match=r"model 'gnc' is unknown; did you mean 'gcn'\? models: .*gat, gcn"):
        load_plugins().model("gnc")


def test_an_unavailable_engine_says_why(install, backend_hook):
    install("engine", backend_hook("far", needs=("a_framework_nobody_has",)))
    with pytest.raises(PluginError, match="backend 'far': needs a_framework_nobody_has"):
        load_plugins().backend(BackendOptions("far"))


def test_an_engine_of_a_broken_plugin_says_why(install, backend_hook):
    install("bad", backend_hook("half") + "@hookimpl\ndef heddle_models():\n    raise RuntimeError('boom')\n")
    with pytest.raises(PluginError, match=r"backend 'half': its plugin 'bad' of bad is broken: .*boom"):
        load_plugins().backend(BackendOptions("half"))
    assert "half" not in load_plugins().names("backend")


@pytest.mark.parametrize(
    "code, message",
    [
        ("import not_there_at_all", "ModuleNotFoundError: No module named 'not_there_at_all'"),
        ("raise OSError('libfoo.so: cannot open')", "OSError: libfoo.so: cannot open"),
        ("", "has no attribute 'Engine'"),
        (
            "class Engine:\n    def __init__(self, config):\n        raise KeyError('device')",
            "KeyError: 'device'",
        ),
    ],
)
def test_an_engine_that_fails_to_load_is_a_plugin_error(install, backend_hook, code, message):
    package = install(
        "engine", backend_hook("near", loader="PACKAGE.engine:Engine"), files={"engine.py": code}
    )
    path = __import__("pathlib").Path(__import__(package).__file__).with_name("plugin.py")
    path.write_text(path.read_text().replace("PACKAGE", package))
    with pytest.raises(PluginError, match="backend 'near'") as raised:
        load_plugins().backend(BackendOptions("near"))
    assert message in str(raised.value)


def test_a_kernel_is_found_by_name_library_and_device(install):
    hook = (
        "@hookimpl\ndef heddle_kernels():\n    return [KernelInfo('spmm', 'mine', 'cpu', 'builtins:sum')]\n"
    )
    install("native", hook)
    registry = load_plugins()
    assert registry.find_kernel("spmm", library="mine", device="cpu") is sum
    with pytest.raises(
        PluginError, match=r"kernel 'spmm' \(mine, cuda\) isn't installed; installed: .*\(mine, cpu\)"
    ):
        registry.find_kernel("spmm", library="mine", device="cuda")
    with pytest.raises(PluginError, match=r"did you mean 'spmm'\?"):
        registry.find_kernel("spnm", library="mine", device="cpu")


def test_config_paths_come_as_folders_preferred_first(install):
    hook = (
        "@hookimpl\ndef heddle_config_paths():\n    return ['pkg://PACKAGE.conf', 'pkg://PACKAGE.nowhere']\n"
    )
    for name in ("alpha", "beta"):
        package = install(name, files={"conf/backend/x.yaml": "name: x\n"})
        path = __import__("pathlib").Path(__import__(package).__file__).with_name("plugin.py")
        path.write_text(path.read_text() + hook.replace("PACKAGE", package))
    paths = [
        entry for entry in load_plugins(["beta"]).config_paths() if entry.distribution in ("alpha", "beta")
    ]
    assert [entry.distribution for entry in paths] == ["beta", "beta", "alpha", "alpha"]
    assert [bool(entry.folder) for entry in paths] == [True, False, True, False]
