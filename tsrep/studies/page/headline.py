"""The first lines of a study's report: the answer in numbers, what ran, and what chose what."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from tsrep.evaluation.bootstrap import Interval
from tsrep.report.wording import count, interval, number, short_name, signed
from tsrep.studies.analyses.presentation import ends, is_preset, origin, time
from tsrep.studies.confirm.finalists import Finalists
from tsrep.studies.keep.trial_table import STATES, TrialTable
from tsrep.text import plural

MOST_TASKS = 4


def answer(table: TrialTable, finalists: Finalists | None) -> list[str]:
    """What came out, one sentence each: the best trial on validation, then the finalists on test."""
    return [_best(table), _on_test(finalists, table)]


def _best(table: TrialTable) -> str:
    ranked = table.best_first
    if ranked.empty:
        return "No trial is complete, so that there is no answer yet."
    row = ranked.iloc[0]
    named = f", {origin(row['origin'])}" if is_preset(row["origin"]) else ""
    stands = against_baseline(table, float(row["value"]))
    return (
        f"The best {table.value_name} is {number(row['value'], 4)} (trial {row['ticket']}{named})"
        f"{', ' if stands else ''}{stands}."
    )


def against_baseline(table: TrialTable, value: float) -> str:
    """How a value stands to the baseline, in words; nothing where there is none."""
    if table.baseline is None:
        return ""
    if table.relative:
        change = 100 * (value / table.baseline - 1)
        return f"{number(abs(change), 1)} % {'below' if change < 0 else 'above'} the baseline"
    return f"{signed(value - table.baseline, 4)} against the baseline of {number(table.baseline, 4)}"


def _on_test(finalists: Finalists | None, table: TrialTable) -> str:
    if finalists is None:
        return "No finalist has been confirmed on test yet."
    found = finalists.summary
    own = found[found["origin"] != "control"]
    if own.empty:
        return "Only controls have been scored on test."
    first, metric = own["finalist"].iloc[0], finalists.rows["metric"].iloc[0]
    tasks = list(found[found["metric"] == metric].groupby("task", sort=False))
    told = "; ".join(_score(rows, first, task, table) for task, rows in tasks[:MOST_TASKS])
    more = len(tasks) - MOST_TASKS
    rest = f" and {plural(more, 'more task')} in the table" if more > 0 else ""
    then = "" if finalists.current else " when finalists were confirmed"
    return f"On test, {first} (first by validation{then}) reaches {short_name(metric)} {told}{rest}."


def _score(rows: pd.DataFrame, first: str, task: str, table: TrialTable) -> str:
    row = rows[rows["finalist"] == first].iloc[0]
    control = rows["origin"] == "control"
    spread = interval(Interval(row["test"], row["low"], row["high"]))
    told = number(row["test"])
    told += f" (95 % interval {spread})" * bool(spread) + f" on {task}" * bool(task)
    if control.any():
        of_others = set(rows["against"]) - {row["against"]}  # random initialisations of other architectures
        others = rows[control & ~rows["finalist"].isin(of_others)].to_dict("records")
        told += ", against " + ", ".join(f"{one['finalist']} {number(one['test'])}" for one in others)
    if math.isfinite(row["minus_random"]):
        paired = ends(row["minus_random_low"], row["minus_random_high"])
        told += f"; minus random initialisation {signed(row['minus_random'])}{f' ({paired})' * bool(paired)}"
    own = rows[~control]
    better = (table.loss(own["test"]) < table.loss(row["test"])).sum()
    return f"{told}; {better} of {len(own) - 1} other finalists have a better value" if len(own) > 1 else told


def progress(table: TrialTable, budget: str | None = None) -> str:
    """How many trials ended how, and of what budget."""
    counts = ", ".join(f"{count(table.count(state))} {state}" for state in STATES)
    of = f"; the budget was {budget}" if budget else ""
    return f"{plural(len(table.frame), 'trial')} ended: {counts}{of}."


def chosen_by(finalists: Finalists | None) -> str:
    """What was chosen on which part."""
    if finalists is None:
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


def tiles(table: TrialTable, finalists: Finalists | None) -> list[tuple[str, str, str]]:
    """Large numbers at the top of the page: name, value and note."""
    found = [
        ("best value", number(value), against_baseline(table, value) or "on validation")
        for value in table.best_first["value"].head(1)
    ]
    note = f"{table.count('pruned')} pruned, {table.count('failed')} failed"
    found.append(("complete trials", count(table.count("complete")), note))
    seconds = table.frame["seconds"].to_numpy(float)
    if np.isfinite(seconds).any():
        note = f"{time(float(np.nanmedian(seconds)))} a trial (median)"
        found.append(("training time", time(float(np.nansum(seconds))), note))
    if finalists is not None:
        own = finalists.rows[finalists.rows["origin"] != "control"]
        found.append(
            ("finalists", f"{own['finalist'].nunique()}", plural(own["seed"].nunique(), "fresh seed"))
        )
    return found


def overhead(table: TrialTable) -> str:
    """Time of a trial that was not training."""
    known = table.frame[["overhead", "seconds"]].dropna().query("seconds > 0")
    if known.empty:
        return ""
    share = 100 * known["overhead"].sum() / known.to_numpy(float).sum()
    return f"{time(known['overhead'].median())} a trial (median), {share:.2g} % of all time"
