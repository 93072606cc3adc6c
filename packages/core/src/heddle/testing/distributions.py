"""Small distributions for tests of plugins: a folder for `sys.path` or PYTHONPATH, without installing anything."""

from collections.abc import Mapping
from pathlib import Path

PLUGIN_TEMPLATE = """\
from heddle.engines.hookspecs import *
from heddle.engines.hookspecs import hookimpl

PLUGIN_API = {api}

{body}
"""


def plugin_source(body: str, api: object = (1, 0)) -> str:
    """Return the source of a plugin module: the hooks in `body` and a stated API."""
    return PLUGIN_TEMPLATE.format(api=api, body=body)


def write_distribution(
    folder: Path, name: str, files: Mapping[str, str], version: str = "1.0", plugin: str = ""
) -> Path:
    """Write a distribution into `folder` as an installer would leave it, and return the folder.

    Args:
        name: of the distribution; its metadata goes to `<name>-<version>.dist-info`.
        files: path inside the folder -> text, e.g. {"loom/plugin.py": "..."}.
        plugin: the module of its `heddle.plugins` entry point, which is named like the distribution; "" for none.
    """
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    metadata = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    metadata.mkdir(parents=True, exist_ok=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    if plugin:
        (metadata / "entry_points.txt").write_text(f"[heddle.plugins]\n{name} = {plugin}\n")
    return folder
