"""`heddle data`: the datasets that can be read, what is in one, and tables made ready for training."""

from collections.abc import Sequence

from heddle.cli.arguments import preferred
from heddle.cli.console import print_table
from heddle.engines.plugins import Registry, load_plugins
from heddle.errors import ConfigError, nearest

HELP = """\
Usage: heddle data list
       heddle data describe [data=OPTION] [data.KEY=VALUE ...] [out=FILE]
       heddle data prepare data=OPTION data.src=FOLDER data.dst=FOLDER [etl.KEY=VALUE ...]
       heddle data append ROOT SRC [etl.KEY=VALUE ...]
       heddle data infer FOLDER | DATABASE
       heddle data generate NAME FOLDER [KEY=VALUE ...]

list shows the datasets of core and of every installed plugin. describe reads one, as `heddle train` would with the
same overrides, and shows its sizes, features, targets and splits:

  heddle data describe data=planetoid data.name=cora data.root=planetoid

With out=FILE.svg or out=FILE.html it draws the tables of a prepared folder: keys, references, missing cells, and the
edges of each node:

  heddle data describe data=prepared data.root=cards out=cards.svg

prepare turns tables (data=tabformer, ogbn_mag, or schema with data.schema=FILE) into a folder that any engine trains
from. An interrupted run goes on where it stopped. etl.engine is duckdb or polars, with the same result; etl.memory
limits DuckDB; see --help of the keys in conf/prepare.yaml:

  heddle data prepare data=tabformer data.src=raw data.dst=cards etl.memory=1GB

append adds rows, such as those of a new day, to the folder ROOT that prepare made. SRC has files with the names that
the tables had; what comes is counted, and what encoders don't know. An interrupted append changes nothing:

  heddle data append cards raw/monday

infer looks at the tables of a folder, or of a database (types, keys, references, times), and prints a schema of them
to edit:

  heddle data infer raw > schema.yaml
  heddle data infer sqlite:///shop.db > schema.yaml

generate writes synthetic tables in the layout of tabformer or ogbn_mag, e.g. a million transactions:

  heddle data generate tabformer raw rows=1000000 users=2000 merchants=5000
"""

ACTIONS = ("list", "describe", "prepare", "append", "infer", "generate")


def run(arguments: Sequence[str]) -> int:
    """List the datasets or describe one; return 0.

    Raises:
        HeddleError: an unknown action, or as the action does.
    """
    action, *rest = arguments or ["list"]
    if action not in ACTIONS:
        hint = nearest(action, ACTIONS) or ";"
        raise ConfigError(f"{action!r} is unknown{hint} write heddle data {', '.join(ACTIONS)}")
    if action == "list":
        _list(load_plugins(preferred("data list", rest)))
    elif action == "generate":
        _generate(rest)
    elif action == "infer":
        _infer(rest)
    elif action == "append":
        _append(rest)
    elif action == "prepare":
        from heddle.api.data import prepared

        print(prepared(rest, load_plugins()))
    else:
        _describe(rest, load_plugins())
    return 0


def _generate(arguments: Sequence[str]) -> None:
    import yaml

    from heddle.api.data import defaults_of, generate
    from heddle.data.generators import GENERATORS

    if len(arguments) < 2 or arguments[0] not in GENERATORS:
        hint = nearest(arguments[0], list(GENERATORS)) if arguments else ""
        names = ", ".join(GENERATORS)
        raise ConfigError(
            f"heddle data generate takes one of {names} and a folder, found {list(arguments)}{hint or ';'} add it"
        )
    name, folder, *sizes = arguments
    for word in sizes:
        if "=" not in word:
            known = ", ".join(f"{key}={value}" for key, value in defaults_of(name).items())
            raise ConfigError(f"{word!r} is none of {known}; write KEY=VALUE")
    print(
        generate(
            name, folder, **{key: yaml.safe_load(text) for key, _, text in (w.partition("=") for w in sizes)}
        )
    )


def _append(arguments: Sequence[str]) -> None:
    from heddle.api.data import appended

    places = [word for word in arguments if "=" not in word]
    if len(places) != 2:
        raise ConfigError(
            f"heddle data append takes a prepared folder and the folder of the new rows, found {places}; name both"
        )
    came = appended(places[0], places[1], [word for word in arguments if "=" in word])
    rows: list[tuple[str, str, str]] = []
    for what, counts in (
        ("rows of", came.rows),
        ("new nodes", came.nodes),
        ("new edges", came.edges),
        ("cells unknown to the encoder of", came.unknown),
        ("rows left out of", came.dropped),
    ):
        rows += [(what, name.replace("___", " "), f"{count:,}") for name, count in counts.items() if count]
    rows += [("made anew", name.replace("___", " "), "") for name in came.anew]
    print_table(("what", "of", "number"), rows)
    print(came.root)


def _infer(arguments: Sequence[str]) -> None:
    from heddle.data.etl.infer import infer

    if len(arguments) != 1:
        raise ConfigError(
            f"heddle data infer takes one folder, found {list(arguments)}; name the folder of the tables, or a database"
        )
    print(infer(arguments[0]), end="")


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
        prose=True,
    )


def _describe(overrides: Sequence[str], registry: Registry) -> None:
    from heddle.api.data import draw, read
    from heddle.cli.commands.describe import facts

    outs = [word.partition("=")[2] for word in overrides if word.startswith("out=")]
    about = [word for word in overrides if not word.startswith("out=")]
    if outs:
        print(draw(about, registry, outs[-1]))
        return
    print_table(("of the dataset", "found"), facts(read(about, registry)))
