"""Calendar features of time stamps."""

from __future__ import annotations

import numpy as np

from tsrep.signals.panel import Floats
from tsrep.signals.series import Times

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
