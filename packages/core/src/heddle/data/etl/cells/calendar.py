"""calendar: seconds since 1970 of dates and times of day, in the Gregorian calendar and UTC, by int64 arithmetic."""

import numpy as np

_LAST = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])


def civil(
    year: np.ndarray,
    month: np.ndarray,
    day: np.ndarray,
    hour: np.ndarray,
    minute: np.ndarray,
    second: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Return [n] int64 seconds and [n] bool, which are moments of the years 1 to 9999; second 60 isn't one.

    Source: H. Hinnant, chrono-compatible low-level date algorithms, days_from_civil.

    >>> civil(*(np.array([part]) for part in (1970, 1, 2, 0, 0, 1)))
    (array([86401]), array([ True]))
    """
    real = (month >= 1) & (month <= 12) & (year >= 1) & (year <= 9999)
    month = np.where(real, month, 1)
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    real &= (day >= 1) & (day <= _LAST[month] + (leap & (month == 2)))
    real &= (hour >= 0) & (hour < 24) & (minute >= 0) & (minute < 60) & (second >= 0) & (second < 60)
    shifted = year - (month <= 2)
    era = shifted // 400
    of_era = shifted - era * 400
    of_year = (153 * (month + np.where(month > 2, -3, 9)) + 2) // 5 + day - 1
    days = era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468
    return days * 86400 + hour * 3600 + minute * 60 + second, real
