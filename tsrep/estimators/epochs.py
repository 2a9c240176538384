"""MNE Epochs at the door of an estimator."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

from tsrep.errors import DataError


@dataclass(frozen=True)
class Recorded:
    """What Epochs say besides values: rate in Hz, and names of the channels."""

    sfreq: float
    channels: tuple[str, ...]


def at_the_door(x: Any) -> tuple[Any, Recorded | None]:
    """Epochs as an array (epoch, channel, time) in volts with what they tell; anything else as it is.

    Data channels that are not marked as bad are taken.
    """
    mne = sys.modules.get("mne")
    if mne is None or not isinstance(x, mne.BaseEpochs):
        return x, None
    picked = x.copy().pick("data", exclude="bads")
    return picked.get_data(copy=False), Recorded(float(x.info["sfreq"]), tuple(picked.ch_names))


def refuse_other_recording(fitted: Recorded | None, given: Recorded | None) -> None:
    """Check that Epochs have the rate and the channels of those that an estimator was fitted on.

    Raises
    ------
    DataError
        Naming what differs; arrays tell nothing and pass.
    """
    if fitted is None or given is None:
        return
    if given.sfreq != fitted.sfreq:
        raise DataError(
            f"the epochs have a rate of {given.sfreq:g} Hz, the estimator was fitted at {fitted.sfreq:g} Hz; "
            "resample them"
        )
    if given.channels != fitted.channels:
        raise DataError(
            f"the epochs have the channels {', '.join(given.channels)}, the estimator was fitted on "
            f"{', '.join(fitted.channels)}; pick and order them alike"
        )
