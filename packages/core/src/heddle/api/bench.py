"""bench: how fast the steps of one configuration are, on every engine or in the variants that are asked for."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

from heddle.api.arguments import overrides_of
from heddle.api.composed import isolated_composer
from heddle.api.display import page, table_html, table_text
from heddle.api.options import Bench
from heddle.config.check import check
from heddle.config.compose import plain
from heddle.config.hydra_keys import HydraDoes, check_hydra_keys
from heddle.config.overrides import check_discrete, parse
from heddle.config.prefer import prefer_from, preferring
from heddle.config.run import run_config
from heddle.engines.plugins import Registry, load_plugins
from heddle.errors import HeddleError
from heddle.options import build
from heddle.workflow.bench import Timing, Variant, measure

if TYPE_CHECKING:
    from heddle.config.run import RunConfig

COLUMNS = ("variant", "step", "times", "predict", "first", "differs")


@dataclass(frozen=True)
class Benchmark:
    """Variants of one configuration beside one another, shown as `heddle bench` prints them.

    Attributes:
        timings: of each variant, in the order asked for.
        left_out: a line for each variant that couldn't be built, with the reason.
    """

    timings: tuple[Timing, ...]
    left_out: tuple[str, ...] = ()

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """The table's rows, as texts: see COLUMNS."""
        fastest = min(timing.step for timing in self.timings)
        return [
            (
                timing.name,
                f"{timing.step:.2f}",
                f"{timing.step / fastest:.2f}",
                f"{timing.predict:.2f}",
                f"{timing.first:.2f}",
                f"{timing.differs:.1e}",
            )
            for timing in self.timings
        ]

    def __repr__(self) -> str:
        return "\n".join([table_text(COLUMNS, self.rows), *self.left_out])

    def _repr_html_(self) -> str:
        return page(table_html(COLUMNS, self.rows))


def bench(*overrides: str, **values: Any) -> Benchmark:
    """Return how fast training steps of a configuration are; `heddle bench`.

        heddle.bench("data=planetoid", "backend=jax,pyg", model="gat", **{"data.name": "cora"})

    Args:
        overrides: as in `train`, those with several values asking for a variant each; without a `backend`, every
            installed engine that takes the model is one. Also `bench.rounds`, `bench.steps` and `bench.tolerance`.
        values: as in `train`, one value each.

    Raises:
        HeddleError: no engine takes the configuration (the first one's reason), or predictions differ.
    """
    arguments = overrides_of(overrides, values)
    preferred = prefer_from(arguments)
    with preferring(preferred):
        return measured(arguments, load_plugins(preferred))


def measured(overrides: Sequence[str], registry: Registry) -> Benchmark:
    """Return what `heddle bench` measures with these overrides. Raises HeddleError: as `bench`."""
    settings, configs = _configs(overrides, registry)
    variants, left_out = _built(configs, settings.steps, registry)
    return Benchmark(tuple(measure(variants, settings.rounds, settings.tolerance)), tuple(left_out))


def _configs(overrides: Sequence[str], registry: Registry) -> tuple[Bench, dict[str, "RunConfig"]]:
    """Return the `bench` node and the configuration of each variant by its name."""
    extra = {"bench": Bench}
    with isolated_composer("bench", registry, extra) as made:
        parsed = parse(overrides, made.loader)
        check_discrete(parsed)
        check_hydra_keys(parsed, HydraDoes.COMPOSE)
        texts = check(parsed, made, registry, usable=True, extra=extra)
        fixed = [text for word, text in zip(parsed, texts) if not word.is_sweep]
        choices = {
            text.partition("=")[0]: list(word.override.sweep_string_iterator())
            for word, text in zip(parsed, texts)
            if word.is_sweep
        }
        if not any(word.key == "backend" for word in parsed):
            choices = {"backend": _engines(plain(made.compose(fixed))["model"]["name"], registry), **choices}
        configs = {}
        for choice in _choices(choices):
            tree = plain(made.compose([*fixed, *choice]))
            settings = build(Bench, tree.pop("bench"), "bench")
            config = run_config(tree, registry)
            configs[" ".join(choice) or f"backend={config.backend.name}"] = config
    return settings, configs


def _choices(choices: Mapping[str, Sequence[str]]) -> Iterator[list[str]]:
    """Yield the arguments of each variant."""
    for values in product(*choices.values()):
        yield [f"{key}={value}" for key, value in zip(choices, values)]


def _engines(model: str, registry: Registry) -> list[str]:
    """Return the usable engines that a model runs on."""
    of_model = registry.info("model", model).backends
    return [name for name in registry.names("backend") if not of_model or name in of_model]


def _built(configs: Mapping[str, "RunConfig"], steps: int, registry: Registry) -> tuple[list[Any], list[str]]:
    """Return the variants that could be built, and a line for each other one."""
    variants, left_out, errors = [], [], []
    for name, config in configs.items():
        try:
            variants.append(Variant(name, config, registry, steps))
        except HeddleError as error:
            errors.append(error)
            left_out.append(f"{name}: left out, {' '.join(str(error).split())}")
    if not variants:
        raise errors[0]
    return variants, left_out
