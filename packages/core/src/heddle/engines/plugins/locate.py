"""Finding a module, and reading the plugin API it was written for, without running it or its parents."""

import ast
from importlib.machinery import ModuleSpec, PathFinder, all_suffixes
from importlib.util import find_spec
from pathlib import Path


def locate(module: str) -> ModuleSpec | None:
    """Return the spec of a dotted module name, or None if it can't be found.

    `importlib.util.find_spec("a.b")` would import `a`; here each part is searched in its parent's folder instead.
    """
    package, *rest = module.split(".")
    try:
        spec = find_spec(package)
        name = package
        for part in rest:
            if spec is None:
                return None
            name = f"{name}.{part}"
            spec = PathFinder.find_spec(name, spec.submodule_search_locations)
    except (ImportError, ValueError, AttributeError):
        return None
    return spec


def is_installed(module: str) -> bool:
    """Tell whether `import module` would find code; of a namespace package, some module or package in it.

    A mere folder of that name, without code in it, is importable too and is not what is looked for.
    """
    spec = locate(module)
    if spec is None:
        return False
    return spec.origin is not None or any(
        _holds_code(Path(folder)) for folder in spec.submodule_search_locations or ()
    )


def _holds_code(folder: Path) -> bool:
    """Tell whether a folder has modules or packages, or compiled ones."""
    try:
        entries = list(folder.iterdir())
    except OSError:
        return False
    suffixes = tuple(all_suffixes())
    return any(
        (entry / "__init__.py").is_file() if entry.is_dir() else entry.name.endswith(suffixes)
        for entry in entries
    )


def folder_of(package: str) -> str | None:
    """Return the folder of a package (with or without `__init__.py`), or None if there is none."""
    spec = locate(package)
    locations = list(spec.submodule_search_locations or ()) if spec else []
    return locations[0] if locations else None


def stated_api(module: str) -> object:
    """Read `PLUGIN_API = (2, 0)` from a module's source without running it; None if it can't be determined.

    For a plugin of another major, whose import fails on names that this core doesn't have.
    """
    spec = locate(module)
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return None
    try:
        with open(spec.origin, encoding="utf-8") as file:
            tree = ast.parse(file.read())
        for node in tree.body:
            if isinstance(node, ast.Assign) and any(
                ast.unparse(target) == "PLUGIN_API" for target in node.targets
            ):
                return ast.literal_eval(node.value)
    except (OSError, ValueError, SyntaxError):
        return None
    return None
