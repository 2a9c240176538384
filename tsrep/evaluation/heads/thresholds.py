"""Thresholds of decisions."""

from __future__ import annotations

from tsrep.evaluation.heads.facts import Facts


class Threshold(Facts):
    """From which calibrated probability on a class is decided on.

    Attributes
    ----------
    value : float
        Above one where the class is never decided on.
    rule : str
        That was applied: ``"f1"``, ``"sensitivity=0.95"``; ``"0.5"`` where the class had too few positives.
    part : str
        That it was chosen on; empty for a value that was given.
    positives : int
        Records of that part with the class.
    low, high : float or None
        95 % interval over patients.
    """

    value: float
    rule: str
    part: str = ""
    positives: int = 0
    low: float | None = None
    high: float | None = None


class Thresholds(Facts):
    """One threshold for each class."""

    classes: tuple[Threshold, ...]
