"""Scores with everything a reader needs to trust them, and their form in files and tables."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from tsrep.errors import RunError
from tsrep.evaluation.bootstrap import Interval
from tsrep.evaluation.predictions import Key, Predictions, load_predictions, save_predictions
from tsrep.evaluation.score_json import intervals, nan_to_none, number, numbers
from tsrep.files import write_text

Unit = Literal["window", "record"]
_FORMAT = "tsrep.scores/1"


@dataclass(frozen=True)
class Score:
    """One method under one protocol, on one part of the split, in one unit.

    Attributes
    ----------
    method, protocol : str
        Such as ``"comet"`` and ``"probe"``.
    part : str
        The part of the split that was scored.
    unit : str
        ``"record"``, with windows aggregated, or ``"window"``.
    labels : float
        Fraction of the training labels.
    drawn_by : str
        What the fraction is of: ``"sample"``, ``"record"`` or ``"patient"``; ``"all"`` at 1.0.
    seeds : int
        Seeds whose mean the values are.
    n, patients, classes_scored : int
        Units, patients, and classes with both values in the scored part.
    metrics : dict of Interval
        95 % percentile intervals by bootstrap over patients.
    spread : dict of float
        Standard deviation over seeds (n - 1); NaN with one seed.
    resamples : int
        Of the bootstrap.
    labelled, labelled_patients : float
        Training samples with labels and their patients, mean over seeds; NaN where not told.
    against : str
        The control that ``difference`` is from, or empty.
    difference : dict of Interval
        This method minus the control, paired on the same resamples of patients.
    """

    method: str
    protocol: str
    part: str
    unit: Unit
    labels: float
    subsample_by: str
    seeds: int
    n: int
    patients: int
    classes_scored: int
    metrics: dict[str, Interval]
    spread: dict[str, float]
    n_bootstrap: int = 1000
    labelled: float = math.nan
    labelled_patients: float = math.nan
    against: str = ""
    difference: dict[str, Interval] = field(default_factory=dict)


@dataclass(frozen=True)
class Scores:
    """All scores of an evaluation, and the predictions to draw pictures from.

    Attributes
    ----------
    scores : tuple of Score
    predictions : dict of Predictions
        Of records, averaged over seeds, by (method, protocol, labels, drawn_by, part); kept for the largest
        fraction of labels.
    """

    scores: tuple[Score, ...] = ()
    predictions: dict[Key, Predictions] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Score]:
        return iter(self.scores)

    def __len__(self) -> int:
        return len(self.scores)

    def __add__(self, other: Scores) -> Scores:
        return Scores(self.scores + other.scores, self.predictions | other.predictions)

    def where(self, **wanted: Any) -> Scores:
        """The scores whose attributes have the given values, such as ``unit="record"``."""
        kept = (s for s in self.scores if all(getattr(s, name) == value for name, value in wanted.items()))
        return Scores(tuple(kept), self.predictions)

    def to_json(self) -> str:
        """The scores (not the predictions) as JSON; NaN becomes null."""
        content = {"format": _FORMAT, "scores": [asdict(score) for score in self.scores]}
        return json.dumps(nan_to_none(content), indent=1, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Scores:
        """The inverse of :meth:`to_json`.

        Raises
        ------
        RunError
            When the text is not of this format.
        """
        try:
            content = json.loads(text)
            if content["format"] != _FORMAT:
                raise ValueError(content["format"])
            return cls(tuple(_score(entry) for entry in content["scores"]))
        except (ValueError, KeyError, TypeError) as error:
            raise RunError(
                f"the scores are not readable as {_FORMAT} ({error}); "
                "remove scores.json and evaluate the run again"
            ) from error

    def save(self, folder: Path) -> None:
        """Write ``scores.json`` and ``predictions.npz``."""
        write_text(folder / "scores.json", self.to_json() + "\n")
        save_predictions(folder / "predictions.npz", self.predictions)

    @classmethod
    def load(cls, folder: Path) -> Scores:
        """Read what :meth:`save` wrote; predictions may be missing.

        Raises
        ------
        RunError
            When there are no scores.
        """
        path = folder / "scores.json"
        if not path.exists():
            raise RunError(f"{folder} has no scores.json; evaluate the run first")
        scores = cls.from_json(path.read_text())
        stored = folder / "predictions.npz"
        return cls(scores.scores, load_predictions(stored) if stored.exists() else {})

    def to_table(self, metrics: Sequence[str] = ("auroc", "auprc", "f1", "accuracy")) -> list[list[str]]:
        """Rows of text, the first one the header; the last column is the first metric against the control."""
        against = next((s.against for s in self.scores if s.difference), "")
        header = ["method", "protocol", "labels", "part", "unit", "seeds", "n", "patients", *metrics]
        rows = [header + ([f"{metrics[0]} minus {against}"] if against else [])]
        for s in self.scores:
            row = [s.method, s.protocol, _labels(s), s.part, s.unit, str(s.seeds), str(s.n), str(s.patients)]
            row += [_spell(s.metrics.get(name)) for name in metrics]
            rows.append(row + ([_spell(s.difference.get(metrics[0]), sign="+")] if against else []))
        return rows

    def to_markdown(self, metrics: Sequence[str] = ("auroc", "auprc", "f1", "accuracy")) -> str:
        """The table in Markdown."""
        header, *rows = self.to_table(metrics)
        lines = [header, ["---"] * len(header), *rows]
        return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def _labels(score: Score) -> str:
    share = f"{100 * score.labels:g} %"
    return share if score.subsample_by == "all" else f"{share} by {score.subsample_by}"


def _spell(interval: Interval | None, sign: str = "") -> str:
    if interval is None or math.isnan(interval.value):
        return "–"
    ends = f"[{interval.low:{sign}.3f}, {interval.high:{sign}.3f}]"
    return f"{interval.value:{sign}.3f} " + ("[–]" if math.isnan(interval.low) else ends)


def _score(entry: dict[str, Any]) -> Score:
    read: dict[str, Any] = {name: intervals(entry[name]) for name in ("metrics", "difference")}
    read |= {name: number(entry[name]) for name in ("labelled", "labelled_patients")}
    return Score(**{**entry, **read, "spread": numbers(entry["spread"])})
