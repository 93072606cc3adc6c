"""Variants are timed only after they predict the same; each round takes the same steps."""

import math

import numpy as np
import pytest

from heddle.errors import HeddleError
from heddle.workflow.bench import Timing, difference, measure


class Fixed:
    """A variant that predicts what it is given and counts its rounds."""

    def __init__(self, name, outputs):
        self.name, self.outputs, self.rounds = name, np.asarray(outputs, np.float32), 0
        self.first, self.step, self.predict = 1.0, 2.0, 3.0

    def round(self):
        self.rounds += 1


def test_variants_that_agree_are_timed_in_turn():
    variants = [Fixed("a", [1, 2]), Fixed("b", [1, 2.0001])]
    actual = measure(variants, 3, 1e-3)
    assert [variant.rounds for variant in variants] == [3, 3]
    assert actual[0] == Timing("a", 1.0, 2.0, 3.0, 0.0)
    assert actual[1].differs == pytest.approx(5e-5, rel=1e-2)


def test_nothing_is_timed_where_predictions_differ():
    variants = [Fixed("a", [1, 2]), Fixed("b", [1, 3])]
    with pytest.raises(
        HeddleError, match=r"b predicts other values than a: found a difference of 0.5 .* at most 0.0001"
    ):
        measure(variants, 3, 1e-4)
    assert [variant.rounds for variant in variants] == [0, 0]
    assert measure(variants, 1, None)[1].differs == 0.5


@pytest.mark.parametrize(
    "a, b, expected",
    [
        ([], [], 0.0),
        ([0.0], [0.0], 0.0),
        ([0.0], [1.0], 1.0),
        ([np.nan, 2], [np.nan, 1], 0.5),
        ([1, 2], [1, np.nan], math.inf),
        ([1, 2], [1], math.inf),
    ],
)
def test_difference(a, b, expected):
    assert difference(np.asarray(a, float), np.asarray(b, float)) == expected
