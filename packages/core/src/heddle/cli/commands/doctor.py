"""`heddle doctor`: versions, plugins, kernels and configurations; exit status 1 if something has to be fixed."""

import platform
import sys
from collections.abc import Sequence

import heddle
from heddle.cli import doctor_checks
from heddle.cli.arguments import preferred
from heddle.cli.commands.plugins import print_plugins
from heddle.cli.console import print_table
from heddle.engines.plugins import load_plugins

HELP = """\
Usage: heddle doctor [plugins.prefer=DISTRIBUTION]

Prints versions, plugins and kernels with their reasons, and checks the configuration groups: search paths that don't
exist, two files of one name, files that aren't YAML. Exit status 1 if a plugin is broken, refused or a duplicate, or a
configuration would be mistaken; an engine whose framework isn't installed is no fault.
"""


def run(arguments: Sequence[str]) -> int:
    """Print the findings; return 1 if something has to be fixed, else 0."""
    registry = load_plugins(preferred("doctor", arguments))
    print(f"heddle-core {heddle.__version__}, Python {platform.python_version()}, {platform.platform()}")
    print(f"interpreter: {sys.executable}")
    print_table(("library", "version"), doctor_checks.versions().items())
    print_plugins(registry.plugins)
    kernels = registry.offers("kernel")
    if kernels:
        rows = [(*kernel.key[1:], kernel.distribution, kernel.status, kernel.reason) for kernel in kernels]
        print_table(
            ("kernel", "library", "device", "distribution", "status", "reason"), sorted(rows), prose=True
        )
    for note in doctor_checks.notes(registry):
        print(f"note: {note}")
    faults = doctor_checks.faults(registry)
    for fault in faults:
        print(f"fault: {fault}")
    print(f"{len(faults)} fault{'s' * (len(faults) != 1)} found" if faults else "no fault found")
    return 1 if faults else 0
