"""What a head is given besides its weights, as a user sets it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Keep = Literal["best", "all", "none"]
CalibrationKind = Literal["temperature", "vector", "isotonic", "none"]


@dataclass(frozen=True)
class HeadSettings:
    """How heads are calibrated and decide.

    Attributes
    ----------
    calibration : {"temperature", "vector", "isotonic", "none"}
    thresholds : str or None
        Rule, see :class:`~tsrep.evaluation.heads.thresholds.Rule`; None is ``"f1"`` where samples may have
        several classes and the most probable class otherwise.
    coverage : float
        Of prediction sets.
    """

    calibration: CalibrationKind = "temperature"
    thresholds: str | None = None
    coverage: float = 0.9
