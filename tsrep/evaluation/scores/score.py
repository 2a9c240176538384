"""One score with everything a reader needs to trust it, of labels or of forecasts."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from tsrep.evaluation.block_bootstrap import ENOUGH_BLOCKS
from tsrep.evaluation.bootstrap import Interval
from tsrep.evaluation.difference import Difference
from tsrep.evaluation.headline import LOWER_IS_BETTER
from tsrep.evaluation.predictions import Key
from tsrep.evaluation.scores.fields import Role, read_fields

RANDOM_INIT = "random initialisation"
IDENTITY = ("method", "protocol", "part", "unit", "fraction", "subsample_by", "horizon", "target")


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
    target : str
        Of a regression what is predicted, with its unit: ``"age (years)"``; empty for labels and forecasts.
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
    target: str = ""
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
        for name, read in read_fields(self):
            object.__setattr__(self, name, read)

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
        return tuple(getattr(self, name) for name in IDENTITY)

    @property
    def key(self) -> Key:
        """Where its predictions are kept in :attr:`Scores.predictions`."""
        return self.method, self.protocol, self.fraction, self.subsample_by, self.part


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
