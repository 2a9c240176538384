"""Time stamps that go on in the rhythm of a series."""

from __future__ import annotations

import numpy as np

from tsrep.errors import DataError
from tsrep.signals.series import Times

DAY = np.timedelta64(86400, "s")


def stamps_ahead(time: Times, steps: int) -> Times:
    """The next stamps after those of a series.

    Stamps that are so many calendar months apart go on so: the last day of a month is followed by the last
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
        raise DataError(f"a series of {len(time)} steps has no rhythm to go on in; give two steps at least")
    count = np.arange(1, steps + 1)
    result: Times = time[-1] + count * (time[-1] - time[-2])
    for shift in (0 * DAY, DAY):
        months = (time + shift).astype("datetime64[M]")
        rest, jump = time - months.astype("datetime64[s]"), np.diff(months.astype(np.int64))
        if jump[0] > 0 and (jump == jump[0]).all() and (rest == rest[0]).all():
            ahead = months[-1] + count * jump[0]
            last = (ahead + 1).astype("datetime64[s]") - DAY + rest[0] % DAY
            result = np.minimum(ahead.astype("datetime64[s]") + rest[0], last)
            break
    return result
