"""Which configuration groups and options there are, from the files alone: Hydra isn't needed to list them."""

from collections.abc import Iterable
from pathlib import Path

import heddle

CONF = Path(heddle.__file__).parent / "conf"
"""Core's own groups, and the primary configurations."""

Groups = dict[str, dict[str, list[Path]]]
"""Group -> option -> the files of that name, the one that Hydra takes first."""


def list_groups(folders: Iterable[Path | str]) -> Groups:
    """Return every group and option under `folders`, sorted; Hydra's own (hydra/...) are left out.

    Args:
        folders: in the order of Hydra's search path; those that don't exist add nothing.
    """
    groups: Groups = {}
    for folder in map(Path, folders):
        for file in sorted(folder.glob("*/**/*.yaml")):
            group = file.parent.relative_to(folder).as_posix()
            if group.partition("/")[0] != "hydra":
                groups.setdefault(group, {}).setdefault(file.stem, []).append(file)
    return {group: dict(sorted(options.items())) for group, options in sorted(groups.items())}
