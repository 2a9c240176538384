"""Scores of predictions in files, by method and by class, with paired differences to controls."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from tsrep.evaluation.bootstrap import Interval
from tsrep.evaluation.difference import Difference
from tsrep.evaluation.predictions import Predictions
from tsrep.evaluation.scores import Score, Scores, nan_to_none
from tsrep.files import write_text
from tsrep.runs.contamination import Contamination
from tsrep.runs.score_file.matching import Counts

MACRO = "macro average"


@dataclass(frozen=True)
class ClassScore:
    """A class by itself.

    Attributes
    ----------
    name : str
    positives, patients : int
        Records with it, and their patients.
    metrics : dict of str to dict of Interval
        By method, then by metric; NaN where all records have the class or none has.
    """

    name: str
    positives: int
    patients: int
    metrics: Mapping[str, Mapping[str, Interval]]


@dataclass(frozen=True)
class Contrast:
    """The method minus a control, on the same resamples of patients.

    Attributes
    ----------
    control : str
    of : str
        A class, or ``"macro average"``.
    metric : str
    difference : Difference
    adjusted_p : float
        By Holm over all contrasts but the primary one, whose p value it is as it stands.
    primary : bool
        The macro average against the control that was named first.
    """

    control: str
    of: str
    metric: str
    difference: Difference
    adjusted_p: float
    primary: bool


@dataclass(frozen=True, eq=False)
class ScoredFiles:
    """All that was found.

    Attributes
    ----------
    scores : Scores
        Of the method and of each control.
    by_class : tuple of ClassScore
        Empty for two exclusive classes, which mirror each other.
    contrasts : tuple of Contrast
        The primary one first; empty without controls.
    classes : tuple of str
        Empty where a number is scored.
    counts : Counts
    files : dict of str to tuple of str
        Those of each method.
    contamination : Contamination
        Unknown, as only signals tell whether a model has seen a recording.
    """

    scores: Scores
    by_class: tuple[ClassScore, ...]
    contrasts: tuple[Contrast, ...]
    classes: tuple[str, ...]
    counts: Counts
    files: Mapping[str, tuple[str, ...]]
    contamination: Contamination

    @property
    def score(self) -> Score:
        """Of the method."""
        return self.scores.scores[0]

    @property
    def predictions(self) -> Predictions:
        """Those of the method, averaged over seeds."""
        return self.scores.predictions[self.score.key]

    def to_json(self) -> str:
        """All but the predictions; what ``scores.json`` of a run holds is under the same keys."""
        more = {
            "by_class": [asdict(each) for each in self.by_class],
            "contrasts": [asdict(each) for each in self.contrasts],
            "classes": self.classes,
            "records": asdict(self.counts),
            "files": dict(self.files),
            "contamination": self.contamination.plain(),
        }
        content = json.loads(self.scores.to_json()) | nan_to_none(more)
        return json.dumps(content, indent=1, allow_nan=False)

    def save(self, path: Path | str) -> None:
        """Write :meth:`to_json`, atomically."""
        write_text(Path(path), self.to_json() + "\n")
