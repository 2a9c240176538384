"""The first lines of a study's report: the answer in numbers, what ran, and what chose what."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, get_args

import numpy as np
import pandas as pd

from tsrep.report.wording import NOTHING, count, number, signed
from tsrep.studies.confirm.finalists import Finalists, summarise
from tsrep.studies.read.trial_table import State, TrialTable
from tsrep.studies.read.wording import is_preset, metric_name, origin, time

MOST_TASKS = 4


def answer(table: TrialTable, finalists: Finalists | None) -> list[str]:
    """What came out, one sentence each: the best trial on validation, then the finalists on test."""
    return [_best(table), *_on_test(finalists, table.maximise)]


def _best(table: TrialTable) -> str:
    ranked = table.best_first
    if ranked.empty:
        return "No trial is complete, so that there is no answer yet."
    row = ranked.iloc[0]
    named = f", {origin(row['origin'])}" if is_preset(row["origin"]) else ""
    text = f"The best {table.value_name} is {number(row['value'], 4)} (trial {row['ticket']}{named})"
    stands = against_baseline(table, float(row["value"]))
    return f"{text}, {stands}." if stands else f"{text}."


def against_baseline(table: TrialTable, value: float) -> str:
    """How a value stands to the baseline, in words; nothing where there is none."""
    if table.baseline is None:
        return ""
    if table.relative:
        change = 100 * (value / table.baseline - 1)
        side = "below" if change < 0 else "above"
        return f"{number(abs(change), 1)} % {side} the baseline"
    return f"{signed(value - table.baseline, 4)} against the baseline of {number(table.baseline, 4)}"


def _on_test(finalists: Finalists | None, up: bool) -> list[str]:
    if finalists is None or finalists.rows.empty:
        return ["No finalist has been confirmed on test yet."]
    found = summarise(finalists.rows)
    own = found[found["origin"] != "control"]
    if own.empty:
        return ["Only controls have been scored on test."]
    first = own["finalist"].iloc[0]
    metric = finalists.rows["metric"].iloc[0]
    found = found[found["metric"] == metric]
    tasks = list(dict.fromkeys(found["task"]))
    shown = tasks[:MOST_TASKS]
    parts = [_score(found[found["task"] == task], str(first), str(task), up) for task in shown]
    more = len(tasks) - len(shown)
    rest = f" and {more} more task{'s' if more > 1 else ''} in the table" if more > 0 else ""
    told = "; ".join(part for part in parts if part)
    then = "" if finalists.current else " when finalists were confirmed"
    return [f"On test, {first} (first by validation{then}) reaches {metric_name(metric)} {told}{rest}."]


def _score(rows: pd.DataFrame, first: str, task: str, up: bool) -> str:
    mine = rows[rows["finalist"] == first]
    if mine.empty:
        return ""
    row = mine.iloc[0]
    low, high = number(row["low"], 3), number(row["high"], 3)
    between = "" if NOTHING in (low, high) else f" (95 % interval {low} to {high})"
    controls = rows[rows["origin"] == "control"]
    others = ", ".join(f"{c['finalist']} {number(c['test'], 3)}" for _, c in controls.iterrows())
    where = f" on {task}" if task else ""
    told = f"{number(row['test'], 3)}{between}{where}{f', against {others}' if others else ''}"
    if math.isfinite(row["minus_random"]):
        ends = f"{signed(row['minus_random_low'])} to {signed(row['minus_random_high'])}"
        told += f"; minus random-init {signed(row['minus_random'])} ({ends})"
    own = rows[rows["origin"] != "control"]["test"]
    better = int((own > row["test"]).sum() if up else (own < row["test"]).sum())
    return f"{told}; {better} of {len(own) - 1} other finalists are better" if len(own) > 1 else told


def progress(table: TrialTable, facts: Mapping[str, Any]) -> str:
    """How many trials ended how, and of what budget."""
    counts = ", ".join(f"{count(table.count(state))} {state}" for state in get_args(State))
    budget = f"; the budget was {facts['budget']}" if facts.get("budget") else ""
    total = len(table.frame)
    return f"{count(total)} trial{'s' if total != 1 else ''} ended: {counts}{budget}."


def chosen_by(finalists: Finalists | None) -> str:
    """What was chosen on which part."""
    if finalists is None or finalists.rows.empty:
        return "Validation chose; the test part has not been looked at."
    once = finalists.rounds == 1
    told = f"Validation chose; test was scored {'once' if once else f'{finalists.rounds} times'}, for "
    told += "finalists trained anew from fresh seeds and for controls. "
    if once:
        told += "The best of many validation scores is too good by chance, the test scores are not."
    else:
        told += "Finalists were others each time; whoever chooses by test makes that too good as well."
    if not finalists.current:
        told += " The finalists of the study are others by now, which tsrep study confirm would score."
    return told


def tiles(table: TrialTable, finalists: Finalists | None) -> list[dict[str, str]]:
    """Large numbers at the top of the page."""
    found = []
    ranked = table.best_first
    if len(ranked):
        value = float(ranked["value"].iloc[0])
        note = against_baseline(table, value) or "on validation"
        found.append({"name": "best value", "value": number(value), "note": note})
    found.append({
        "name": "complete trials", "value": count(table.count("complete")),
        "note": f"{table.count('pruned')} pruned, {table.count('failed')} failed",
    })  # fmt: skip
    seconds = table.frame["seconds"].to_numpy(float)
    if np.isfinite(seconds).any():
        note = f"{time(float(np.nanmedian(seconds)))} a trial (median)"
        found.append({"name": "training time", "value": time(float(np.nansum(seconds))), "note": note})
    if finalists is not None and not finalists.rows.empty:
        rows = finalists.rows
        seeds = rows.loc[rows["origin"] != "control", "seed"].nunique()
        names = rows.loc[rows["origin"] != "control", "finalist"].nunique()
        found.append({"name": "finalists", "value": f"{names}", "note": f"{seeds} fresh seeds"})
    return found


def overhead(table: TrialTable) -> str:
    """Time of a trial that was not training."""
    more, seconds = (table.frame[name].to_numpy(float) for name in ("overhead", "seconds"))
    known = np.isfinite(more) & np.isfinite(seconds) & (seconds > 0)
    if not known.any():
        return ""
    share = 100 * more[known].sum() / (more[known].sum() + seconds[known].sum())
    return f"{time(float(np.median(more[known])))} a trial (median), {share:.2g} % of all time"
