"""The product's rows cover what they say, and its checks find what is lost in silence."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from heddle.errors import ConfigError
from heddle.testing.products import draw, prove
from heddle.testing.products.combination import Combination, Engine, Model, combinations_of, refusal_of
from heddle.testing.products.covering import covering
from heddle.workflow.loaders import known

loom = pytest.importorskip("loom_numpy.engine", reason="loom-numpy isn't installed")
CODES = Combination("sage", "node", "layered", "both", "one", "1")
TIMED = Combination("hetero_sage", "link", "timed", "floats", "many", "1")


@pytest.fixture(scope="module")
def products():
    from loom_numpy.plugin import LoomOptions

    return draw.Products(loom.LoomBackend(LoomOptions()))


@pytest.mark.parametrize("strength", [1, 2, 3])
def test_every_combination_that_may_be_drawn_is_drawn(strength):
    rows = [row for row in product("abc", "de", "fgh", "ij", "klmn") if row[:2] != ("a", "d")]
    taken = [rows[position] for position in covering(rows, strength)]
    assert len(taken) < len(rows) / 2 and len(set(taken)) == len(taken)

    def of(actual):
        return {
            tuple(zip(places, (row[position] for position in places))) for row in actual for places in groups
        }

    groups = [places for places in product(range(5), repeat=strength) if list(places) == sorted(set(places))]
    assert of(taken) == of(rows)
    assert covering(rows, strength) == covering(rows, strength) and covering([]) == []


def test_a_factor_that_must_be_there():
    rows = list(product("ab", "cd", "ef"))
    taken = [rows[position] for position in covering(rows, 2, must=2)]
    assert {(row[0], row[2]) for row in taken} == set(product("ab", "ef")) and len(taken) == 4


def test_what_has_to_be_refused():
    read = Model("m", {}, ("homogeneous",))
    able = Engine(False, ("trains in parallel",))
    every = list(combinations_of([read]))
    trained = [of for of in every if not refusal_of(of, read, able)]
    assert {of.types for of in trained} == {"one"} and {of.devices for of in trained} == {"1", "2"}
    assert {of.sampler for of in trained} == {"full", "neighbor", "layered", "timed"}
    compiled = Engine(True, ("shards graphs",))
    assert {of.sampler for of in every if not refusal_of(of, read, compiled)} == {"full"}


def test_sound_combinations_pass(products):
    for of in (CODES, TIMED):
        products.prove(of)


def test_codes_that_are_lost_are_found(products, monkeypatch):
    """As a model does that takes codes and reads none."""
    from heddle.nn.models import codes

    def lost(ops, tables, pytree, sizes):
        return [
            ops.xp.zeros_like(table[:1]) + ops.gather(table, pytree[:, i] * 0)
            for i, table in enumerate(tables)
        ]

    monkeypatch.setattr(codes, "embed_codes", lost)
    with pytest.raises(AssertionError, match="other node codes changed predictions: False"):
        products.prove(CODES)


def test_a_future_that_is_seen_is_found(products, monkeypatch):
    monkeypatch.setattr(known, "up_to", lambda asked, inclusive: np.full_like(asked, 100))
    with pytest.raises(AssertionError, match="the future changed the answer"):
        products.prove(TIMED)


def test_a_state_that_is_lost_is_found(products, monkeypatch):
    def forgetful(folder, program):
        actual = load(folder, program)
        return replace(actual, state=program.init(0))

    load = prove.checkpoint.load
    monkeypatch.setattr(prove.checkpoint, "load", forgetful)
    with pytest.raises(AssertionError, match="resumed"):
        products.prove(CODES)


def test_a_probe_that_is_read_is_found(products, monkeypatch):
    monkeypatch.setattr(prove, "PROBE", "x")
    with pytest.raises(AssertionError, match="the node probe isn't named"):
        products.prove(CODES)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ConfigError("two\nlines found, expected; words"), "it has several lines"),
        (ConfigError("words"), "it lacks 'found'; it lacks 'expected'"),
        (ConfigError("found a, expected b; do c"), "it lacks 'words'"),
        (None, "it was taken, expected a refusal: words"),
    ],
)
def test_a_refusal_is_one_sentence(products, monkeypatch, error, message):
    if error is not None:

        def refuse(config, registry):
            raise error

        monkeypatch.setattr(prove, "assemble", refuse)
    with pytest.raises(AssertionError, match=message):
        products.refuse(CODES, "words")
