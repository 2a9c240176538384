"""All scores of an evaluation, in files and tables."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tsrep.errors import DataError, RunError
from tsrep.evaluation.forecasts.details import ForecastDetails, load_details, save_details
from tsrep.evaluation.heads.settings import Keep
from tsrep.evaluation.predictions import Key, Predictions, load_predictions, save_predictions
from tsrep.evaluation.scores.score import Score
from tsrep.evaluation.scores.table import as_html, columns_of, table_of
from tsrep.evaluation.targets.values import Key as TargetKey
from tsrep.evaluation.targets.values import Values, load_values, save_values
from tsrep.files import write_text
from tsrep.reading import readable, refuse_other_format
from tsrep.text import in_a_line

if TYPE_CHECKING:
    from pandas import DataFrame

    from tsrep.evaluation.heads.kept_head import KeptHead

SHOWN = ("auroc", "auprc", "f1", "accuracy", "mse", "mae", "mase", "r2", "pearson")
_FORMAT = "tsrep.scores/3"


@dataclass(frozen=True, eq=False)
class Scores:
    """All scores of an evaluation, with what figures are drawn from.

    Attributes
    ----------
    scores : tuple of Score
    predictions : dict of Predictions
        Of records, averaged over seeds, by (method, protocol, fraction, subsample_by, part), those of a
        method with what they are the mean of; kept for the largest fraction of labels.
    values : dict of Values
        Of records, of each target, likewise.
    forecasts : dict of ForecastDetails
        Of each part that was forecast.
    heads : dict of KeptHead
        By name; of each protocol that fits one for a method.
    notes : tuple of str
        What a reader should know of all of them, such as a baseline that was left out.
    """

    scores: tuple[Score, ...] = ()
    predictions: dict[Key, Predictions] = field(default_factory=dict)
    forecasts: dict[str, ForecastDetails] = field(default_factory=dict)
    heads: dict[str, KeptHead] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    values: dict[TargetKey, Values] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Score]:
        return iter(self.scores)

    def __len__(self) -> int:
        return len(self.scores)

    def __add__(self, other: Scores) -> Scores:
        return Scores(
            self.scores + other.scores,
            self.predictions | other.predictions,
            self.forecasts | other.forecasts,
            self.heads | other.heads,
            tuple(dict.fromkeys(self.notes + other.notes)),
            self.values | other.values,
        )

    def with_head(self, head: KeptHead) -> Scores:
        """With a head, where it can be kept, and what it says a reader should know."""
        why = head.unkept
        heads = self.heads if why else self.heads | {head.name: head}
        told = (f"Head {head.name} is not kept: {why}.",) if why else head.notes
        return replace(self, heads=heads, notes=tuple(dict.fromkeys(self.notes + told)))

    @property
    def methods(self) -> tuple[str, ...]:
        """Names of all methods, controls and baselines, in order."""
        return tuple(dict.fromkeys(score.method for score in self))

    @property
    def horizons(self) -> tuple[int, ...]:
        """Of the forecasts, in steps, in order."""
        return tuple(dict.fromkeys(score.horizon for score in self if score.horizon))

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics that tables show, as far as there are any."""
        return tuple(name for name in SHOWN if any(name in score.metrics for score in self))

    def where(self, **wanted: Any) -> Scores:
        """The scores whose attributes have the given values, such as ``unit="record"``."""
        kept = (s for s in self if all(getattr(s, name) == value for name, value in wanted.items()))
        return replace(self, scores=tuple(kept))

    def mean(self, method: str, metric: str) -> float:
        """Mean of a metric over the scores of a method, such as its horizons; NaN where one is undefined.

        Raises
        ------
        RunError
            When there is no such method.
        """
        found = [score.metrics[metric].value for score in self if score.method == method]
        if not found:
            raise RunError(f"there are no scores of {method!r}; there are {', '.join(self.methods)}")
        return math.fsum(found) / len(found)

    def updated(self, new: Scores) -> Scores:
        """These scores with those that were scored again replaced, and what is new added."""
        again = {score.identity for score in new}
        kept = replace(self, scores=tuple(s for s in self if s.identity not in again))
        return replace(kept + new, notes=new.notes or self.notes)

    def to_json(self) -> str:
        """The scores and notes (not predictions and forecasts) as JSON; NaN becomes null."""
        content = {"format": _FORMAT, "notes": self.notes, "scores": [asdict(score) for score in self]}
        return json.dumps(nan_to_none(content), indent=1, allow_nan=False)

    @classmethod
    def from_json(cls, text: str, file: Path = Path("scores.json")) -> Scores:
        """The inverse of :meth:`to_json`.

        Parameters
        ----------
        text : str
        file : Path
            Where it was read from, for messages.

        Raises
        ------
        RunError
            When the text is not of this format.
        """
        with readable(file, "scores", "restore it from a copy, or move it elsewhere and evaluate again"):
            content = json.loads(text)
            refuse_other_format(file, content["format"], _FORMAT)
            entries, notes = list(content["scores"]), tuple(content["notes"])
        return cls(tuple(_score(number, entry) for number, entry in enumerate(entries, 1)), notes=notes)

    def save(self, folder: Path, keep: Keep = "best") -> None:
        """Write ``scores.json`` and, as far as there are any, predictions, forecasts and heads.

        Parameters
        ----------
        folder : Path
            Which gains ``predictions.npz``, ``forecasts.npz`` and the folder ``head``.
        keep : {"best", "all", "none"}
            Which heads; see :func:`~tsrep.evaluation.heads.kept.keep_heads`.
        """
        from tsrep.evaluation.heads.kept import FOLDER, keep_heads  # loads slowly, and reading needs none

        if self.heads:
            keep_heads(self.heads, folder / FOLDER, keep)
        if self.predictions:
            save_predictions(folder / "predictions.npz", self.predictions)
        if self.values:
            save_values(folder / "values.npz", self.values)
        if self.forecasts:
            save_details(folder / "forecasts.npz", self.forecasts)
        write_text(folder / "scores.json", self.to_json() + "\n")

    @classmethod
    def load(cls, folder: Path) -> Scores:
        """Read what :meth:`save` wrote; predictions and forecasts may be missing.

        Raises
        ------
        RunError
            When there are no scores, or a file cannot be read.
        """
        path = folder / "scores.json"
        if not path.exists():
            raise RunError(f"{folder} has no scores.json; evaluate the run first")
        with readable(path, "scores", "restore it from a copy, or move it elsewhere and evaluate again"):
            scores = cls.from_json(path.read_text(encoding="utf-8"), path)
        predictions, forecasts = folder / "predictions.npz", folder / "forecasts.npz"
        values = folder / "values.npz"
        return replace(
            scores,
            values=load_values(values) if values.exists() else {},
            predictions=load_predictions(predictions) if predictions.exists() else {},
            forecasts=load_details(forecasts) if forecasts.exists() else {},
        )

    def to_table(self, metrics: Sequence[str] = ()) -> list[list[str]]:
        """Rows of text, the first one the header; the last column is the primary metric against the control.

        Parameters
        ----------
        metrics : sequence of str
            Which to show; by default :attr:`metrics`.
        """
        return table_of(self, metrics or self.metrics)

    def to_frame(self) -> DataFrame:
        """A row for each score: what it is of, each metric with the ends of its interval, and the gain.

        Columns of a metric are ``auroc``, ``auroc_low`` and ``auroc_high``; ``gain``, ``gain_low``,
        ``gain_high`` and ``gain_p`` are of the primary metric, which ``metric`` names.
        """
        import pandas as pd

        return pd.DataFrame([columns_of(score) for score in self])

    def __repr__(self) -> str:
        return in_a_line("Scores", self._facts)

    def _repr_html_(self) -> str:
        return as_html(self.to_table())

    @property
    def _facts(self) -> dict[str, str]:
        """What to show of them."""
        told = {
            name: " | ".join(dict.fromkeys(getattr(s, name) for s in self)) for name in ("protocol", "part")
        }
        return {"scores": f"{len(self)}", "methods": " | ".join(self.methods), **told}

    def to_markdown(self, metrics: Sequence[str] = ()) -> str:
        """The table in Markdown, notes below it."""
        header, *rows = self.to_table(metrics)
        lines = ["| " + " | ".join(line) + " |" for line in [header, ["---"] * len(header), *rows]]
        return "\n".join([*lines, *(f"\n{note}" for note in self.notes)]) + "\n"


def nan_to_none(value: Any) -> Any:
    """The same nested values with None in place of NaN, which JSON does not have."""
    if isinstance(value, dict):
        return {key: nan_to_none(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [nan_to_none(inner) for inner in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def _score(number: int, entry: Any) -> Score:
    """A score of ``scores.json``, the first being number 1."""
    try:
        return Score(**entry)
    except (DataError, TypeError) as error:
        fault = str(error).replace("Score.__init__()", "it is")
        raise RunError(
            f"score {number} of scores.json cannot be read: {fault}; correct it, or restore the file from a "
            "copy"
        ) from error
