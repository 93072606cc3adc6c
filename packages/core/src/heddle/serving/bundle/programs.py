"""Bundles of programs: a trained run without tables, as a model of named tensors, in the layout of a repository.

```
bundle.json           what it holds, the card, checksums
repository/NAME/1/    the model (`heddle.serving.repository`), which Triton serves as it is
```
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from heddle.atomic import write_json
from heddle.serving.bundle.layout import FILE, FORMAT, check_files, checksum
from heddle.serving.repository import write_repository
from heddle.serving.served import Served, repository_models
from heddle.serving.versioned import read_versioned

REPOSITORY = "repository"
"""The folder of a bundle's models as Triton reads them."""

ROWS, PROGRAMS = "rows", "programs"


class Exported(NamedTuple):
    """What lies in a folder: ROWS, a bundle whose rows are scored; or PROGRAMS, and their repository."""

    holds: str
    repository: Path


def write_programs(root: Path, served: Served, card: Mapping[str, Any], flavour: str = "python") -> None:
    """Write a model of named tensors as a bundle, in place of what was there.

    Raises:
        ConfigError: the program gives other numbers than those of its sample.
    """
    repository = write_repository(root / REPOSITORY, [served], flavour, overwrite=True)
    files = sorted(path for path in (repository / served.name / "1").iterdir() if path.suffix != ".py")
    content = {
        "format": FORMAT,
        "kind": PROGRAMS,
        "name": served.name,
        "card": dict(card),
        "files": {path.relative_to(root).as_posix(): checksum(path) for path in files if path.is_file()},
    }
    write_json(root / FILE, content)


def exported_in(root: str | Path) -> Exported:
    """Return what a folder holds that can be served: a bundle, or a repository alone, as version 0.1.0 exported it.

    Raises:
        DataError: neither, or a file of a bundle that was changed.
    """
    root = Path(root).expanduser()
    if not (root / FILE).is_file() and repository_models(root):
        return Exported(PROGRAMS, root)
    do = "make one with heddle deploy export run=RUN"
    content = read_versioned(root / FILE, FORMAT, "a bundle, or a repository", do)
    if content.get("kind") != PROGRAMS:
        return Exported(ROWS, root / REPOSITORY)
    check_files(root, content["files"])
    return Exported(PROGRAMS, root / REPOSITORY)
