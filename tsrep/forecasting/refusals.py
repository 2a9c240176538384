"""What cannot be trained to forecast, each in a sentence."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tsrep.errors import ConfigError
from tsrep.forecasting.heads.head import Head
from tsrep.registry import OBJECTIVES


def refuse_stride(lookback: int, stride: int) -> None:
    """Check that an encoder with steps of ``stride`` sees all of a look-back but for a rest.

    Raises
    ------
    ConfigError
        When it sees none of it, or one of its steps and no more.
    """
    if stride > lookback:
        raise ConfigError(
            f"a look-back of {lookback} steps is shorter than the {stride} of one step of the encoder; "
            "lengthen objective.lookback or choose another encoder"
        )
    if stride < lookback < 2 * stride:
        raise ConfigError(
            f"the encoder takes {stride} of the {lookback} steps of a look-back at once and would see no "
            "others; set both alike (encoder.length of an inverted transformer and objective.lookback)"
        )


def refuse_warm_start(head: Head) -> None:
    """Check that a head has a closed form.

    Raises
    ------
    ConfigError
        When it is more than one linear map.
    """
    if head.linear is None:
        raise ConfigError(
            "objective.warm_start fits the head in closed form, and objective.head is more than one linear "
            "map; use head flatten, last-state or per-variate without hidden, or set warm_start to false"
        )


def refuse_contrast(settings: Any, *, weight: float, frozen: bool) -> None:
    """Check that a contrast, or none, goes with its share of the loss and with the encoder.

    Parameters
    ----------
    settings : settings of an objective, or None

    Raises
    ------
    ConfigError
        When it needs labels, would teach nothing, or is missing where nothing else is learned.
    """
    if settings is None:
        if weight == 1:
            raise ConfigError(
                "objective.weight is 1 and there is no objective.contrast, so nothing is learned"
            )
        return
    if OBJECTIVES.entry(settings.name).cls.forecasts:
        raise ConfigError(
            f"objective.contrast cannot be {settings.name} itself; use one such as moco or ts2vec"
        )
    needs = OBJECTIVES.entry(settings.name).cls.needs_of(settings)
    if needs:
        raise ConfigError(
            f"objective.contrast {settings.name} needs a {' and a '.join(sorted(needs))} of every sample, "
            "which series do not have; use one such as moco or ts2vec"
        )
    if frozen and weight > 0:
        raise ConfigError(
            "objective.frozen leaves the encoder as it is, so a contrast would teach it nothing; set "
            "objective.weight to 0"
        )


@contextmanager
def refused_on_look_backs() -> Iterator[None]:
    """Name, where a contrast refuses what it is given, the settings that it has as part of a forecast.

    Raises
    ------
    ConfigError
    """
    try:
        yield
    except ConfigError as error:
        own = re.sub(r"\bobjective\.(?=\w)", "objective.contrast.", str(error))
        raise ConfigError(re.sub(r"\bwindow\.(steps|seconds)", "objective.lookback", own)) from error
