"""`heddle bench`: how fast a configuration's steps are, on every engine or in the variants that are asked for."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

from heddle.cli.options import Bench
from heddle.cli.screen import print_table
from heddle.errors import HeddleError
from heddle.options import build
from heddle.plugins import Registry, load_plugins

if TYPE_CHECKING:
    from heddle.config.run import RunConfig

HELP = """\
Usage: heddle bench [backend=OPTION,OPTION] [GROUP=OPTION | KEY=VALUE,VALUE ...] [bench.rounds=5] [bench.steps=10]

Times training steps of one configuration in one process, on every installed engine that takes it, or in the variants
that the words with several values ask for; the other words are as for `heddle train`. Variants start from the same
weights, and are timed only after they have predicted the same values.

  heddle bench data=planetoid data.name=cora model=gat
  heddle bench backend=NAME backend.KEY=VALUE,VALUE data=rmat data.scale=14

  bench.rounds=5          of every variant in turn; the best counts
  bench.steps=10          a round
  bench.tolerance=1e-4    share by which predictions may differ; null: any, for variants that are other models

"step" and "predict" are milliseconds on batches that are placed already; "first" is the seconds of a first step,
compilation included; "times" is relative to the fastest; "differs" to the first line's predictions.
"""

COLUMNS = ("variant", "step", "times", "predict", "first", "differs")


def run(arguments: Sequence[str]) -> int:
    """Print the table of variants and the lines of those left out; return 0.

    Raises:
        HeddleError: no engine takes the configuration (the first one's reason), or predictions differ.
    """
    registry = load_plugins()
    settings, configs = _configs(arguments, registry)
    variants, left_out = _built(configs, settings.steps, registry)
    from heddle.workflow.bench import measure

    timings = measure(variants, settings.rounds, settings.tolerance)
    fastest = min(timing.step for timing in timings)
    rows = [
        (
            timing.name,
            f"{timing.step:.2f}",
            f"{timing.step / fastest:.2f}",
            f"{timing.predict:.2f}",
            f"{timing.first:.2f}",
            f"{timing.differs:.1e}",
        )
        for timing in timings
    ]
    print_table(COLUMNS, rows)
    for line in left_out:
        print(line)
    return 0


def _configs(words: Sequence[str], registry: Registry) -> tuple[Bench, dict[str, "RunConfig"]]:
    """Return the `bench` node and the configuration of each variant by its name."""
    from heddle.config.check import check
    from heddle.config.compose import composer, plain, show_hydra
    from heddle.config.overrides import check_discrete, parse
    from heddle.config.run import run_config

    extra = {"bench": Bench}
    show_hydra(registry, extra=extra)
    with composer("bench") as made:
        parsed = parse(words, made.loader)
        check_discrete(parsed)
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
    """Yield the words of each variant."""
    for values in product(*choices.values()):
        yield [f"{key}={value}" for key, value in zip(choices, values)]


def _engines(model: str, registry: Registry) -> list[str]:
    """Return the usable engines that a model runs on."""
    of_model = registry.info("model", model).backends
    return [name for name in registry.names("backend") if not of_model or name in of_model]


def _built(configs: Mapping[str, "RunConfig"], steps: int, registry: Registry) -> tuple[list[Any], list[str]]:
    """Return the variants that could be built, and a line for each other one."""
    from heddle.workflow.bench import Variant

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
