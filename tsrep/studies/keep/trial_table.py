"""The trials of a study as a table: a row for each ticket, a column for each axis that was searched."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any, Literal

import numpy as np
import optuna
import pandas as pd
from optuna.trial import FrozenTrial

from tsrep.studies.define.definition import Definition
from tsrep.studies.define.ranges import Array, level_name
from tsrep.studies.define.space import Parameter, Space
from tsrep.studies.keep.tickets import stands

State = Literal["complete", "pruned", "failed"]
STATES: tuple[State, ...] = ("complete", "pruned", "failed")
FENCE = 3.0  # interquartile ranges beyond the worse quartile that are still plotted in place
FIXED = (
    "ticket", "number", "state", "value", "seconds", "overhead", "origin", "parameters", "why",
)  # fmt: skip


@dataclass(frozen=True)
class Scale:
    """Ends of the axis that values are plotted on; values worse than its end stand on the edge.

    Attributes
    ----------
    low, high : float
    beyond : int
        Values on the edge.
    """

    low: float
    high: float
    beyond: int

    def place(self, values: Array) -> Array:
        """Values with those beyond moved to just inside the edge."""
        pad = 0.02 * (self.high - self.low)
        return np.clip(values, self.low + pad, self.high - pad)


@dataclass(frozen=True)
class TrialTable:
    """The trials of a study.

    Attributes
    ----------
    study, question : str
    axes : tuple of Parameter
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
    axes: tuple[Parameter, ...]
    frame: pd.DataFrame
    maximise: bool
    value_name: str
    tasks: tuple[str, ...]
    baseline: float | None
    intermediate: pd.DataFrame

    @property
    def relative(self) -> bool:
        """Whether values are errors relative to a baseline, so that their ratios are what counts."""
        return not self.maximise and self.baseline == 1.0 and bool((self.complete["value"] > 0).all())

    @cached_property
    def complete(self) -> pd.DataFrame:
        """Rows of complete trials in the order of tickets, with a fresh index."""
        return self.frame[self.frame["state"] == "complete"].reset_index(drop=True)

    @cached_property
    def values(self) -> Array:
        """Of complete trials."""
        return np.asarray(self.complete["value"], np.float64)

    @cached_property
    def best_first(self) -> pd.DataFrame:
        """Rows of complete trials, the best first; of equal ones the earlier first."""
        return self.complete.sort_values(
            "value", ascending=not self.maximise, kind="stable", ignore_index=True
        )

    @cached_property
    def varied(self) -> tuple[Parameter, ...]:
        """Axes with at least two different values among the complete trials that have them active."""
        return tuple(axis for axis in self.axes if self.along([axis])["setting"].nunique() > 1)

    @cached_property
    def short(self) -> dict[str, str]:
        """For each axis the shortest end of its path that no other axis has."""
        paths = [axis.name for axis in self.axes]
        ends = {path: [path.split(".", k)[-1] for k in range(path.count("."), -1, -1)] for path in paths}
        shared = Counter(end for own in ends.values() for end in own)
        return {name: next((end for end in own if shared[end] == 1), name) for name, own in ends.items()}

    @cached_property
    def scale(self) -> Scale:
        """Of complete trials and the baseline, without the room that a diverged trial would take."""
        loss = self.loss(self.values)
        if not len(loss):
            return Scale(0.0, 1.0, 0)
        low, high = np.quantile(loss, [0.25, 0.75])
        fence = high + FENCE * max(high - low, 1e-3 * abs(high), 1e-12)
        ends = loss[loss <= fence]
        if self.baseline is not None:
            ends = np.append(ends, self.loss(self.baseline))
        pad = 0.08 * (np.ptp(ends) or abs(ends[0]) or 1.0)
        first, last = sorted(self.loss(np.array([ends.min() - pad, ends.max() + pad])).tolist())
        return Scale(first, last, int((loss > fence).sum()))

    def along(self, axes: Iterable[Parameter]) -> pd.DataFrame:
        """``axis``, ``setting``, ``ticket`` and ``value`` for each complete trial and axis active in it."""
        parts = [
            self.complete[["ticket", "value"]].assign(
                axis=axis.name,
                setting=self.labels(axis) if axis.range.choices else self.numbers(axis).astype(object),
            )[self.active(axis)]
            for axis in axes
        ]
        return pd.concat(parts, ignore_index=True)[["axis", "setting", "ticket", "value"]]

    def loss(self, value: Any) -> Any:
        """Values turned so that smaller is better."""
        return -value if self.maximise else value

    def count(self, state: State) -> int:
        """Tickets that ended in a state."""
        return int((self.frame["state"] == state).sum())

    def active(self, axis: Parameter) -> Array:
        """Whether the axis was searched, for each complete trial."""
        return np.array([not axis.range.absent(value) for value in self.complete[axis.name]], bool)

    def numbers(self, axis: Parameter) -> Array:
        """Values of a numeric axis in the complete trials, NaN where it is not active."""
        return np.asarray(self.complete[axis.name], np.float64)

    def labels(self, axis: Parameter) -> Array:
        """Names of the levels of a categorical axis in the complete trials, empty where it is not active."""
        return np.array(
            ["" if axis.range.absent(v) else level_name(v) for v in self.complete[axis.name]], object
        )

    def levels(self, axis: Parameter) -> list[str]:
        """Levels of a categorical axis that have a complete trial, in the order of its choices."""
        met = {label for label in self.labels(axis) if label}
        known = [level_name(choice) for choice in axis.range.choices]
        return [name for name in known if name in met] + sorted(met - set(known))


def trial_table(study: optuna.Study, definition: Definition) -> TrialTable:
    """Make the table of a study.

    Parameters
    ----------
    study : optuna.Study
        Its trials have the user attributes ``ticket``, ``origin``, ``seconds``, ``overhead``, ``parameters``,
        ``why``, ``duplicate`` and ``tasks`` (a mapping of task to value), as far as they came.
    definition : Definition

    Returns
    -------
    TrialTable
        Of several trials with one ticket the complete one counts, else the pruned, else the last failed
        one; a complete trial that is marked as duplicate gives way to the other. Tickets that wait or run,
        for the first time or again, are left out, as are trials without a ticket where others have one. Of
        several objectives the first is the value. A complete trial whose value is not finite counts as
        failed. Shares are as the configurations have them, and sum to one.
    """
    axes = tuple(definition.space.parameters.values())
    counted = _one_a_ticket(study.get_trials(deepcopy=False))
    rows = [_row(ticket, trial, definition.space) for ticket, trial in counted.items()]
    told = (trial.user_attrs.get("tasks", ()) for trial in counted.values())
    tasks = tuple(dict.fromkeys(chain.from_iterable(told)))
    columns = (*FIXED, *(axis.name for axis in axes), *(f"task:{task}" for task in tasks))
    levels = [axis.name for axis in axes if axis.range.choices]
    kinds = dict.fromkeys(columns, "float") | {"ticket": "int", "number": "int"}
    kinds |= dict.fromkeys(["state", "origin", "why", *levels], "object")
    reported = [
        (ticket, step, value)
        for ticket, trial in counted.items()
        for step, value in sorted(trial.intermediate_values.items())
    ]
    maximise = study.directions[0].name == "MAXIMIZE"
    return TrialTable(
        study=definition.study,
        question=definition.question,
        axes=axes,
        frame=pd.DataFrame(rows, columns=columns, dtype=object).astype(kinds),
        maximise=maximise,
        value_name=_value_name(definition, maximise),
        tasks=tasks,
        baseline=None if maximise else 1.0,
        intermediate=pd.DataFrame(reported, columns=["ticket", "step", "value"]).astype(
            {"ticket": int, "step": int, "value": float}
        ),
    )


def _value_name(definition: Definition, maximise: bool) -> str:
    counts = {"tasks": len(definition.tasks), "seeds": definition.seeds}
    over = " and ".join(f"{count} {name}" for name, count in counts.items() if count > 1)
    name, mean = (
        ("validation probe AUROC", "mean")
        if maximise
        else ("validation MSE relative to ridge-nlinear", "geometric mean")
    )
    return f"{name}, {mean} of {over}" if over else name


def _one_a_ticket(trials: Iterable[FrozenTrial]) -> dict[int, FrozenTrial]:
    """The trial that counts for each ticket, in the order of tickets."""
    ended = [trial for trial in trials if trial.state.is_finished()]
    ticketed = [trial for trial in ended if "ticket" in trial.user_attrs]
    best: dict[int, FrozenTrial] = {}
    for trial in sorted(filter(stands, ticketed) if ticketed else ended, key=_claim):
        best.setdefault(trial.user_attrs.get("ticket", trial.number), trial)
    return dict(sorted(best.items()))


def _claim(trial: FrozenTrial) -> tuple[int, bool, int]:
    """Smaller wins the ticket."""
    state = _state(trial)
    number = -trial.number if state == "failed" else trial.number
    return STATES.index(state), "duplicate" in trial.user_attrs, number


def _state(trial: FrozenTrial) -> State:
    if trial.state.name == "COMPLETE":
        return "complete" if math.isfinite(trial.values[0]) else "failed"
    return "pruned" if trial.state.name == "PRUNED" else "failed"


def _row(ticket: int, trial: FrozenTrial, space: Space) -> dict[str, Any]:
    told, state = trial.user_attrs, _state(trial)
    why = told.get("why", "") if state == "failed" else ""
    if trial.state.name == "COMPLETE" and state == "failed":
        why = f"the value is {trial.values[0]}"
    return {
        **{name: told[name] for name in ("seconds", "overhead", "parameters") if name in told},
        **{f"task:{task}": value for task, value in told.get("tasks", {}).items()},
        **space.readable(trial.params),
        "ticket": ticket,
        "number": trial.number,
        "state": state,
        "value": trial.values[0] if state == "complete" else math.nan,
        "origin": told.get("origin", "sampled"),
        "why": why,
    }
