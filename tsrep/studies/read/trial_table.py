"""The trials of a study as one table with a row for each ticket, whatever happened to it on the way."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tsrep.studies.keep.tickets import stands

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.study import Study
    from optuna.trial import FrozenTrial

Array = NDArray[Any]
Choice = str | float | int | bool | None
State = Literal["complete", "pruned", "failed"]
_RANK = {"complete": 0, "pruned": 1, "failed": 2}
FIXED = (
    "ticket", "number", "state", "value", "seconds", "overhead", "origin", "parameters", "why",
)  # fmt: skip


@dataclass(frozen=True)
class Axis:
    """A parameter that is searched.

    Attributes
    ----------
    name : str
        Dotted path in the config, such as ``"objective.weight"``, or the name of a factor.
    kind : {"categorical", "float", "int"}
    choices : tuple
        Of a categorical axis, in the order of the figures; ``None`` may be one of them.
    low, high : float
        Range of a numeric axis.
    log : bool
        Whether the range is searched on a logarithmic scale.
    """

    name: str
    kind: Literal["categorical", "float", "int"]
    choices: tuple[Choice, ...] = ()
    low: float = math.nan
    high: float = math.nan
    log: bool = False

    @property
    def categorical(self) -> bool:
        """Whether its values are levels and not numbers."""
        return self.kind == "categorical"


@dataclass(frozen=True)
class TrialTable:
    """The trials of a study.

    Attributes
    ----------
    study, question : str
    axes : tuple of Axis
    frame : DataFrame
        A row for each ticket in the order of ``ticket``: ``ticket``, ``number`` (of the trial in the
        storage), ``state`` (``"complete"``, ``"pruned"`` or ``"failed"``), ``value`` (NaN unless
        complete), ``seconds`` of training, ``overhead`` in seconds, ``origin`` (``"sampled"`` or
        ``"preset:NAME"``), ``parameters`` (count of weights), ``why`` (of a failure), a column for each axis
        (NaN where the axis is not active) and ``task:NAME`` for each task.
    maximise : bool
    value_name : str
    tasks : tuple of str
    baseline : float or None
        The baseline on the scale of ``value``; 1 for errors relative to a baseline.
    intermediate : DataFrame
        ``ticket``, ``step`` and ``value`` as reported while a trial ran.
    """

    study: str
    question: str
    axes: tuple[Axis, ...]
    frame: pd.DataFrame
    maximise: bool
    value_name: str
    tasks: tuple[str, ...]
    baseline: float | None
    intermediate: pd.DataFrame

    @property
    def relative(self) -> bool:
        """Whether values are errors relative to a baseline, so that their ratios are what counts."""
        values = self.complete["value"]
        return not self.maximise and self.baseline == 1.0 and bool((values > 0).all())

    @cached_property
    def complete(self) -> pd.DataFrame:
        """Rows of complete trials in the order of tickets, with a fresh index."""
        return self.frame[self.frame["state"] == "complete"].reset_index(drop=True)

    @property
    def best_first(self) -> pd.DataFrame:
        """Rows of complete trials, the best first; of equal ones the earlier first."""
        found = self.complete
        order = np.argsort(self.loss(found["value"].to_numpy(float)), kind="stable")
        return found.iloc[order].reset_index(drop=True)

    def loss(self, value: Any) -> Any:
        """Values turned so that smaller is better."""
        return -value if self.maximise else value

    def count(self, state: State) -> int:
        """Tickets that ended in a state."""
        return int((self.frame["state"] == state).sum())

    def axis(self, name: str) -> Axis:
        """The axis of a name."""
        return next(axis for axis in self.axes if axis.name == name)

    def active(self, axis: Axis, rows: pd.DataFrame | None = None) -> Array:
        """Whether the axis was searched, for each row (by default of the complete trials)."""
        column = (self.complete if rows is None else rows)[axis.name]
        return np.array([not _inactive(value, axis) for value in column], bool)

    def numbers(self, axis: Axis, rows: pd.DataFrame | None = None) -> Array:
        """Values of a numeric axis, NaN where it is not active."""
        return np.asarray((self.complete if rows is None else rows)[axis.name], np.float64)

    def labels(self, axis: Axis, rows: pd.DataFrame | None = None) -> Array:
        """Names of the levels of a categorical axis, empty where it is not active."""
        column = (self.complete if rows is None else rows)[axis.name]
        return np.array(["" if _inactive(v, axis) else level_name(v) for v in column], object)

    def levels(self, axis: Axis, rows: pd.DataFrame | None = None) -> list[str]:
        """Levels of a categorical axis that have a row, in the order of its choices."""
        met = {label for label in self.labels(axis, rows) if label}
        known = [level_name(choice) for choice in axis.choices]
        return [name for name in known if name in met] + sorted(met - set(known))


def trial_table(
    study: Study,
    *,
    axes: Sequence[Axis] | None = None,
    name: str | None = None,
    question: str = "",
    value_name: str = "value",
    baseline: float | None = None,
    tasks: Sequence[str] | None = None,
) -> TrialTable:
    """Make the table of an Optuna study.

    Parameters
    ----------
    study : optuna.Study
        Its trials have the user attributes ``ticket``, ``origin``, ``seconds``, ``overhead``, ``parameters``,
        ``why``, ``duplicate`` and ``tasks`` (a mapping of task to value), as far as they came.
    axes : sequence of Axis, optional
        By default those that its trials were suggested, in the order in which they came.
    name : str, optional
        By default the study's own.
    question, value_name : str
    baseline : float, optional
    tasks : sequence of str, optional
        By default those that trials have values of.

    Returns
    -------
    TrialTable
        Of several trials with one ticket the complete one counts, else the pruned, else the last failed
        one; a complete trial that is marked as duplicate gives way to the other. Tickets that wait or run,
        for the first time or again, are left out, as are trials without a ticket where others have one. Of
        several objectives the first is the value. A complete trial whose value is not finite counts as
        failed.
    """
    rows = _one_a_ticket(study.get_trials(deepcopy=False))
    found = tuple(axes) if axes is not None else _axes([trial for _, trial in rows])
    named = tuple(tasks) if tasks is not None else _tasks([trial for _, trial in rows])
    table = [_row(ticket, trial, found, named) for ticket, trial in rows]
    columns = [*FIXED, *(axis.name for axis in found), *(f"task:{task}" for task in named)]
    frame = pd.DataFrame({c: _column([row[c] for row in table], c, found) for c in columns})
    reported = [
        (ticket, step, value)
        for ticket, trial in rows
        for step, value in sorted(trial.intermediate_values.items())
    ]
    intermediate = pd.DataFrame(reported, columns=["ticket", "step", "value"])
    return TrialTable(
        study=name or study.study_name,
        question=question,
        axes=found,
        frame=frame,
        maximise=study.directions[0].name == "MAXIMIZE",
        value_name=value_name,
        tasks=named,
        baseline=baseline,
        intermediate=intermediate.astype({"ticket": int, "step": int, "value": float}),
    )


def level_name(value: Choice) -> str:
    """How a level is called in tables and figures."""
    if value is None:
        return "none"
    if isinstance(value, bool | np.bool_):
        return "on" if value else "off"
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(value)


def _inactive(value: Any, axis: Axis) -> bool:
    if value is None:
        return None not in axis.choices
    return isinstance(value, float) and math.isnan(value)


def _one_a_ticket(trials: Iterable[FrozenTrial]) -> list[tuple[int, FrozenTrial]]:
    """The trial that counts for each ticket, in the order of tickets."""
    ended = [trial for trial in trials if trial.state.is_finished()]
    ticketed = [trial for trial in ended if "ticket" in trial.user_attrs]
    best: dict[int, FrozenTrial] = {}
    for trial in filter(stands, ticketed) if ticketed else ended:
        ticket = int(trial.user_attrs.get("ticket", trial.number))
        if ticket not in best or _claim(trial) < _claim(best[ticket]):
            best[ticket] = trial
    return sorted(best.items())


def _claim(trial: FrozenTrial) -> tuple[int, bool, int]:
    """Smaller wins the ticket."""
    state = _state(trial)
    return (
        _RANK[state],
        bool(trial.user_attrs.get("duplicate")),
        -trial.number if state == "failed" else trial.number,
    )


def _state(trial: FrozenTrial) -> State:
    if trial.state.name == "COMPLETE":
        return "complete" if math.isfinite(trial.values[0]) else "failed"
    return "pruned" if trial.state.name == "PRUNED" else "failed"


def _row(ticket: int, trial: FrozenTrial, axes: Sequence[Axis], tasks: Sequence[str]) -> dict[str, Any]:
    told, state = trial.user_attrs, _state(trial)
    why = str(told.get("why") or "") if state == "failed" else ""
    if state == "failed" and trial.state.name == "COMPLETE":
        why = f"the value is {trial.values[0]}"
    of_task = told.get("tasks") or {}
    return {
        "ticket": ticket,
        "number": trial.number,
        "state": state,
        "value": float(trial.values[0]) if state == "complete" else math.nan,
        "seconds": _number(told.get("seconds")),
        "overhead": _number(told.get("overhead")),
        "origin": str(told.get("origin") or "sampled"),
        "parameters": _number(told.get("parameters")),
        "why": why,
        **{axis.name: trial.params.get(axis.name, math.nan) for axis in axes},
        **{f"task:{task}": _number(of_task.get(task)) for task in tasks},
    }


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)


def _column(values: list[Any], name: str, axes: Sequence[Axis]) -> pd.Series:
    levels = {axis.name for axis in axes if axis.categorical}
    kinds: dict[str, Any] = {"ticket": int, "number": int, "state": object, "origin": object, "why": object}
    return pd.Series(values, dtype=object if name in levels else kinds.get(name, float))


def _tasks(trials: Iterable[FrozenTrial]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(task for trial in trials for task in trial.user_attrs.get("tasks") or {}))


def _axes(trials: Iterable[FrozenTrial]) -> tuple[Axis, ...]:
    found = {name: _axis(name, d) for trial in trials for name, d in trial.distributions.items()}
    return tuple(found.values())


def _axis(name: str, distribution: BaseDistribution) -> Axis:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(distribution, CategoricalDistribution):
        return Axis(name, "categorical", tuple(distribution.choices))
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    kind: Literal["float", "int"] = "int" if isinstance(distribution, IntDistribution) else "float"
    return Axis(name, kind, low=distribution.low, high=distribution.high, log=distribution.log)
