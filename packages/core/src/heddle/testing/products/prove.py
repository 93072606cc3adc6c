"""prove: what has to hold of one combination, trained by the very code that `heddle train` runs."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from heddle.config.run import RunConfig, checked
from heddle.data.dataset import SPLITS
from heddle.engines.inputs import inputs_of, unreadable_inputs
from heddle.engines.launch import ALONE, Launch
from heddle.engines.optim import Optim
from heddle.engines.plugins import Registry
from heddle.engines.program import State
from heddle.engines.sharding.settings import Sharding
from heddle.errors import HeddleError
from heddle.nn.model import uses_of
from heddle.options import BackendOptions
from heddle.testing.cases.inputs import PROBE
from heddle.testing.products.combination import Combination, Model
from heddle.testing.products.data import MOMENT, ProductsData
from heddle.testing.products.registry import model_options
from heddle.workflow import checkpoint
from heddle.workflow.assemble import Assembly, assemble
from heddle.workflow.options import Sampler, TrainerSettings
from heddle.workflow.progress import Progress
from heddle.workflow.settings import settings_for
from heddle.workflow.trainer import fit


def config_of(of: Combination, model: Model, registry: Registry, engine: str, launch: Launch) -> RunConfig:
    """Return the configuration of a combination. Raises ConfigError, where its nodes don't go together."""
    sampler = Sampler()
    if of.is_sampled:
        hops = 3 if of.sampler == "neighbor" else 2
        fanouts = (-1,) * hops if of.sampler == "timed" else (3,) * hops
        sampler = Sampler("neighbor", fanouts, batch_size=4, workers=0)
    sharding = Sharding()
    if of.devices != "1" and not of.is_sampled:
        sharding = Sharding("auto" if of.devices == "2" else of.devices, devices=2)
    if of.in_processes and launch is ALONE:
        launch = Launch(devices=2)
    return checked(
        RunConfig(
            ProductsData("products", of.question, of.features, of.types, "timed" in of.sampler),
            model_options(registry, model),
            BackendOptions(engine),
            sampler=sampler,
            sharding=sharding,
            launch=launch,
            optim=Optim(lr=0.01),
            trainer=TrainerSettings(epochs=2, batch_size=3 if of.question == "graph" else None),
        )
    )


def prove(config: RunConfig, registry: Registry, folder: Path) -> tuple[Assembly, State]:
    """Train two epochs, predict, resume after the first; return what was built and the state after the second.

    Raises:
        AssertionError: predictions that aren't finite or not a row each, or other ones after resuming.
        HeddleError: the combination is refused.
    """
    parts = assemble(config, registry)
    settings = settings_for(config.trainer, config.optim, parts.task)
    progress = fit(
        parts.program,
        parts.loader,
        parts.task,
        settings._replace(epochs=1),
        Progress(parts.program.init(config.seed)),
    )
    checkpoint.save(folder, parts.program, progress, keep=1)
    state = fit(parts.program, parts.loader, parts.task, settings, progress).state
    predictions = parts.loader.predictions(parts.program, state, SPLITS)
    for split, predicted in predictions.items():
        assert len(predicted.outputs) == len(predicted.index), f"{split}: a prediction each"
        assert np.isfinite(predicted.outputs).all(), f"{split}: predictions that aren't finite"
    again = assemble(config, registry)
    loaded = checkpoint.load(folder, again.program)
    assert loaded is not None and loaded.epoch == 1
    resumed = fit(again.program, again.loader, again.task, settings, loaded).state
    expected, arrays = parts.program.to_arrays(state), again.program.to_arrays(resumed)
    assert set(arrays) == set(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(arrays[name], value, rtol=1e-4, atol=1e-5, err_msg=f"resumed: {name}")
    return parts, state


def prove_inputs(config: RunConfig, registry: Registry, parts: Assembly, state: State) -> None:
    """Compare what a run says that it reads with what its predictions depend on.

    Raises:
        AssertionError: an input that changes predictions is called unused, or the other way round; or a probe isn't
            called unused.
    """
    data, info = config.data, registry.info("model", config.model.name)
    assert isinstance(data, ProductsData)
    held, expected = registry.dataset("products")(data).graphs, _predictions(config, registry, parts, state)
    uses, unreadable = uses_of(parts.model), set(unreadable_inputs(info))
    for part in ("node", "edge"):
        assert any(f"{part} {PROBE}" in name for name in parts.unused), f"the {part} probe isn't named"
    for input_kind in sorted({entry.name for entry in inputs_of(held)}):
        other = replace(config, data=replace(data, other=input_kind))
        changed = not np.array_equal(_predictions(other, registry, parts, state), expected)
        named = any(name.startswith(input_kind) for name in parts.unused)
        assert changed != named, (
            f"other {input_kind} changed predictions: {changed}, named as unused: {named}"
        )
        assert named == (input_kind not in uses - unreadable), (
            f"{input_kind}: what is used isn't what is said"
        )
    if parts.dataset.asked is not None and parts.dataset.asked.x is not None:
        other = replace(config, data=replace(data, other="asked"))
        assert not np.array_equal(_predictions(other, registry, parts, state), expected), (
            "asked columns unread"
        )


def prove_times(config: RunConfig, registry: Registry, parts: Assembly, state: State) -> None:
    """Change all that is newer than a moment; answers to earlier questions may not move.

    Raises:
        AssertionError: one did.
    """
    data = config.data
    assert isinstance(data, ProductsData) and parts.dataset.times is not None
    asked: Any = parts.dataset.times.asked
    times = np.concatenate([asked[split] for split in SPLITS]) if isinstance(asked, dict) else asked
    outputs = [
        _predictions(each, registry, parts, state)
        for each in (config, replace(config, data=replace(data, newer=True)))
    ]
    moved = (outputs[0] != outputs[1]).reshape(len(times), -1).any(axis=1)
    assert not moved[times <= MOMENT].any(), "the future changed the answer to an earlier question"


def _predictions(config: RunConfig, registry: Registry, parts: Assembly, state: State) -> np.ndarray:
    """Return the predictions for all that data holds, by a program and a state of other data."""
    loader = assemble(config, registry).loader
    return np.asarray(loader.everything(parts.program, state).outputs)


def prove_devices(config: RunConfig, registry: Registry, parts: Assembly, state: State) -> None:
    """Compare predictions of several devices with those of one that has the same weights.

    Raises:
        AssertionError: they differ.
    """
    alone = assemble(replace(config, sharding=Sharding()), registry)
    arrays = parts.program.to_arrays(state)
    weights = {name: np.array(value) for name, value in arrays.items() if name.startswith("params/")}
    expected = alone.loader.everything(alone.program, alone.program.from_arrays(weights)).outputs
    outputs = parts.loader.everything(parts.program, state).outputs
    np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-5)


def refused(config: Callable[[], RunConfig], registry: Registry, sentence: str) -> None:
    """Build a combination that has to be refused, by a sentence with these words.

    Raises:
        AssertionError: it isn't refused, or by something else than such a sentence.
    """
    try:
        parts = assemble(config(), registry)
        next(iter(parts.loader.batches(parts.program, 1)))
    except HeddleError as error:
        faults = [*_faults_of(str(error)), *([] if sentence in str(error) else [f"it lacks {sentence!r}"])]
        assert not faults, f"{'; '.join(faults)}: {error}"
        return
    raise AssertionError(f"it was taken, expected a refusal: {sentence}")


def _faults_of(text: str) -> Iterator[str]:
    """Yield what keeps a refusal from being one sentence: found, expected, what to do."""
    if "\n" in text:
        yield "it has several lines"
    if len(text) > 400:
        yield f"it has {len(text)} characters"
    for word in ("found", "expected", "; "):
        if word not in text:
            yield f"it lacks {word!r}"
