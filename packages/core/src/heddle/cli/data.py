"""`heddle data`: the datasets that can be read, and what is in one."""

from collections.abc import Sequence

from heddle.cli.screen import print_table
from heddle.cli.words import prefer_from, preferred
from heddle.errors import ConfigError, nearest
from heddle.plugins import Registry, load_plugins

HELP = """\
Usage: heddle data list
       heddle data describe [data=OPTION] [data.KEY=VALUE ...]

list shows the datasets of core and of every installed plugin. describe reads one, as `heddle train` would with the
same words, and tells its sizes, features, targets and splits:

  heddle data describe data=planetoid data.name=cora data.root=planetoid
"""

ACTIONS = ("list", "describe")


def run(arguments: Sequence[str]) -> int:
    """List the datasets or describe one; return 0."""
    action, *words = arguments or ["list"]
    if action not in ACTIONS:
        hint = nearest(action, ACTIONS) or ";"
        raise ConfigError(f"{action!r} is unknown{hint} write `heddle data list` or `heddle data describe`")
    if action == "list":
        _list(load_plugins(preferred("data list", words)))
    else:
        _describe(words, load_plugins(prefer_from(words)))
    return 0


def _list(registry: Registry) -> None:
    print_table(
        ("reader", "what", "distribution", "status", "reason"),
        sorted(
            (
                offer.info.name,
                getattr(offer.info, "summary", ""),
                offer.distribution,
                offer.status,
                offer.reason,
            )
            for offer in registry.offers("dataset")
        ),
    )


def _describe(words: Sequence[str], registry: Registry) -> None:
    from heddle.cli.describe import facts
    from heddle.config.check import check
    from heddle.config.compose import composer, plain, show_hydra
    from heddle.config.overrides import check_single, parse

    show_hydra(registry)
    with composer("config") as made:
        parsed = parse(words, made.loader)
        check_single(parsed)
        for word in parsed:
            if word.key.partition(".")[0] not in ("data", "plugins"):
                raise ConfigError(f"{word.text!r} is not about data; write data=... or data.KEY=...")
        config = plain(made.compose(check(parsed, made, registry, usable=False)))["data"]
    dataset = registry.dataset(config["reader"])(config)
    print_table(("of the dataset", "found"), facts(dataset))
