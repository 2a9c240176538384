"""Calendar features of time stamps, and the stamps that follow those of a series."""

from __future__ import annotations

import numpy as np

from tsrep.errors import DataError
from tsrep.signals.panel import Floats
from tsrep.signals.series import Times, calendar_months

CALENDAR = ("minute", "hour", "day of week", "day of month", "day of year", "month", "week of year")


def calendar_features(time: Times) -> Floats:
    """What a calendar and a clock say of each step, as plain numbers.

    Parameters
    ----------
    time : datetime64 array, shape (time,)

    Returns
    -------
    float32 array, shape (7, time)
        In the order of :data:`CALENDAR`; Monday is 0, weeks are those of ISO 8601.

    References
    ----------
    Time features of TS2Vec, CoST and AutoTCL.
    """
    days, months = time.astype("datetime64[D]"), time.astype("datetime64[M]")
    years = time.astype("datetime64[Y]")
    weekday = (days.astype(np.int64) + 3) % 7  # 1970-01-01 was a Thursday
    thursday = days + (3 - weekday).astype("timedelta64[D]")  # it decides the year of an ISO week
    first = thursday.astype("datetime64[Y]").astype("datetime64[D]")
    features = (
        (time - time.astype("datetime64[h]")) // np.timedelta64(1, "m"),
        (time - days) // np.timedelta64(1, "h"),
        weekday,
        (days - months.astype("datetime64[D]")).astype(np.int64) + 1,
        (days - years.astype("datetime64[D]")).astype(np.int64) + 1,
        months.astype(np.int64) % 12 + 1,
        (thursday - first).astype(np.int64) // 7 + 1,
    )
    return np.stack(features).astype(np.float32)


def stamps_ahead(time: Times, steps: int) -> Times:
    """The next stamps after those of a series.

    Stamps that are so many calendar months apart continue so: the last day of a month is followed by the last
    of another, and a day that a month does not have becomes its last one.

    Parameters
    ----------
    time : datetime64[s] array, shape (time,)
        Evenly spaced, as in a series.
    steps : int

    Returns
    -------
    datetime64[s] array, shape (steps,)

    Raises
    ------
    DataError
        When there are fewer than two stamps, which have no rhythm.
    """
    if len(time) < 2:
        raise DataError(f"a series of {len(time)} steps has no rhythm to continue; give two steps at least")
    count = np.arange(1, steps + 1)
    months = calendar_months(time)
    if months is None or len(np.unique(np.diff(months[0]))) > 1:
        return np.asarray(time[-1] + count * (time[-1] - time[-2]))
    number, rest = months
    ahead = (number[-1] + count * (number[-1] - number[-2])).astype("datetime64[M]")
    day = np.timedelta64(86400, "s")
    last_of_month = (ahead + 1).astype("datetime64[s]") - day + rest % day
    return np.asarray(np.minimum(ahead.astype("datetime64[s]") + rest, last_of_month))
