"""Scores with everything a reader needs to trust them, of labels and of forecasts, in files and tables."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from html import escape
from numbers import Real
from operator import index
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from tsrep.errors import DataError, RunError
from tsrep.evaluation.block_bootstrap import ENOUGH_BLOCKS
from tsrep.evaluation.bootstrap import Interval
from tsrep.evaluation.comparison import Difference
from tsrep.evaluation.forecasts.details import ForecastDetails, load_details, save_details
from tsrep.evaluation.headline import LOWER_IS_BETTER
from tsrep.evaluation.heads import Head
from tsrep.evaluation.heads.kept import FOLDER as HEADS
from tsrep.evaluation.heads.kept import keep_heads
from tsrep.evaluation.heads.settings import Keep
from tsrep.evaluation.predictions import Key, Predictions, load_predictions, save_predictions
from tsrep.files import write_text
from tsrep.text import in_a_line

if TYPE_CHECKING:
    from pandas import DataFrame

Role = Literal["method", "control", "baseline"]
RANDOM_INIT = "random initialisation"
SHOWN = ("auroc", "auprc", "f1", "accuracy", "mse", "mae", "mase")
_FORMAT = "tsrep.scores/3"
_IDENTITY = ("method", "protocol", "part", "unit", "fraction", "subsample_by", "horizon")


@dataclass(frozen=True)
class Score:
    """One method under one protocol, on one part of the split, in one unit.

    Attributes
    ----------
    method, protocol : str
        Such as ``"comet"`` and ``"probe"``.
    role : str
        ``"method"``: what was trained. ``"control"``: what it is compared with, the random initialisation of
        the same architecture. ``"baseline"``: what needs no encoder, such as the majority class or the
        seasonal naive forecast.
    metric : str
        Name of the primary metric, on which verdicts rest.
    part : str
        The part of the split that was scored.
    unit : str
        What is counted in ``n``: ``"record"`` (windows aggregated) or ``"window"``; of forecasts a window is
        an origin with its look-back and horizon.
    n, patients, classes_scored, blocks : int
        Units; patients and classes with both values in the scored part; of forecasts the whole blocks of time
        that the part has. 0 where there is no such thing.
    block_length : int
        Steps of a block; 0 where there are none.
    seeds : int
        Seeds whose mean the values are: encoders, or the label draws of a single one.
    metrics : dict of Interval
        With their 95 % intervals.
    spread : dict of float
        Standard deviation over seeds (n - 1); NaN with one seed.
    by_seed : dict of tuples of float
        The metrics of every seed.
    covers : str
        What the intervals cover: ``"patients"``, or blocks of time, and what seeds are of several: encoders,
        random initialisations or label draws.
    fraction : float
        Of the training labels.
    subsample_by : str
        What the fraction is of: ``"sample"``, ``"record"`` or ``"patient"``; ``"all"`` at 1.0.
    horizon : int
        Of a forecast, in steps; 0 for labels.
    n_bootstrap : int
        Bootstrap resamples.
    against : str
        The control that ``difference`` is from, or empty.
    difference : dict of Difference
        This method minus the control, on the same bootstrap resamples, with what the interval covers.
    of_head : dict of Interval
        What the first head that was fitted does with calibration, thresholds and prediction sets; see
        :class:`~tsrep.evaluation.heads.facts.Performance`. Empty where none is kept.
    details : dict of float
        What the protocol says besides: ``labelled`` and ``labelled_patients`` (samples with labels and their
        patients), ``alpha`` (penalty of the ridge), ``fitted`` and ``dropped`` (its training rows, and those
        left out for missing values), each a mean over seeds.
    notes : tuple of str
        What a reader should know of this score, a sentence each.
    title : str
        What reports call the protocol.
    data : str
        Whose the recordings or series are: ``"own data"`` of the encoder, or ``"other data"``.
    contamination : dict
        What the encoder has seen of the scored recordings; empty on its own data. See
        :class:`tsrep.runs.contamination.Contamination`.
    rank : int
        Of the protocol; of several the scores with the lowest rank stand for a run.
    """

    method: str
    role: Role
    protocol: str
    metric: str
    part: str
    unit: str
    n: int
    seeds: int
    metrics: dict[str, Interval]
    spread: dict[str, float]
    by_seed: dict[str, tuple[float, ...]] = field(default_factory=dict)
    covers: str = ""
    fraction: float = 1.0
    subsample_by: str = "all"
    horizon: int = 0
    patients: int = 0
    classes_scored: int = 0
    blocks: int = 0
    block_length: int = 0
    n_bootstrap: int = 1000
    against: str = ""
    difference: dict[str, Difference] = field(default_factory=dict)
    of_head: dict[str, Interval] = field(default_factory=dict)
    details: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    title: str = ""
    data: str = "own data"
    contamination: dict[str, Any] = field(default_factory=dict)
    rank: int = 100

    def __post_init__(self) -> None:
        for names, (wanted, read) in _READ.items():
            for name in names.split():
                value = getattr(self, name)
                try:
                    object.__setattr__(self, name, read(value))
                except (TypeError, ValueError, KeyError, AttributeError) as error:
                    raise DataError(
                        f"{name} of the score of {self.method!r} by {self.protocol!r} is {value!r:.80}; it "
                        f"must be {wanted}"
                    ) from error

    @property
    def value(self) -> float:
        """The primary metric; NaN where it is not defined."""
        return self.metrics[self.metric].value if self.metric in self.metrics else math.nan

    @property
    def gain(self) -> Difference | None:
        """The primary metric minus that of the control.

        None where there is no such difference, or records are scored that the encoder has seen, so that no
        verdict rests on it.
        """
        found = self.difference.get(self.metric)
        return None if found is None or math.isnan(found.value) or self.marked else found

    @property
    def marked(self) -> bool:
        """Whether records are scored all the same that the encoder has seen."""
        return bool(self.contamination.get("kept"))

    @property
    def called(self) -> str:
        """The method as tables call it, with a mark where it is scored on what it has seen."""
        return f"{self.method} †seen" if self.marked and self.role == "method" else self.method

    @property
    def unreliable(self) -> bool:
        """Whether the interval rests on too few blocks of time to be relied on."""
        return bool(self.block_length) and self.blocks < ENOUGH_BLOCKS

    @property
    def lower_is_better(self) -> bool:
        """Whether the primary metric is an error."""
        return self.metric in LOWER_IS_BETTER

    @property
    def identity(self) -> tuple[Any, ...]:
        """What no two scores of a run share."""
        return tuple(getattr(self, name) for name in _IDENTITY)

    @property
    def key(self) -> Key:
        """Where its predictions are kept in :attr:`Scores.predictions`."""
        return self.method, self.protocol, self.fraction, self.subsample_by, self.part


@dataclass(frozen=True, eq=False)
class Scores:
    """All scores of an evaluation, with what figures are drawn from.

    Attributes
    ----------
    scores : tuple of Score
    predictions : dict of Predictions
        Of records, averaged over seeds, by (method, protocol, fraction, subsample_by, part); kept for the
        largest fraction of labels.
    forecasts : dict of ForecastDetails
        Of each part that was forecast.
    heads : dict of Head
        By name; of each protocol that fits one for a method.
    notes : tuple of str
        What a reader should know of all of them, such as a baseline that was left out.
    """

    scores: tuple[Score, ...] = ()
    predictions: dict[Key, Predictions] = field(default_factory=dict)
    forecasts: dict[str, ForecastDetails] = field(default_factory=dict)
    heads: dict[str, Head] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

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
        )

    def with_head(self, head: Head) -> Scores:
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
            entries, notes = list(content["scores"]), tuple(content["notes"])
        except (ValueError, KeyError, TypeError) as error:
            raise RunError(
                f"scores.json is not readable as {_FORMAT} ({error}); restore it from a copy, or move it "
                "elsewhere and evaluate the run again"
            ) from error
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
        if self.heads:
            keep_heads(self.heads, folder / HEADS, keep)
        if self.predictions:
            save_predictions(folder / "predictions.npz", self.predictions)
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
        scores = cls.from_json(path.read_text(encoding="utf-8"))
        predictions, forecasts = folder / "predictions.npz", folder / "forecasts.npz"
        return replace(
            scores,
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
        shown = metrics or self.metrics
        against = next((s.against for s in self if s.difference), "")
        columns = {
            "labels": any(s.patients for s in self),
            "horizon": bool(self.horizons),
            "patients": any(s.patients for s in self),
            "blocks": any(s.blocks for s in self),
            "alpha": any("alpha" in s.details for s in self),
        }
        rows = []
        for s in self:
            cells = {
                "method": s.called,
                "protocol": s.protocol, "labels": _labels(s), "horizon": str(s.horizon),
                "part": s.part, "unit": s.unit, "seeds": str(s.seeds), "n": str(s.n),
                "patients": str(s.patients), "blocks": _blocks(s), **{m: _spell(s, m) for m in shown},
                "alpha": f"{s.details.get('alpha', math.nan):g}".replace("nan", "–"),
                f"{s.metric} minus {against}" if against else "": _spell(s, s.metric, difference=True),
            }  # fmt: skip
            rows.append({name: text for name, text in cells.items() if name and columns.get(name, True)})
        header = list(dict.fromkeys(name for row in rows for name in row))
        return [header, *([row.get(name, "–") for name in header] for row in rows)]

    def to_frame(self) -> DataFrame:
        """A row for each score: what it is of, each metric with the ends of its interval, and the gain.

        Columns of a metric are ``auroc``, ``auroc_low`` and ``auroc_high``; ``gain``, ``gain_low``,
        ``gain_high`` and ``gain_p`` are of the primary metric, which ``metric`` names.
        """
        import pandas as pd

        return pd.DataFrame([_row(score) for score in self])

    def __repr__(self) -> str:
        return in_a_line("Scores", self._facts)

    def _repr_html_(self) -> str:
        header, *rows = self.to_table()
        head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
        body = "".join(f"<tr>{''.join(f'<td>{escape(c)}</td>' for c in row)}</tr>" for row in rows)
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"

    @property
    def _facts(self) -> dict[str, str]:
        protocols = dict.fromkeys(score.protocol for score in self)
        parts = dict.fromkeys(score.part for score in self)
        return {
            "scores": f"{len(self)}",
            "methods": " | ".join(self.methods),
            "protocols": " | ".join(protocols),
            "part": " | ".join(parts),
        }

    def to_markdown(self, metrics: Sequence[str] = ()) -> str:
        """The table in Markdown, notes below it."""
        header, *rows = self.to_table(metrics)
        lines = ["| " + " | ".join(line) + " |" for line in [header, ["---"] * len(header), *rows]]
        return "\n".join([*lines, *(f"\n{note}" for note in self.notes)]) + "\n"


def _row(score: Score) -> dict[str, Any]:
    """A score as columns."""
    row = {name: getattr(score, name) for name in (*_IDENTITY, "role", "metric", "seeds", "n", "patients")}
    for name, found in score.metrics.items():
        row |= {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}
    if (gain := score.gain) is not None:
        row |= {"gain": gain.value, "gain_low": gain.low, "gain_high": gain.high, "gain_p": gain.p}
    return row


def drawn_labels(score: Score) -> str:
    """How many labels the protocol was given, which of rare classes are more than the fraction asks for.

    Returns
    -------
    str
        ``"48 samples of 12 patients"``, a mean over draws; empty where there are no labels.
    """
    if "labelled" not in score.details:
        return ""
    samples, patients = (round(score.details[name]) for name in ("labelled", "labelled_patients"))
    return f"{samples:,} samples of {patients:,} patients"


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


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _role(value: Any) -> str:
    if value not in get_args(Role):
        raise ValueError
    return _text(value)


def _count(value: Any) -> int:
    if isinstance(value, bool) or index(value) < 0:
        raise ValueError
    return index(value)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, Real | None) or math.isinf(value or 0):
        raise TypeError
    return math.nan if value is None else float(value)


def _interval(value: Any) -> Interval:
    ends = value if isinstance(value, Mapping) else asdict(value)
    return Interval(*(_number(ends[end]) for end in ("value", "low", "high")))


def _difference(value: Any) -> Difference:
    given = dict(value if isinstance(value, Mapping) else asdict(value))
    read: dict[str, Any] = {"covers": _text(given.pop("covers", ""))}
    read |= {name: _count(given.pop(name, 1)) for name in ("seeds", "against_seeds")}
    read |= {name: _number(number) for name, number in given.items()}
    return Difference(**read)


def _by_name(read: Callable[[Any], Any]) -> Callable[[Any], dict[str, Any]]:
    return lambda values: {_text(key): read(value) for key, value in values.items()}


_READ: Mapping[str, tuple[str, Callable[[Any], Any]]] = {
    "method protocol metric part unit subsample_by against covers title data": ("a text", _text),
    "role": ("one of method, control and baseline", _role),
    "n seeds horizon patients classes_scored blocks block_length n_bootstrap": (
        "a whole number from 0",
        _count,
    ),
    "rank": ("a whole number", index),
    "fraction": ("a number", _number),
    "metrics of_head": ("an interval (value, low, high) by metric", _by_name(_interval)),
    "difference": ("a difference (value, low, high, p and what it covers) by metric", _by_name(_difference)),
    "spread details": ("a finite or missing number by name", _by_name(_number)),
    "by_seed": ("a list of numbers by metric", _by_name(lambda values: tuple(map(_number, values)))),
    "contamination": ("facts by name", lambda facts: {_text(name): facts[name] for name in facts}),
    "notes": ("a list of sentences", lambda notes: tuple(_text(note) for note in _listed(notes))),
}


def _listed(values: Any) -> list[Any] | tuple[Any, ...]:
    if not isinstance(values, list | tuple):
        raise TypeError
    return values


def _labels(score: Score) -> str:
    share = f"{100 * score.fraction:g} %" + (f" by {score.subsample_by}" if score.fraction < 1 else "")
    return f"{share}: {drawn}" if (drawn := drawn_labels(score)) else share


def _blocks(score: Score) -> str:
    return f"{score.blocks}, interval unreliable" if score.unreliable else str(score.blocks)


def _spell(score: Score, metric: str, *, difference: bool = False) -> str:
    found = (score.difference if difference else score.metrics).get(metric)
    if found is None or math.isnan(found.value):
        return "–"
    form = f"{'+' if difference else ''}.{4 if metric in LOWER_IS_BETTER and score.horizon else 3}f"
    ends = "[–]" if math.isnan(found.low) else f"[{found.low:{form}}, {found.high:{form}}]"
    return f"{found.value:{form}} {ends}"
