"""`heddle --help`: the commands, examples, and what can be chosen with the plugins that are installed."""

from collections.abc import Sequence
from textwrap import fill

from heddle.cli.main import COMMANDS
from heddle.config.groups import options_by_group
from heddle.engines.plugins import load_plugins

EXAMPLES = """\
  heddle train
  heddle train model=gat data=planetoid data.name=cora model.hidden=64
  heddle train -m model=gcn,gat 'seed=range(10)'
  heddle train resume=runs/RUN
  heddle eval run=runs/RUN
  heddle data describe data=planetoid data.name=cora"""

COMPLETION = """\
  eval "$(heddle -sc install=bash)"    # or fish, zsh; puts it into this shell"""


def run(arguments: Sequence[str]) -> int:
    """Print the help; return 0."""
    width = max(map(len, COMMANDS))
    commands = "\n".join(f"  {name:<{width}}  {summary}" for name, summary in COMMANDS.items())
    groups = "\n".join(
        fill(", ".join(options), 110, initial_indent=f"  {group}: ", subsequent_indent=" " * (len(group) + 4))
        for group, options in options_by_group(load_plugins()).items()
    )
    print(
        "Usage: heddle COMMAND [GROUP=OPTION | KEY=VALUE ...]\n\n"
        f"Commands (heddle COMMAND --help says more of each):\n{commands}\n\n"
        f"Examples:\n{EXAMPLES}\n\n"
        f"Groups, with the options of every installed plugin:\n{groups}\n\n"
        f"Completion of names with the tab key:\n{COMPLETION}\n\n"
        "Flags: --debug shows the traceback of an error, --version the version."
    )
    return 0
