"""draw: what is proved of an engine, and how one combination is."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from heddle.engines.backend import Backend
from heddle.engines.launch import ALONE
from heddle.testing.products.combination import Combination, Model, combinations_of, refusal_of
from heddle.testing.products.covering import covering
from heddle.testing.products.prove import (
    config_of,
    prove,
    prove_devices,
    prove_inputs,
    prove_times,
    refused,
)
from heddle.testing.products.registry import ProductsRegistry, engine_of, portable_models


class Drawn(NamedTuple):
    """Combinations of an engine.

    Attributes:
        trained: those that have to train.
        refused: those that have to be refused, each with words of the sentence.
        counts: how many there are: in the whole product, that train, that are refused.
    """

    trained: list[Combination]
    refused: list[tuple[Combination, str]]
    counts: tuple[int, int, int]


class Products:
    """The product of one engine.

    Args:
        native: the engine's own models, besides the portable ones that are installed.
    """

    def __init__(self, backend: Backend, native: Sequence[Model] = ()):
        self.name, self.registry, self.engine = backend.name, ProductsRegistry(backend), engine_of(backend)
        self.models = {model.title: model for model in [*portable_models(self.registry), *native]}

    def draw(self, strength: int) -> Drawn:
        """Return combinations in which all pairs (2), triples (3) or single levels (1) occur that may; 0: all.

        Of refusals each reason occurs with each level that it may occur with.
        """
        every = list(combinations_of(list(self.models.values())))
        sentences = [refusal_of(each, self.models[each.model], self.engine) for each in every]
        trained = [each for each, word in zip(every, sentences) if not word]
        refused = [(*each, word) for each, word in zip(every, sentences) if word]
        counts = len(every), len(trained), len(refused)
        if not strength:
            return Drawn(trained, [(Combination(*row[:-1]), row[-1]) for row in refused], counts)
        rows = [refused[at] for at in covering(refused, 2, must=len(Combination._fields))]
        return Drawn(
            [trained[at] for at in covering(trained, strength)],
            [(Combination(*row[:-1]), row[-1]) for row in rows],
            counts,
        )

    def prove(self, of: Combination) -> None:
        """Train a combination in this process, and compare. Raises AssertionError, or whatever stops it."""
        config = config_of(of, self.models[of.model], self.registry, self.name, ALONE)
        with TemporaryDirectory(prefix="heddle-") as folder:
            parts, state = prove(config, self.registry, Path(folder))
        if of.devices != "1":
            prove_devices(config, self.registry, parts, state)
        prove_inputs(config, self.registry, parts, state)
        if of.sampler == "timed":
            prove_times(config, self.registry, parts, state)

    def refuse(self, of: Combination, sentence: str) -> None:
        """Try a combination that has to be refused. Raises AssertionError where it isn't, by a sentence."""
        model = self.models[of.model]
        refused(lambda: config_of(of, model, self.registry, self.name, ALONE), self.registry, sentence)
