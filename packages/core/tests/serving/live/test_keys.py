"""One key is found as many are, whatever it is."""

import numpy as np
import pytest

from heddle.serving.live.keys import Keys, PlacedKeys, key_array

TEXTS = ["", "a", "a\0", "ab", "b", "é", "\u65e5\u672c", "z" * 9, "never"]


def bases():
    """Give keys of every kind, some of them added, with what may be asked of each."""
    texts = sorted({"a", "ab", "é", "\u65e5"}, key=str.encode)
    held = np.array([text.encode() for text in texts])
    order = np.array([2, 0, 3, 1])
    places = np.argsort(order)
    yield Keys("t", held, ["b", "\u65e5\u672c"]), TEXTS
    yield Keys("t", PlacedKeys(held, order, places), ["z" * 9]), TEXTS
    yield Keys("t", held[:0], ["a"]), TEXTS
    numbers = [-7, -1, 0, 3, 4, 10, 2**60]
    yield Keys("t", np.array([-7, 0, 4, 2**60]), [3, -1]), numbers
    yield Keys("t", PlacedKeys(np.array([-7, 0, 4, 9]), order, places), [10]), numbers
    yield Keys("t", 4), numbers


@pytest.mark.parametrize("at", range(6))
def test_one_key_is_found_as_many_are(at):
    keys, asked = list(bases())[at]
    together = keys.find(key_array([*asked, asked[0]], keys.is_text)).tolist()
    for key, expected in zip(asked, together):
        assert keys.find(key_array([key], keys.is_text)).tolist() == [keys.number(key)] == [expected]
        if expected >= 0:
            assert keys.name(expected) == key
    assert any(number >= 0 for number in together) and -1 in together
