"""calendar: seconds since 1970 of dates and times of day, in the Gregorian calendar and UTC, by int64 arithmetic."""

import numpy as np

_LAST = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])


def days(year: np.ndarray, month: np.ndarray, day: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return [n] int64 seconds at which days begin and [n] bool, which are days, as `civil` does: each computed once.

    >>> days(*(np.array([part, part]) for part in (1970, 1, 2)))
    (array([86400, 86400]), array([ True,  True]))
    """
    named = (month >= 0) & (month < 16) & (day >= 0) & (day < 32) & (year >= 0) & (year < 10000)
    codes = np.where(named, (year << 9) | (month << 5) | day, 0)  # 0 is no day
    least = codes.min() if len(codes) else 0
    codes -= least
    there = np.zeros(codes.max(initial=0) + 1, bool)
    there[codes] = True
    distinct = np.flatnonzero(there)
    parts = distinct + least
    none = np.zeros_like(parts)
    seconds, real = civil(parts >> 9, (parts >> 5) & 15, parts & 31, none, none, none)
    of_code, real_code = np.zeros(len(there), np.int64), np.zeros(len(there), bool)
    of_code[distinct], real_code[distinct] = seconds, real
    return of_code[codes], real_code[codes]


def civil(
    year: np.ndarray,
    month: np.ndarray,
    day: np.ndarray,
    hour: np.ndarray,
    minute: np.ndarray,
    second: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Return [n] int64 seconds since 1970 and [n] bool, which are moments of the years 1 to 9999; second 60 isn't one.

    Source: H. Hinnant, chrono-compatible low-level date algorithms, days_from_civil.

    Args:
        year, month, day, hour, minute, second: [n] int each, months and days from 1.

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
