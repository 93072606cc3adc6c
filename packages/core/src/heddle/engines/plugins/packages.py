"""Heddle's packages that aren't installed, as heddle-core's own metadata lists them."""

from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution, requires

CORE = "heddle-core"
HOUSE = "heddle-"


@cache
def known_packages() -> Mapping[str, str]:
    """Return extra -> distribution of Heddle's packages of heddle-core's extras, e.g. {"abc": "heddle-abc"}."""
    from packaging.requirements import Requirement

    try:
        stated = [Requirement(text) for text in requires(CORE) or ()]
    except PackageNotFoundError:  # a source tree on the path, without metadata
        return {}
    extras = distribution(CORE).metadata.get_all("Provides-Extra") or []
    required: dict[str, list[str]] = {
        extra: [
            requirement.name
            for requirement in stated
            if requirement.marker is not None and requirement.marker.evaluate({"extra": extra})
        ]
        for extra in extras
    }
    return {
        extra: names[0] for extra, names in required.items() if len(names) == 1 and names[0].startswith(HOUSE)
    }


def package_of(name: str) -> str:
    """Return Heddle's distribution that brings the engine `name`, or an extra of that name; "" for none.

    An engine is called as the extra or as the distribution that brings it, without "heddle-".
    """
    known = known_packages()
    return known.get(name) or next((one for one in known.values() if one == f"{HOUSE}{name}"), "")


def absent_packages() -> list[str]:
    """Return Heddle's distributions that aren't installed, sorted."""
    return sorted(name for name in set(known_packages().values()) if not _is_there(name))


def _is_there(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True
