"""A made study whose answer is known: conditional axes, presets, failed and pruned trials, two tasks."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from tsrep.studies.define.ranges import Range
from tsrep.studies.define.space import Parameter
from tsrep.studies.keep.trial_table import FIXED, TrialTable


def levels(name: str, *choices: Any) -> Parameter:
    return Parameter(name, Range("one_of", choices=choices))


def numbers(name: str, low: float, high: float, *, log: bool = False) -> Parameter:
    return Parameter(name, Range("int" if isinstance(low, int) else "float", low, high, log))


AXES = (
    levels("strategy", "joint", "pretrain-then-probe", "pretrain-then-finetune"),
    levels("objective", "simclr", "moco", "ts2vec", "fixed-view (window-warp)"),
    levels("encoder", "dilated-conv", "patch-transformer", "inverted-transformer", "resnet1d"),
    numbers("head.weight", 1e-4, 1e-1, log=True),
    numbers("objective.contrast.weight", 1e-3, 1.0, log=True),
    numbers("objective.contrast.temperature", 0.05, 1.0, log=True),
    numbers("objective.queue", 64, 1024, log=True),
    numbers("encoder.depth", 2, 8),
    levels("forecast.normalise", False, True),
    levels("views.warp", None, "window", "amplitude"),
)  # fmt: skip
NAMED = {axis.name: axis for axis in AXES}
TASKS = ("ETTh1 horizon 96", "ETTh1 horizon 336")


def effect(row: dict[str, Any]) -> float:
    """Log of the error relative to the baseline."""
    value = {"joint": -0.08, "pretrain-then-probe": 0.0, "pretrain-then-finetune": -0.03}[row["strategy"]]
    value += 0.0 if row["forecast.normalise"] else 0.1
    value += 0.01 * (math.log10(row["objective.contrast.weight"]) + 1.5) ** 2
    return value + 0.06 * (math.log10(row["objective.contrast.temperature"]) + 0.6) ** 2


def draw(rng: np.random.Generator) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for axis in AXES:
        found = axis.range
        if found.choices:
            row[axis.name] = found.choices[rng.integers(len(found.choices))]
        else:
            ends = np.log([found.low, found.high]) if found.log else np.array([found.low, found.high])
            value = float(rng.uniform(*ends))
            value = math.exp(value) if found.log else value
            row[axis.name] = float(round(value)) if found.kind == "int" else value
    if row["objective"] != "moco":
        row["objective.queue"] = math.nan
    return row


def planted(trials: int = 80, *, seed: int = 0, noise: float = 0.02, ended: bool = True) -> TrialTable:
    """A table of so many tickets; with ``ended`` false none of them is complete."""
    rng = np.random.default_rng(seed)
    rows, reported = [], []
    for ticket in range(trials):
        row = draw(rng)
        log_error = effect(row) + noise * rng.normal()
        state = (
            ("failed" if ticket % 16 == 7 else "pruned" if ticket % 6 == 5 else "complete")
            if ended
            else "failed"
        )
        done = state == "complete"
        per_task = [math.exp(log_error + gap) for gap in (0.02, -0.02)]
        value = math.exp(log_error) if ticket != 18 else 3.7
        row |= {
            "ticket": ticket, "number": ticket + ticket // 16, "state": state,
            "value": value if done else math.nan,
            "seconds": float(20 * row["encoder.depth"] * rng.uniform(0.8, 1.3)), "overhead": 0.4,
            "origin": {0: "preset:autotcl-published", 1: "preset:simclr"}.get(ticket, "sampled"),
            "parameters": 12_000 * row["encoder.depth"],
            "why": "out of memory at step 40" if state == "failed" else "",
            **{f"task:{task}": v if done else math.nan for task, v in zip(TASKS, per_task, strict=True)},
        }  # fmt: skip
        rows.append(row)
        last = {"complete": 6, "pruned": 3, "failed": 0}[state]
        reported += [
            (ticket, k, math.exp(log_error) + 0.5 / k + 0.01 * rng.normal()) for k in range(1, last + 1)
        ]
    names = [*FIXED, *(axis.name for axis in AXES), *(f"task:{task}" for task in TASKS)]
    levels = {axis.name for axis in AXES if axis.range.choices}
    frame = pd.DataFrame(
        {n: pd.Series([r[n] for r in rows], dtype=object if n in levels else None) for n in names}
    )
    intermediate = pd.DataFrame(reported, columns=["ticket", "step", "value"])
    return TrialTable(
        study="sscl-design-space",
        question="Which parts of contrastive forecasting pay?",
        axes=AXES,
        frame=frame,
        maximise=False,
        value_name="validation MSE relative to ridge-nlinear, geometric mean of 2 tasks",
        tasks=TASKS,
        baseline=1.0,
        intermediate=intermediate,
    )


def confirmed(finalists: int = 4, seeds: int = 5) -> pd.DataFrame:
    """Test scores of finalists and controls."""
    rng = np.random.default_rng(1)
    rows = []
    for rank in range(1, finalists + 3):
        control = rank > finalists
        label = (
            ("ridge-nlinear", "random initialisation")[rank - finalists - 1]
            if control
            else f"trial {7 * rank}"
        )
        for task, level in zip(TASKS, (0.38, 0.45), strict=True):
            for seed in range(1000, 1000 + seeds):
                test = level * (1 + 0.015 * rank + 0.004 * rng.normal())
                origin, place = ("control", math.nan) if control else ("sampled", rank)
                scores = (0.9 * test, test, test - 0.01, test + 0.01)
                against = ("" if control else "random initialisation", -0.02, -0.03, -0.01)
                rows.append((label, place, origin, task, seed, "mse", *scores, *against, "window"))
    names = [
        "finalist",
        "rank",
        "origin",
        "task",
        "seed",
        "metric",
        "validation",
        "test",
        "interval_low",
        "interval_high",
        "against",
        "minus_random",
        "minus_random_low",
        "minus_random_high",
        "unit",
    ]
    return pd.DataFrame(rows, columns=names)
