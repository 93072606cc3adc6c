"""`heddle plugins`: every installed plugin, whether it can be used, and why not."""

from collections.abc import Sequence

from heddle.cli.arguments import preferred
from heddle.cli.console import print_table
from heddle.engines.plugins import Plugin, load_plugins
from heddle.engines.plugins.plugin import KINDS

HELP = """\
Usage: heddle plugins [--verbose] [plugins.prefer=DISTRIBUTION]

Lists the installed plugins: name, distribution, version, status, what each provides, and the reason where it can't
be used. Exit status 0, whatever is found; `heddle doctor` is the one that fails.

  ok           usable
  unavailable  something that it needs isn't installed
  duplicate    another distribution claims the same name; choose with plugins.prefer=DISTRIBUTION
  refused      written for another major version of the plugin API
  broken       it raised, or answered with nonsense

--verbose adds what each engine and model is able to do. It loads every engine, with its framework.
"""

VERBOSE = ("-v", "--verbose")


def run(arguments: Sequence[str]) -> int:
    """Print the table of plugins, and with --verbose what they are able to do; return 0."""
    registry = load_plugins(preferred("plugins", [word for word in arguments if word not in VERBOSE]))
    print_plugins(registry.plugins)
    if any(word in VERBOSE for word in arguments):
        from heddle.cli.commands.capabilities import print_capabilities

        print_capabilities(registry)
    return 0


def print_plugins(plugins: Sequence[Plugin]) -> None:
    """Print plugins as a table."""
    columns = ("name", "distribution", "version", "status", "provides", "reason")
    print_table(
        columns,
        [
            (plugin.name, plugin.distribution, plugin.version, plugin.status, provides(plugin), plugin.reason)
            for plugin in plugins
        ],
        prose=True,
    )


def provides(plugin: Plugin) -> str:
    """Return what a plugin brings: "backend: pyg; model: gcn, sage"."""
    names = {
        plugin_kind: dict.fromkeys(
            offer.info.name for offer in plugin.offers if offer.plugin_kind == plugin_kind
        )
        for plugin_kind in KINDS
    }
    parts = [f"{plugin_kind}: {', '.join(brought)}" for plugin_kind, brought in names.items() if brought]
    return "; ".join([*parts, *(["config groups"] if plugin.config_paths else [])])
