"""Capabilities are stated by plugins, suggested by errors, and known to core by no engine's name."""

import ast
import re
from pathlib import Path

import pytest

import heddle
from heddle.cli.main import main
from heddle.config.groups import CONF
from heddle.engines.capabilities import ENGINES, EXPORTS, held_by
from heddle.engines.plugins import load_plugins
from heddle.engines.plugins.packages import known_packages, package_of
from heddle.errors import ConfigError
from heddle.nn.capabilities import FORECASTS, RELATIONS
from heddle.testing import ReferenceBackend

ABLE = ", capabilities=('exports', 'any shapes')"
CORE = Path(heddle.__file__).parent


class Exporting(ReferenceBackend):
    def export(self, parts, state, name, max_batch):
        return None


def test_an_engine_has_what_it_has_the_method_of():
    assert held_by(ReferenceBackend()) == ("any shapes",)
    assert held_by(Exporting()) == ("any shapes", "exports")


def test_an_engine_that_states_a_capability_is_suggested(install, backend_hook):
    before = load_plugins().able("backend", EXPORTS)
    install("engine", backend_hook("able", extra=ABLE))
    install("other", backend_hook("unable"))
    registry = load_plugins()
    assert registry.able("backend", EXPORTS) == sorted([*before, "able"])
    assert re.match(r"choose backend=.*able", registry.suggest("backend", EXPORTS))


def test_a_capability_that_there_is_not_breaks_its_plugin(install, backend_hook, listed):
    install("typo", backend_hook("odd", extra=", capabilities=('export',)"))
    install("text", backend_hook("plain", extra=", capabilities='exports'"))
    plugins = listed()
    assert "found ('export',), expected a tuple of some of" in plugins["typo"].reason
    assert "did you mean 'exports'?" in plugins["typo"].reason
    assert plugins["text"].status == "broken" and "found 'exports'" in plugins["text"].reason


def test_nothing_able_says_what_to_install(monkeypatch):
    import heddle.engines.plugins.registry as module

    registry = load_plugins()
    monkeypatch.setattr(registry, "able", lambda plugin_kind, capability: [])
    monkeypatch.setattr(module, "absent_packages", lambda: ["heddle-a", "heddle-b"])
    message = registry.suggest("backend", EXPORTS)
    assert message == (
        "no installed backend is able to; pip install heddle-a or heddle-b, or see `heddle plugins --verbose`"
    )


def test_a_model_that_needs_an_engine_is_suggested_with_it(install):
    info = "ModelInfo('prophet', 's', 'm:f', backends=('oracle',), capabilities=('forecasts',))"
    install("models", f"@hookimpl\ndef heddle_models():\n    return [{info}]\n")
    assert re.search(r"prophet.* with backend=.*oracle", load_plugins().suggest("model", FORECASTS))


def test_a_model_that_cannot_names_those_that_can():
    from heddle.nn.model import ModelSpec
    from heddle.nn.models.options import GcnOptions

    model_spec = ModelSpec("node", {"a": 3}, 0, 2, {"a": 5}, (("a", "to", "a"),), "a")
    with pytest.raises(ConfigError) as raised:
        load_plugins().model("gcn")(GcnOptions(name="gcn"), model_spec)
    able = load_plugins().able("model", RELATIONS)
    assert {"rgcn", "hgt", "hetero_sage"} <= set(able)
    assert str(raised.value).startswith(
        "model=gcn: found a heterogeneous graph with 1 relations, expected a "
    )
    assert all(name in str(raised.value).partition("choose model=")[2] for name in able)


def test_the_table_of_engines_and_capabilities(capsys, install, backend_hook):
    install("engine", backend_hook("able", loader="heddle.testing:ReferenceBackend", extra=ABLE))
    install("failing", backend_hook("failing", loader="nowhere_at_all:Engine"))
    assert main(["plugins", "--verbose"]) == 0
    lines = capsys.readouterr().out.splitlines()
    table = [re.split(r" *[│┃] *", line)[1:-1] for line in lines if line[0] in "│┃"]
    names = next(cells for cells in table if cells[0] == "capability")
    for capability in ENGINES:
        cells = dict(zip(names, next(cells for cells in table if cells[0] == capability.name), strict=True))
        assert cells["failing"] == "?"
        assert cells["able"] == {"exports": "stated only", "any shapes": "yes"}.get(capability.name, "")
    assert any(line.startswith("failing: ") and "nowhere_at_all" in line for line in lines)
    assert any("trains on a graph split over" in line and "ShardsGraphs" in line for line in lines)


def test_tables_are_read_at_a_hundred_columns(capsys):
    assert main(["plugins"]) == 0
    out = capsys.readouterr().out
    assert "relational_conv" in out and max(map(len, out.splitlines())) <= 100


def test_listing_plugins_loads_no_engine(capsys, install, backend_hook):
    install("engine", backend_hook("mined", loader="nowhere_at_all:Engine"))
    assert main(["plugins"]) == 0
    assert "nowhere_at_all" not in capsys.readouterr().out


def test_packages_are_known_by_cores_metadata_alone():
    known = known_packages()
    assert set(known.values()) >= {package_of("kernels")} and all(
        name.startswith("heddle-") for name in known.values()
    )
    for name in known.values():
        assert package_of(name.removeprefix("heddle-")) == name
    assert package_of("nothing_of_that_name") == ""


def literals(path):
    """Yield (line, text) of a file's string literals, docstrings left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docs = set()
    for node in ast.walk(tree):
        bodies = [node.body] if isinstance(node, documented) else []
        docs |= {
            id(one.value) for body in bodies for one in body if isinstance(one, ast.Expr)
        }  # and those of attributes
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node.lineno, node.value


def foreign():
    """Return names of engines and models that others bring, and of their packages."""
    registry = load_plugins()
    offers = [offer for plugin_kind in ("backend", "model") for offer in registry.offers(plugin_kind)]
    names = {offer.info.name for offer in offers if offer.distribution != "heddle-core"}
    return names | set(known_packages().values())


OWN_CHOICE = re.compile(r"\b(model|data|backend)=['\"]?[a-z][\w-]*")


def test_core_knows_no_engine_model_or_plugin_by_name():
    """Whatever an error suggests comes from the registry. A HELP text may show core's own models and readers."""
    others = re.compile(rf"(?<![\w.-])({'|'.join(map(re.escape, sorted(foreign())))})(?![\w-])")
    names = {
        offer.info.name
        for plugin_kind in ("model", "dataset")
        for offer in load_plugins().offers(plugin_kind)
    }
    results = []
    for path in sorted(CORE.rglob("*.py")):
        where = path.relative_to(CORE)
        for line, text in literals(path):
            shown = text.startswith(("Usage:", "Trains", "heddle train")) or "\n  heddle " in text
            if others.search(text) and not LIBRARIES.search(f"{where}"):
                results.append(f"{where}:{line}: {text.strip()[:80]!r}")
            chosen = [one[0].partition("=")[2].strip("'\"") for one in OWN_CHOICE.finditer(text)]
            if not shown and names & set(chosen):
                results.append(f"{where}:{line}: chooses {chosen}: {text.strip()[:80]!r}")
    assert not results, "\n".join(results)


LIBRARIES = re.compile(r"^cli/doctor_checks\.py|^testing/plugin\.py")
"""Files whose literals name libraries of arrays, which engines happen to be called like."""


def test_cores_own_configuration_names_no_engine():
    for path in CONF.rglob("*.yaml"):
        text = re.sub(r"#.*", "", path.read_text(encoding="utf-8"))
        assert not re.search(r"backend: (?!null)\w", text), path
