"""Tables of a study's report as plain cells."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from tsrep.report.tables import Cell, Table
from tsrep.report.wording import NOTHING, count, number, signed
from tsrep.studies.confirm.finalists import Finalists, summarise
from tsrep.studies.read.axis_names import short_names, value_name, varied
from tsrep.studies.read.effects import Effect
from tsrep.studies.read.importance import Importances
from tsrep.studies.read.trial_table import Axis, TrialTable
from tsrep.studies.read.wording import is_preset, metric_name, origin, p_text, time

Rows = list[tuple[Cell, ...]]
BEST = 10
MOST_TASKS = 3
FINALIST = ("finalist", "origin", "validation", "test", "minus random-init", "spread over seeds", "seeds")


def best_tables(table: TrialTable) -> list[Table]:
    """Scores of the best trials and of presets that are not among them, and their settings."""
    ranked = table.best_first
    if ranked.empty:
        return []
    rest = ranked.iloc[BEST:]
    shown = pd.concat([ranked.head(BEST), rest[[is_preset(name) for name in rest["origin"]]]])
    breaks = frozenset({BEST} if len(shown) > BEST else ())
    more = "; presets that are not among them below" if breaks else ""
    caption = f"Best of {count(len(ranked))} complete trials by {table.value_name}{more}"
    tasks = table.tasks if 1 < len(table.tasks) <= MOST_TASKS else ()
    scores: Rows = [_scores(place, row, tasks) for place, row in shown.iterrows()]
    names = ["rank", "trial", "value", *tasks, "training", "weights", "origin"]
    tables = [Table(caption, _header(names, set(range(len(names) - 1))), scores, breaks)]
    axes, short = varied(table), short_names(table.axes)
    if axes:
        columns = [[Cell(f"{place + 1}", numeric=True) for place in shown.index]]
        columns += [_settings_of(table, axis, shown) for axis in axes]
        header = [Cell("rank", numeric=True), *(Cell(short[a.name], numeric=not a.categorical) for a in axes)]
        rows: Rows = list(zip(*columns, strict=True))
        tables.append(Table("Their settings on the axes that vary", tuple(header), rows, breaks))
    return tables


def _settings_of(table: TrialTable, axis: Axis, rows: pd.DataFrame) -> list[Cell]:
    """The values of one axis in some trials; a dash where it is not active."""
    return [
        Cell(value_name(value, axis) if active else NOTHING, numeric=not axis.categorical)
        for value, active in zip(rows[axis.name], table.active(axis, rows), strict=True)
    ]


def _scores(place: Any, row: pd.Series, tasks: Sequence[str]) -> tuple[Cell, ...]:
    weights = row["parameters"]
    return (
        _right(f"{int(place) + 1}"), _right(f"{row['ticket']}"), _right(number(row["value"], 4), strong=True),
        *(_right(number(row[f"task:{task}"], 4)) for task in tasks),
        _right(time(row["seconds"])), _right(NOTHING if math.isnan(weights) else count(weights)),
        Cell(origin(row["origin"])),
    )  # fmt: skip


def finalist_tables(finalists: Finalists, table: TrialTable) -> list[Table]:
    """Scores of the confirmation for each task and metric, and the settings of finalists."""
    found = summarise(finalists.rows)
    tables = []
    for (task, metric), rows in found.groupby(["task", "metric"], sort=False):
        best = rows["test"].max() if table.maximise else rows["test"].min()
        unit = str(rows["unit"].iloc[0])
        caption = f"{task}: {metric_name(metric)} on test" if task else f"{metric_name(metric)} on test"
        cells = [_finalist_row(row, best) for _, row in rows.iterrows()]
        tables.append(Table(f"{caption}, per {unit}", _header(FINALIST, {2, 3, 4, 5, 6}), cells))
    settings = _settings(finalists.parameters, table)
    return [*tables, settings] if settings else tables


def _finalist_row(row: pd.Series, best: float) -> tuple[Cell, ...]:
    low, high = number(row["low"], 4), number(row["high"], 4)
    paired = _ends(row["minus_random_low"], row["minus_random_high"], 4)
    between = "" if NOTHING in (low, high) else f"{low}–{high}"
    return (
        Cell(str(row["finalist"]), strong=row["origin"] != "control"), Cell(origin(row["origin"])),
        _right(number(row["validation"], 4)),
        Cell(number(row["test"], 4), between, numeric=True, strong=bool(row["test"] == best)),
        Cell(signed(row["minus_random"], 4), paired, numeric=True),
        _right(number(row["spread"], 4)), _right(f"{int(row['seeds'])}"),
    )  # fmt: skip


def _ends(low: float, high: float, digits: int) -> str:
    return "" if math.isnan(low) else f"{signed(low, digits)} to {signed(high, digits)}"


def _settings(parameters: Mapping[str, Mapping[str, Any]], table: TrialTable) -> Table | None:
    """A row for each axis, a column for each finalist; a dash where an axis is not active."""
    short = short_names(table.axes)
    rows: Rows = [
        (Cell(short[axis.name]), *(_right(_chosen(chosen, axis)) for chosen in parameters.values()))
        for axis in table.axes
        if any(axis.name in chosen for chosen in parameters.values())
    ]
    names = ("axis", *parameters)
    return Table("Settings of finalists", _header(names, set(range(1, len(names)))), rows) if rows else None


def _chosen(chosen: Mapping[str, Any], axis: Axis) -> str:
    return value_name(chosen[axis.name], axis) if axis.name in chosen else NOTHING


def importance_table(found: Importances) -> Table:
    """Shares with their intervals."""
    names = ("axis", "share", "95 % interval", "shuffled values reach", "complete trials with it")
    rows: Rows = [
        (Cell(s.axis), _right(number(s.share), strong=s.share > s.chance),
         _right(f"{number(s.low)}–{number(s.high)}"), _right(number(s.chance)), _right(count(s.trials)))
        for s in found.shares
    ]  # fmt: skip
    return Table("Importance of each axis", _header(names, {1, 2, 3, 4}), rows)


def effects_table(effects: Sequence[Effect], table: TrialTable) -> Table:
    """Paired effects with their tests."""
    digits, unit = (1, "%") if table.relative else (4, "")
    rows: Rows = []
    breaks: set[int] = set()
    for i, e in enumerate(effects):
        first = not i or effects[i - 1].axis != e.axis
        breaks |= {i} if first else set()
        ends = _ends(e.low, e.high, digits)
        rows.append((
            Cell(e.axis if first else ""), Cell(e.level), Cell(e.reference),
            Cell(f"{signed(e.mean, digits)} {unit}".rstrip(), ends, numeric=True, strong=e.p_holm < 0.05),
            _right(p_text(e.p)), _right(p_text(e.p_holm)), _right(f"{e.pairs}"), _right(f"{e.exact}"),
            _right(number(e.distance, 2)),
        ))  # fmt: skip
    names = ("axis", "level", "reference", "effect", "p", "p, Holm", "pairs", "exact", "mean distance")
    return Table("Paired effects", _header(names, set(range(3, 9))), rows, frozenset(breaks))


def cells_table(summary: pd.DataFrame) -> Table:
    """Quartiles of the values in each level."""
    rows: Rows = []
    breaks: set[int] = set()
    for i, row in summary.iterrows():
        first = not i or summary["axis"].iloc[i - 1] != row["axis"]
        breaks |= {i} if first else set()
        numbers = (number(row[name], 4) for name in ("best", "q25", "median", "q75", "worst"))
        cells = (Cell(row["axis"] if first else ""), Cell(row["level"]), _right(f"{row['trials']}"))
        rows.append((*cells, *map(_right, numbers)))
    names = ("axis", "level", "trials", "best", "quarter", "median", "three quarters", "worst")
    return Table("Values in each level", _header(names, set(range(2, 8))), rows, frozenset(breaks))


def failures_table(table: TrialTable) -> Table | None:
    """What failed and why, the most frequent first."""
    failed = table.frame[table.frame["state"] == "failed"]
    if failed.empty:
        return None
    reasons = failed.groupby(failed["why"].replace("", "not known"))["ticket"].agg(list)
    rows: Rows = [
        (_right(f"{len(tickets)}"), Cell(str(why)), Cell(", ".join(map(str, tickets))))
        for why, tickets in sorted(reasons.items(), key=lambda item: -len(item[1]))
    ]
    return Table("Failed trials", _header(("trials", "why", "which"), {0}), rows)


def _right(text: str, *, strong: bool = False) -> Cell:
    return Cell(text, numeric=True, strong=strong)


def _header(names: Iterable[str], right: set[int]) -> tuple[Cell, ...]:
    return tuple(Cell(name, numeric=i in right) for i, name in enumerate(names))
