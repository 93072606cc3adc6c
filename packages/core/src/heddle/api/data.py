"""Datasets by function: one read, tables prepared for training, synthetic tables written."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from heddle.api.arguments import overrides_of
from heddle.config.isolated import isolated_hydra
from heddle.config.nodes import composed
from heddle.config.prefer import prefer_from, preferring
from heddle.data.dataset import Dataset
from heddle.data.etl.appending import Appended
from heddle.data.etl.appending import append as append_rows
from heddle.data.etl.cost import Cost, cost_of
from heddle.data.etl.picture import draw_tables
from heddle.data.etl.prepare import prepare as prepare_tables
from heddle.data.etl.readers import PREPARED
from heddle.data.etl.recipes import schema_of
from heddle.data.etl_options import Etl
from heddle.data.generators import GENERATORS
from heddle.data.prepared.folder import METADATA
from heddle.data.reader_options import PreparedOptions, TablesToPrepare
from heddle.engines.plugins import Registry, load_plugins
from heddle.errors import ConfigError, nearest, problem


def dataset(*overrides: str, **values: Any) -> Dataset:
    """Return the dataset that a `data` node names, as `heddle train` reads it with the same arguments.

        heddle.dataset(data="planetoid", **{"data.name": "cora", "data.root": "planetoid"})

    Args:
        overrides, values: as in `train`, about `data` only.

    Raises:
        ConfigError: an override of something else, or one that no configuration knows.
        DataError: a file that is missing, or isn't what it claims to be.
    """
    arguments = overrides_of(overrides, values)
    preferred = prefer_from(arguments)
    with preferring(preferred):
        return read(arguments, load_plugins(preferred))


def read(overrides: Sequence[str], registry: Registry) -> Dataset:
    """Return the dataset of a `data` node. Raises HeddleError: as `dataset`."""
    with isolated_hydra():
        config = composed("config", overrides, registry, ("data", "plugins"))["data"]
    loaded: Dataset = registry.dataset(config.reader)(config)
    return loaded


def draw(overrides: Sequence[str], registry: Registry, out: str | Path) -> Path:
    """Draw the tables of the prepared folder that a `data` node names, and return the file.

    Args:
        overrides: words of the command, such as "data.root=FOLDER".
        registry: where readers are found.
        out: the file, whose name ends in .svg or .html.

    Raises:
        ConfigError: another reader than data=prepared.
        HeddleError: as `heddle.data.etl.picture.draw_tables`.
    """
    with isolated_hydra():
        data = composed("config", overrides, registry, ("data", "plugins"))["data"]
    if not isinstance(data, PreparedOptions) or data.root is None:
        do = "name one by data.root"
        raise ConfigError(
            problem("out", f"data={data.reader}", "a prepared folder, whose tables are drawn", do)
        )
    return draw_tables(data.root, out)


def prepare(*overrides: str, **values: Any) -> Path:
    """Make tables ready for training and return the prepared folder; `heddle data prepare`.

        heddle.prepare(data="tabformer", **{"data.src": "raw", "data.dst": "cards", "etl.memory": "1GB"})

    An interrupted call goes on where it stopped when it is made again.

    Args:
        overrides, values: as in `train`, about `data` and `etl`.

    Raises:
        ConfigError: a reader without tables to prepare, or an override that no configuration knows.
        DataError: a table that can't be read as what it claims to be.
    """
    arguments = overrides_of(overrides, values)
    preferred = prefer_from(arguments)
    with preferring(preferred):
        return prepared(arguments, load_plugins(preferred))


def prepared(overrides: Sequence[str], registry: Registry) -> Path:
    """Make tables ready for training and return the folder. Raises HeddleError: as `prepare`."""
    with isolated_hydra():
        config = composed("prepare", overrides, registry, ("data", "etl", "plugins"), {"etl": Etl})
    data = config["data"]
    registry.info("etl_engine", config["etl"].engine)
    if not isinstance(data, TablesToPrepare):
        raise ConfigError(f"data={data.reader} has no tables to prepare; choose one of {', '.join(PREPARED)}")
    src, dst = data.wanted("src"), data.wanted("dst")
    return prepare_tables(schema_of(data), src, dst, config["etl"], registry.etl_engine)


def append(root: str | Path, src: str | Path, *overrides: str, **values: Any) -> Appended:
    """Append rows to the tables of a prepared folder and return what came; `heddle data append`.

        heddle.append("cards", "raw/monday").unknown

    Args:
        root: the prepared folder.
        src: the folder, or address, of files with the names that the folder's tables have.
        overrides, values: as in `prepare`, about `etl` only.

    Raises:
        ConfigError: an override that no configuration knows.
        DataError: rows that can't be read, or that the folder refuses; it stays as it was.
    """
    return appended(root, src, overrides_of(overrides, values))


def appended(root: str | Path, src: str | Path, overrides: Sequence[str]) -> Appended:
    """Append rows and return what came. Raises HeddleError: as `append`."""
    registry = load_plugins(prefer_from(overrides))
    with isolated_hydra():
        etl = composed("prepare", overrides, registry, ("etl", "plugins"), {"etl": Etl})["etl"]
    return append_rows(root, src, etl, registry.etl_engine)


def planned_tables(overrides: Sequence[str], registry: Registry) -> Cost | None:
    """Return what preparing tables would take; None where the overrides name none, or a folder that is prepared."""
    readers = [word.partition("=")[2] for word in overrides if word.startswith("data=")]
    if not readers or readers[-1] not in PREPARED:
        return None
    with isolated_hydra():
        data = composed("prepare", overrides, registry, ("data", "etl", "plugins"), {"etl": Etl})["data"]
    if data.src is None or (data.dst is not None and (Path(data.dst).expanduser() / METADATA).exists()):
        return None
    return cost_of(schema_of(data), data.src, data.dst or ".")


def generate(name: str, folder: str | Path, **sizes: Any) -> Path:
    """Write synthetic tables in the layout of a public dataset and return where they are; `heddle data generate`.

        heddle.generate("tabformer", "raw", rows=1_000_000, users=2000)

    Args:
        name: "tabformer" or "ogbn_mag".
        folder: where the files go.
        sizes: arguments of that generator, each with a default; `seed` among them.

    Raises:
        ConfigError: an unknown name or argument, or a value of another type.
    """
    if name not in GENERATORS:
        hint = nearest(name, list(GENERATORS)) or ";"
        raise ConfigError(f"generate: found {name!r}{hint} expected one of {', '.join(GENERATORS)}")
    make: Callable[..., Path] = GENERATORS[name]
    defaults = defaults_of(name)
    for key, value in sizes.items():
        cls = type(defaults.get(key))
        if key not in defaults or isinstance(value, bool) or not isinstance(value, (int, cls)):
            hint = nearest(key, list(defaults)) or ";"
            known = ", ".join(f"{key}={value}" for key, value in defaults.items())
            raise ConfigError(f"{f'{key}={value}'!r} is none of {known}{hint} change it")
    return make(folder, **sizes)


def defaults_of(name: str) -> Mapping[str, Any]:
    """Return the arguments of a generator with their defaults."""
    parameters = inspect.signature(GENERATORS[name]).parameters
    return {key: each.default for key, each in parameters.items() if each.default is not each.empty}
