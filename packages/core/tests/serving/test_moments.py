"""Times of questions as requests have them: numbers in the data's unit, dates where the data has dates."""

import numpy as np
import pytest

from heddle.data.etl.rows import RowError
from heddle.serving.bundle.moments import moments


def seconds(text):
    return int(np.datetime64(text, "s").astype(np.int64))


def test_dates_are_seconds_since_1970_in_utc():
    sent = ["2023-12-01", "2023-12-01T10:00:00", "2023-12-01 10:00", "2023-12-01T12:00:00.9+02:00"]
    sent += ["1969-12-31T23:59:59.5Z", "-7", 1_700_000_000, "1700000000"]
    ten = seconds("2023-12-01T10:00:00")
    expected = [seconds("2023-12-01"), ten, ten, ten, -1, -7, 1_700_000_000, 1_700_000_000]
    assert moments(sent, dated=True).tolist() == expected


@pytest.mark.parametrize(
    "sent", ["2023-13-01", "2023-12-01T25:00", "2023-12-01 noon", "01.12.2023", None, 1.5, ""]
)
def test_another_value_is_one_sentence(sent):
    with pytest.raises(
        RowError, match=r"^time: found .*, expected a .*2023-12-01T10:00:00|^time: .*; write it so$"
    ):
        moments([sent], dated=True)


def test_without_dates_there_are_numbers_alone():
    assert moments([5, "6"], dated=False).tolist() == [5, 6]
    with pytest.raises(RowError, match=r"in the data's unit$"):
        moments(["2023-12-01"], dated=False)
