"""The checks of `heddle doctor`: what is wrong with the installation, in sentences."""

from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version

from heddle.config.groups import Files, choices, list_files, plugin_folders
from heddle.engines.plugins import Registry
from heddle.engines.plugins.packages import package_of
from heddle.errors import PluginError

LIBRARIES = ("numpy", "hydra-core", "torch", "torch-geometric", "jax", "dgl", "optuna", "xgboost")
"""Distributions whose versions explain most reports; a slim build for CPUs may stand in, as xgboost-cpu does."""


def faults(registry: Registry) -> list[str]:
    """Return what has to be fixed: plugins that can't be trusted, and configurations that Hydra would mistake."""
    return [
        *_plugin_faults(registry),
        *_path_faults(registry),
        *_options_faults(registry),
        *_file_faults(list_files(plugin_folders(registry))),
    ]


def notes(registry: Registry) -> list[str]:
    """Return what is worth knowing but may be meant: engines without their framework, requirements not met."""
    return [
        *_unavailable(registry),
        *_without_kernels(registry),
        *_unmet_requirements(registry),
    ]


def versions() -> dict[str, str]:
    """Return distribution -> version of the libraries that Heddle may use; "not installed" where one is missing."""
    return {name: _version(name) or _version(f"{name}-cpu") or "not installed" for name in LIBRARIES}


def _plugin_faults(registry: Registry) -> Iterator[str]:
    for plugin in registry.plugins:
        if plugin.status in ("broken", "refused", "duplicate"):
            where = f"plugin {plugin.name!r} of {plugin.distribution} {plugin.version}"
            yield f"{where} is {plugin.status}: {plugin.reason}"


def _path_faults(registry: Registry) -> Iterator[str]:
    for entry in registry.config_paths():
        if entry.folder is None:
            yield (
                f"search path {entry.path} of {entry.distribution} doesn't exist; "
                "its author must ship that folder or fix heddle_config_paths"
            )


def _options_faults(registry: Registry) -> Iterator[str]:
    """Options that can't be loaded, without which nobody can choose what a plugin brings."""
    for group, options in choices(registry).items():
        for choice in options.values():
            try:
                choice.options()
            except PluginError as error:
                yield f"{group} {error}"


def _file_faults(groups: Files) -> Iterator[str]:
    """Two files of one name, of which Hydra takes the first in silence, and files that aren't YAML."""
    import yaml

    for group, options in groups.items():
        for option, files in options.items():
            if len(files) > 1:
                ignored = ", ".join(str(file) for file in files[1:])
                yield f"{group}={option} means {files[0]}; the file of the same name is ignored: {ignored}"
            for file in files:
                try:
                    yaml.safe_load(file.read_text(encoding="utf-8"))
                except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
                    yield f"{file} can't be read as YAML: {' '.join(str(error).split())}"


def _unavailable(registry: Registry) -> Iterator[str]:
    for plugin in registry.plugins:
        if plugin.status not in ("broken", "refused", "duplicate") and plugin.reason:
            yield f"plugin {plugin.name!r} of {plugin.distribution}: {plugin.reason}"


def _without_kernels(registry: Registry) -> Iterator[str]:
    if not any(offer.status == "ok" for offer in registry.offers("kernel")):
        fault = "no native kernels can be used: engines compute by their frameworks only"
        yield f"{fault}; pip install {package_of('kernels')}"


def _unmet_requirements(registry: Registry) -> Iterator[str]:
    """Requirements of plugins' distributions that what is installed doesn't meet."""
    from packaging.requirements import InvalidRequirement, Requirement

    for distribution in dict.fromkeys(plugin.distribution for plugin in registry.plugins):
        try:
            stated = [Requirement(text) for text in requires(distribution) or ()]
        except (PackageNotFoundError, InvalidRequirement):
            continue
        for requirement in stated:
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                installed = _version(requirement.name)
                if installed is None or not requirement.specifier.contains(installed, prereleases=True):
                    yield f"{distribution} requires {requirement}; installed: {installed or 'none'}"


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
