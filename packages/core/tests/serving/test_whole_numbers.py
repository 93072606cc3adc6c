"""Keys and times that are whole numbers: as numbers where JSON keeps them, as text where it doesn't."""

import pytest

from heddle.data.etl.rows import RowError
from heddle.serving.bundle.whole import whole_numbers


def test_text_that_is_exactly_a_whole_number_is_one():
    values = [0, "0", -5, "-5", 2**53, str(2**53 + 1), str(2**63 - 1), str(-(2**63))]
    assert whole_numbers("key", values, "").tolist() == [int(value) for value in values]


@pytest.mark.parametrize(
    "value",
    [
        "",
        " 7",
        "7 ",
        "+7",
        "07",
        "-0",
        "7.0",
        "7e3",
        "0x7",
        "7_0",
        "\u0667",
        "7\n",
        str(2**63),
        "9" * 5000,
        None,
        7.0,
        True,
    ],
)
def test_anything_else_is_one_sentence(value):
    with pytest.raises(
        RowError, match=r"^key: found .*, expected a whole number, or text .*; send the key$"
    ) as error:
        whole_numbers("key", [1, value], "send the key")
    assert len(str(error.value)) < 200


@pytest.mark.parametrize("value", [2**53 + 1, -(2**53) - 1, 2**63, 10**400])
def test_numbers_that_json_may_lose_are_sent_as_text(value):
    with pytest.raises(RowError, match="send it as text"):
        whole_numbers("key", [value], "")
