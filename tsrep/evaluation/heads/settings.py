"""What a head is given besides its weights, as a user sets it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal

from tsrep.errors import ConfigError, DataError
from tsrep.signals.panel import Panel

Keep = Literal["best", "all", "none"]
CalibrationKind = Literal["temperature", "vector", "isotonic", "none"]


@dataclass(frozen=True)
class HeadSettings:
    """How heads are calibrated and decide.

    Attributes
    ----------
    calibration : {"temperature", "vector", "isotonic", "none"}
    thresholds : str or None
        Rule, see :class:`~tsrep.evaluation.heads.rules.Rule`; None is ``"f1"`` where samples may have
        several classes and the most probable class otherwise.
    coverage : float
        Of prediction sets.
    """

    calibration: CalibrationKind = "temperature"
    thresholds: str | None = None
    coverage: float = 0.9

    def refuse_unfit(self, panel: Panel) -> None:
        """Check that heads for the classes of a panel can be made.

        Raises
        ------
        ConfigError
            When there are thresholds for three exclusive classes or more.
        DataError
            When the names of two classes differ in blanks at their ends only.
        """
        classes = len(panel.classes)
        if self.thresholds is not None and not panel.multilabel and classes > 2:
            raise ConfigError(
                f"evaluation.thresholds is {self.thresholds}, and of {classes} exclusive classes the most "
                "probable one is decided on; leave it out"
            )
        name, count = Counter(each.strip() for each in panel.classes).most_common(1)[0]
        if count > 1:
            raise DataError(f"{count} classes are called {name!r}, apart from blanks; rename them")
