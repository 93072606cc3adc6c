"""What a hook answers is checked, and what it needs is looked for without importing it."""

import sys

import pytest


@pytest.mark.parametrize(
    "answer, message",
    [
        ("None", "found NoneType, expected a list of BackendInfo"),
        ("'pyg'", "found str, expected a list of BackendInfo"),
        ("BackendInfo('a', 's', 'm:f')", "found BackendInfo, expected a list of BackendInfo"),
        ("['pyg']", "found an entry of type str, expected BackendInfo"),
        ("[ModelInfo('a', 's', 'm:f')]", "found an entry of type ModelInfo, expected BackendInfo"),
        ("[BackendInfo('', 's', 'm:f')]", "BackendInfo.name: found ''"),
        ("[BackendInfo('a=b', 's', 'm:f')]", "BackendInfo.name: found 'a=b'"),
        ("[BackendInfo(7, 's', 'm:f')]", "BackendInfo.name: found 7"),
        ("[BackendInfo('a', 's', 'module.function')]", "BackendInfo.loader: found 'module.function'"),
        ("[BackendInfo('a', 's', 'm:f', needs='torch')]", "BackendInfo.needs: found 'torch'"),
        ("[BackendInfo('a', 's', 'm:f'), BackendInfo('a', 't', 'm:g')]", "found backend 'a' twice"),
        ("(yield)", "found generator"),
        ("[BackendInfo('a', 's', 'm:f', options=dict)]", "BackendInfo.options: found <class 'dict'>"),
    ],
)
def test_an_answer_that_is_not_what_the_hook_says_marks_the_plugin(install, listed, answer, message):
    install("bad", f"@hookimpl\ndef heddle_backends():\n    return {answer}\n")
    plugin = listed()["bad"]
    assert plugin.status == "broken"
    assert plugin.reason.startswith("heddle_backends: ") and message in plugin.reason


@pytest.mark.parametrize("answer", ["'pkg://a'", "[1]", "['my_plugin.conf']", "['s3://bucket']", "None"])
def test_search_paths_that_hydra_would_stumble_over_mark_the_plugin(install, listed, answer):
    install("bad", f"@hookimpl\ndef heddle_config_paths():\n    return {answer}\n")
    plugin = listed()["bad"]
    assert plugin.status == "broken" and "heddle_config_paths" in plugin.reason


def test_a_misspelt_hook_is_reported_with_the_nearest(install, listed):
    install("bad", "@hookimpl\ndef heddle_backend():\n    return []\n")
    plugin = listed()["bad"]
    assert plugin.status == "broken" and "did you mean 'heddle_backends'?" in plugin.reason


def test_a_hook_with_arguments_of_its_own_is_reported(install, listed):
    install("bad", "@hookimpl\ndef heddle_backends(config):\n    return []\n")
    assert listed()["bad"].status == "broken"


def test_a_missing_framework_makes_an_engine_unavailable(install, listed, backend_hook):
    install("engine", backend_hook("far", needs=("numpy", "a_framework_nobody_has")))
    plugin = listed()["engine"]
    assert plugin.status == "unavailable"
    assert plugin.reason.startswith("backend 'far': needs a_framework_nobody_has")


def test_needs_are_looked_for_without_importing_them(install, listed, backend_hook):
    package = install(
        "engine", backend_hook("near"), files={"heavy/__init__.py": "raise RuntimeError('imported')"}
    )
    install("user", backend_hook("dotted", needs=(f"{package}.heavy",)))
    install("other", backend_hook("missing", needs=(f"{package}.heavy.nothing",)))
    plugins = listed()
    assert plugins["user"].status == "ok"
    assert plugins["other"].status == "unavailable"
    assert f"{package}.heavy" not in sys.modules


def test_a_folder_without_code_does_not_count_as_a_framework(install, listed, backend_hook, tmp_path):
    (tmp_path / "an_empty_folder").mkdir()
    install("engine", backend_hook("far", needs=("an_empty_folder",)))
    assert listed()["engine"].status == "unavailable"


def test_a_plugin_may_give_its_own_reason(install, listed, backend_hook):
    install("engine", backend_hook("far", extra=", unavailable='no wheel for this Python'"))
    plugin = listed()["engine"]
    assert (plugin.status, plugin.reason) == ("unavailable", "backend 'far': no wheel for this Python")


def test_one_unavailable_kernel_leaves_its_plugin_ok_and_is_reported(install, listed):
    kernels = "KernelInfo('spmm', 'numpy', 'cpu', 'm:f'), KernelInfo('spmm', 'far', 'cpu', 'm:f', needs=('far_lib',))"
    install("native", f"@hookimpl\ndef heddle_kernels():\n    return [{kernels}]\n")
    plugin = listed()["native"]
    assert plugin.status == "ok"
    assert plugin.reason.startswith("kernel 'spmm' (far, cpu): needs far_lib")
