"""The page ``docs/results/autotcl.md`` from the scores of ``autotcl_forecasting.py``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from results_page import table
from scipy.stats import t

from tsrep.evaluation.forecasts.baselines import REPEAT_LAST, RIDGE_NLINEAR, SEASONAL_NAIVE
from tsrep.evaluation.scores import Score, Scores
from tsrep.runs.folder import Run

RULES = (REPEAT_LAST, SEASONAL_NAIVE, RIDGE_NLINEAR)  # nothing in them is drawn
READINGS = ("keep_rate", "saturated", "keep_spread", "constant_masks")
METHOD = "autotcl"
RELEASED = ("released form, augmenter frozen", "released form")


def page(
    results: Mapping[str, Scores],
    chosen: Mapping[str, Mapping[str, str]],
    trials: Mapping[str, Mapping[str, Mapping[str, float]]],
    runs: Mapping[str, Mapping[str, Sequence[Path]]],
) -> str:
    """Markdown of all tables.

    Parameters
    ----------
    results : mapping of series to scores
        With ``autotcl`` as the control.
    chosen : mapping of series to the candidate chosen for each tuned method
    trials : mapping of series, method and candidate to the validation score
    runs : mapping of series and method to the run folders of its seeds
    """
    lines = [*_head(), *_choices(chosen, trials)]
    for series, scores in results.items():
        lines += [f"## {series}", "", *_errors(scores), "", *_differences(scores), ""]
    lines += ["## The augmenter at the end of training", "", *_augmenters(runs), ""]
    return "\n".join(lines)


def _head() -> list[str]:
    return [
        "# Does learned augmentation help?",
        "",
        "Made by `.venv/bin/python studies/autotcl_forecasting.py --root DIR`; all settings are there.",
        "",
        "- Data: ETTh1 and ETTh2, oil temperature alone, with seven calendar covariates; 12 / 4 / 4 months "
        "train, validate and test; everything is standardised on the training months.",
        "- Encoder: `dilated-conv-ar` of the published shape (26.8 M weights), for all rows the same random "
        "starts. A ridge on the representation of each step forecasts the next steps; its penalty is chosen "
        "on the validation months.",
        "- `autotcl` is the paper's form with guards, `released form` what the public code does, at the "
        "published settings of each series; `frozen` leaves the augmenter at its random start. "
        "`fixed view` has the same losses and a view that is not learned.",
        "- The settings of `autotcl` and the view of `fixed view` are chosen on the validation months with "
        "seed 100, which is in no table; the epochs of all rows but the released form are chosen on them "
        "too. Test months are scored once. `ts2vec` is not tuned, and a frozen augmenter has the settings "
        "that were chosen for the learned one.",
        "- Budget: 20 steps for `autotcl`, `ts2vec` and `fixed view`; for the released form the published "
        "115 (ETTh1) and 80 (ETTh2), at lower rates.",
        "- Errors: mean squared error of standardised values over all test windows, mean over seeds "
        "± standard deviation over seeds (training and random start together).",
        "",
    ]


def _choices(chosen: Mapping[str, Mapping[str, str]], trials: Mapping[str, Any]) -> list[str]:
    """What was tried on the validation months, and what won."""
    lines = ["| series | method | candidate | validation MSE | chosen |", "| --- | --- | --- | --- | --- |"]
    for series, methods in trials.items():
        for method, candidates in methods.items():
            for name, value in candidates.items():
                mark = "yes" if chosen[series][method] == name else ""
                lines.append(f"| {series} | {method} | {name} | {-value:.4f} | {mark} |")
    return [*lines, ""]


def _errors(scores: Scores) -> list[str]:
    heads = ["method", "seeds", *(f"{h} steps" for h in scores.horizons), "mean"]
    rows = []
    for method in scores.methods:
        found = scores.where(method=method)
        cells = [_spell(s) for s in found]
        means = np.mean([s.by_seed["mse"] for s in found], axis=0)
        spread = f" ± {means.std(ddof=1):.4f}" if len(means) > 1 else ""
        rows.append([method, str(found[0].seeds), *cells, f"{means.mean():.4f}{spread}"])
    windows = ", ".join(f"{s.windows} ({s.horizon})" for s in scores.where(method=METHOD))
    return [*table(heads, rows), "", f"Test windows by horizon: {windows}."]


def _spell(score: Score) -> str:
    spread = score.spread["mse"]
    return f"{score.metrics['mse'].value:.4f}" + (f" ± {spread:.4f}" if np.isfinite(spread) else "")


def _differences(scores: Scores) -> list[str]:
    """Pairs of methods over the seeds that they share, and over blocks of test time."""
    heads = ["difference", "seeds", *(f"{h} steps" for h in scores.horizons), "mean"]
    rows = []
    for one, other in [(m, METHOD) for m in scores.methods if m != METHOD] + [RELEASED]:
        found, against = scores.where(method=one), scores.where(method=other)
        rule = one in RULES
        n = against[0].seeds if rule else min(found[0].seeds, against[0].seeds)
        pairs = zip(found, against, strict=True)
        paired = [np.subtract(s.by_seed["mse"][:n], c.by_seed["mse"][:n]) for s, c in pairs]
        cells = [*map(_over_seeds, paired), _over_seeds(np.mean(paired, axis=0))]
        rows.append([f"{one} minus {other}", str(n), *cells])
        if other == METHOD and (rule or found[0].seeds == against[0].seeds):
            ends = [(s.difference["mse"].low, s.difference["mse"].high, s.blocks) for s in found]
            blocks = [f"[{low:+.4f}, {high:+.4f}] ({n})" for low, high, n in ends]
            rows.append(["– over blocks of time", "", *blocks, ""])
    return [
        *table(heads, rows),
        "",
        "Positive: the second of the pair is better. First lines: mean difference and its 95 % t interval "
        "over seeds, paired by random start. Second lines: 95 % interval over blocks of test time as long as "
        "the horizon, errors averaged over seeds first (in brackets the number of blocks; few: too narrow).",
    ]


def _over_seeds(differences: np.ndarray) -> str:
    n = len(differences)
    mean = differences.mean()
    if n == 1:
        return f"{mean:+.4f}"
    half = t.ppf(0.975, n - 1) * differences.std(ddof=1) / np.sqrt(n)
    return f"{mean:+.4f} [{mean - half:+.4f}, {mean + half:+.4f}]"


def _augmenters(runs: Mapping[str, Mapping[str, Sequence[Path]]]) -> list[str]:
    """Readings of the last logged step, as range over seeds."""
    rows = []
    for series, methods in runs.items():
        for method, folders in methods.items():
            found = [_last_readings(folder) for folder in folders]
            if not all(found):
                continue
            cells = []
            for name in READINGS:
                values = [diagnostics[name] for diagnostics in found]
                cells.append(f"{min(values):.3f} to {max(values):.3f}")
            kept = ", ".join(str(Run(folder).provenance["training"]["epoch"]) for folder in folders)
            minutes = np.mean([Run(folder).provenance["seconds"] for folder in folders]) / 60
            rows.append([series, method, *cells, kept, f"{minutes:.1f}"])
    heads = [
        "series",
        "method",
        *(name.replace("_", " ") for name in READINGS),
        "kept epochs",
        "minutes a run",
    ]
    return table(heads, rows)


def _last_readings(folder: Path) -> dict[str, float]:
    lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    found: list[dict[str, float]] = [r["diagnostics"] for r in map(json.loads, lines) if r.get("diagnostics")]
    return found[-1] if found else {}
