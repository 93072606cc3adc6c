"""Which kernels are used is said, and one that two packages offer is never lost in silence."""

import sys

import pytest

from heddle.engines.plugins import load_plugins
from heddle.engines.plugins.kernels import NO_KERNELS, OWN, PRIMITIVES, Kernels, found_kernels
from heddle.engines.plugins.locate import is_installed
from heddle.engines.plugins.registry import _warn
from heddle.ops.graph_ops import GraphOps
from heddle.sampling.parts import kernels_of

HOOK = "@hookimpl\ndef heddle_kernels():\n    return [KernelInfo({!r}, {!r}, 'cpu', {!r})]\n"


@pytest.fixture(autouse=True)
def asked_anew():
    """Forget which kernels were found and what was said of them."""
    found_kernels.cache_clear()
    _warn.cache_clear()
    yield
    found_kernels.cache_clear()


def test_a_kernel_that_two_offer_is_missed_aloud_and_once(install, caplog):
    install("red", HOOK.format("spmm", "felt", "builtins:sum"))
    install("blue", HOOK.format("spmm", "felt", "builtins:max"))
    for prefer in ((), ()):
        assert found_kernels("felt", "cpu", prefer).by_name == {}
        found_kernels.cache_clear()
    message = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert message == [
        "kernel 'spmm' (felt, cpu): claimed by blue and red; choose with plugins.prefer=blue or plugins.prefer=red; "
        "none of them is used"
    ]
    assert found_kernels("felt", "cpu", ("red",)).by_name == {"spmm": sum}


def test_a_broken_plugin_takes_its_kernels_along_aloud(install, caplog):
    source = (
        HOOK.format("spmm", "felt", "builtins:sum") + "@hookimpl\ndef heddle_models():\n    raise OSError\n"
    )
    install("red", source)
    assert found_kernels("felt", "cpu", ()).by_name == {}
    assert "plugin 'red' of red: its kernels aren't used: heddle_models: OSError" in caplog.text


def test_samplers_say_what_they_miss(install, caplog):
    install("red", HOOK.format("neighbor_sample", "numpy", "builtins:sum"))
    install("blue", HOOK.format("neighbor_sample", "numpy", "builtins:max"))
    kernels_of(load_plugins())
    assert "kernel 'neighbor_sample' (numpy, cpu): claimed by blue and" in caplog.text


def test_a_run_knows_who_serves_each_primitive(install):
    package = install("red", HOOK.format("spmm", "felt", "builtins:sum"), version="2.5")
    assert package in sys.modules or load_plugins()
    kernels = found_kernels("felt", "cpu", ())
    served = kernels.served()
    assert set(served) == set(PRIMITIVES) >= {"spmm", "gather", "segment_sum", "segment_matmul", "sddmm"}
    assert served["spmm"] == "red 2.5, builtins:sum"
    assert {of for name, of in served.items() if name != "spmm"} == {OWN}
    assert kernels.summary() == "spmm by red 2.5; others by the engine's own"
    assert NO_KERNELS.summary() == "all by the engine's own (none are wanted)"
    assert (
        Kernels({"gather": GraphOps.gather}, "").served()["gather"] == "heddle.ops.graph_ops:GraphOps.gather"
    )


@pytest.mark.parametrize(
    "code, there", [("core.py", True), ("inner/__init__.py", True), ("notes.txt", False)]
)
def test_a_namespace_package_is_there_if_code_is_in_it(tmp_path, monkeypatch, code, there):
    path = tmp_path / "spacey_namespace" / code
    path.parent.mkdir(parents=True)
    path.write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert is_installed("spacey_namespace") is there
    assert is_installed(f"spacey_namespace.{code.partition('/')[0].partition('.')[0]}") is there


def test_an_engine_may_need_a_namespace_package(install, backend_hook, tmp_path):
    (tmp_path / "spread_out").mkdir()
    (tmp_path / "spread_out" / "core.py").write_text("")
    install("engine", backend_hook("wide", needs=("spread_out",)))
    assert "wide" in load_plugins().names("backend")
