"""Rules that divide a series into training, validation and test parts in the order of time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from tsrep.errors import SplitError
from tsrep.registry import SPLITS
from tsrep.signals.panel import digest_of
from tsrep.signals.series import Series, Span
from tsrep.splits.split import PARTS, SplitRule


@dataclass(frozen=True)
class TimeSplit:
    """Three parts of a series that follow each other, as (first step, step after the last).

    Attributes
    ----------
    train, validation, test : (int, int)
    how : str
        The rule that made it, for reports.
    counts : dict
        Per part: ``steps``, and its first and last time stamp.
    digest : str
        Hash of the three parts and their stamps.
    """

    train: Span
    validation: Span
    test: Span
    how: str
    counts: dict[str, dict[str, Any]]
    digest: str

    @property
    def facts(self) -> dict[str, Any]:
        """What ``split.json`` keeps."""
        return {name: getattr(self, name) for name in ("how", "digest", "counts")}

    @classmethod
    def make(cls, series: Series, train: Span, validation: Span, test: Span, *, how: str) -> TimeSplit:
        """Check a division and describe it.

        Raises
        ------
        SplitError
            When a part is empty, two parts overlap, the test part is not the latest, or a part leaves the
            series.
        """
        parts = dict(zip(PARTS, (train, validation, test), strict=True))
        before = 0
        for name, (start, stop) in parts.items():
            if start >= stop:
                raise SplitError(f"the {name} part of the split ({how}) is empty; give it some steps")
            if start < before:
                raise SplitError(
                    f"the {name} part of the split ({how}) starts at step {start}, before step {before} "
                    "where the one in front of it ends; parts follow each other in time"
                )
            if stop > len(series):
                raise SplitError(
                    f"the {name} part of the split ({how}) ends at step {stop}, but the series has "
                    f"{len(series)} steps; choose shorter parts"
                )
            before = stop
        counts = {
            name: {
                "steps": stop - start,
                "first": str(series.time[start]),
                "last": str(series.time[stop - 1]),
            }
            for name, (start, stop) in parts.items()
        }
        return cls(**parts, how=how, counts=counts, digest=digest_of(parts, counts))


@SPLITS.register("chronological")
@dataclass
class Chronological(SplitRule):
    """The first part trains, the next one validates, the rest tests.

    Parameters
    ----------
    train, validation : float
        Fractions of the steps. The usual forecasting benchmarks have .7 and .1, TS2Vec and AutoTCL .6 and .2.
    """

    task: ClassVar[str] = "series"

    train: Annotated[float, Field(gt=0, lt=1)] = 0.7
    validation: Annotated[float, Field(gt=0, lt=1)] = 0.1

    def __call__(self, series: Series) -> TimeSplit:
        """Split by position.

        Raises
        ------
        SplitError
            When a part is empty.
        """
        n = len(series)
        slack = 1e-6  # 0.7 * 1440 is below 1008 in floating point
        one, two = int(self.train * n + slack), n - int((1 - self.train - self.validation) * n + slack)
        how = f"in order of time, {self.train:g} / {self.validation:g} / rest"
        return TimeSplit.make(series, (0, one), (one, two), (two, n), how=how)


@SPLITS.register("ett-months")
@dataclass
class EttMonths(SplitRule):
    """The split of all ETT results; what follows is not used.

    Parameters
    ----------
    train, validation, test : int
        Months of 30 days.

    References
    ----------
    Zhou et al., "Informer", AAAI 2021.
    """

    task: ClassVar[str] = "series"

    train: Annotated[int, Field(gt=0)] = 12
    validation: Annotated[int, Field(gt=0)] = 4
    test: Annotated[int, Field(gt=0)] = 4

    def __call__(self, series: Series) -> TimeSplit:
        """Split by days.

        Raises
        ------
        SplitError
            When the series is too short.
        """
        months = (self.train, self.validation, self.test)
        one, two, three = np.cumsum(months) * round(30 * 86400 / series.step_seconds)
        how = f"{' / '.join(map(str, months))} months of 30 days"
        return TimeSplit.make(series, (0, int(one)), (int(one), int(two)), (int(two), int(three)), how=how)
