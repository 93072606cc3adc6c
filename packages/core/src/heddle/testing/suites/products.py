"""ProductsSuite: models x questions x samplers x features x types x devices: each trains, or says why not."""

from typing import Any

import pytest

from heddle.engines.plugins import load_plugins
from heddle.testing.products.combination import Combination, Model
from heddle.testing.products.draw import Products
from heddle.testing.products.processes import train_together
from heddle.testing.suites.suite import Suite


class ProductsSuite(Suite):
    """Combinations in which every pair of levels occurs, by the code that `heddle train` runs.

    Each trains two epochs, predicts, resumes to the same weights, reads what it says that it reads and nothing newer
    than its question; or it is refused by the sentence that the kit expects. `python -m heddle.testing.products` prints
    how many there are.

    Attributes:
        strength: 1: every level of a factor occurs; 2: every pair of levels; 3: every triple; 0: everything.
        native: the engine's own models.
        in_processes: whether two processes are started, where the engine is one that trains so and is installed.
    """

    strength: int = 2
    native: tuple[Model, ...] = ()
    in_processes: bool = False
    products: Products

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Draw the combinations of the engine."""
        super().pytest_generate_tests(metafunc)
        if not {"trained", "refused"} & set(metafunc.fixturenames):
            return
        suite: Any = metafunc.cls
        if "products" not in vars(suite):
            suite.products = Products(suite.backend, suite.native)
        drawn = suite.products.draw(suite.strength)
        if "trained" in metafunc.fixturenames:
            alone = [of for of in drawn.trained if not of.in_processes]
            metafunc.parametrize("trained", alone, ids=map(str, alone))
        else:
            ids = [str(of) for of, _ in drawn.refused]
            metafunc.parametrize("refused", drawn.refused, ids=ids)

    def test_it_trains(self, trained: Combination) -> None:
        """Every model on every question, in one process."""
        self.products.prove(trained)

    def test_it_is_refused(self, refused: tuple[Combination, str]) -> None:
        """What can't be done is reported by one sentence, before anything is trained."""
        self.products.refuse(*refused)

    def test_two_processes_train(self) -> None:
        """Each on batches of its own, with the same weights at the end; what can't is said."""
        products = type(self).__dict__.get("products") or Products(self.backend, self.native)
        together = [of for of in products.draw(self.strength).trained if of.in_processes]
        if not self.in_processes or not together:
            pytest.skip("two processes: not asked for by in_processes, or the engine trains in one")
        if self.backend.name not in load_plugins().names("backend"):
            pytest.skip(f"two processes: {self.backend.name} isn't installed, so they can't build it by name")
        failed = train_together(self.backend.name, list(products.models.values()), together)
        assert not failed, "\n".join(f"{name}: {message}" for name, message in failed.items())
