"""The page ``docs/results/autotcl.md`` from the scores of ``autotcl_forecasting.py``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from kept_runs import log
from results_page import over_seeds, table, with_spread

from tsrep.evaluation.forecasts.baselines import BASELINES
from tsrep.evaluation.scores import Scores
from tsrep.runs.folder import Run

DIAGNOSTICS = ("keep_rate", "saturated", "keep_spread", "constant_masks")
METHOD = "autotcl"
RELEASED = ("released form, augmenter frozen", "released form")


@dataclass(frozen=True)
class SeriesTables:
    """What the page says of a series, as Markdown that a file of JSON holds.

    Attributes
    ----------
    choices, augmenters : sequences of rows
        What was tried on the validation months; diagnostics of augmenters.
    errors, differences : sequences of lines
    """

    choices: Sequence[Sequence[str]]
    errors: Sequence[str]
    differences: Sequence[str]
    augmenters: Sequence[Sequence[str]]

    @classmethod
    def of(
        cls,
        scores: Scores,
        chosen: Mapping[str, str],
        tried: Mapping[str, Mapping[str, float]],
        runs: Mapping[str, Sequence[Run]],
    ) -> Self:
        """The tables of a series, from its scores and runs.

        Parameters
        ----------
        scores : Scores
            With ``autotcl`` as the control.
        chosen : mapping of each tuned method to a candidate
        tried : mapping of method and candidate to the validation score
        runs : mapping of method to the runs of its seeds
        """
        return cls(_choices(chosen, tried), _errors(scores), _differences(scores), _augmenters(runs))


def page(found: Mapping[str, SeriesTables]) -> str:
    """Markdown of all tables, by series."""
    choices = [[series, *row] for series, tables in found.items() for row in tables.choices]
    augmenters = [[series, *row] for series, tables in found.items() for row in tables.augmenters]
    lines = [
        *_head(),
        *table(["series", "method", "candidate", "validation MSE", "chosen"], choices),
        "",
    ]
    for series, tables in found.items():
        lines += [f"## {series}", "", *tables.errors, "", *tables.differences, ""]
    heads = [*(name.replace("_", " ") for name in DIAGNOSTICS), "kept epochs", "minutes a run"]
    lines += ["## The augmenter at the end of training", "", *table(["series", "method", *heads], augmenters)]
    return "\n".join([*lines, ""])


def _head() -> list[str]:
    return [
        "# Does learned augmentation help?",
        "",
        "Made by `.venv/bin/python studies/autotcl_forecasting.py --root DIR`; all settings are there.",
        "",
        "- Data: ETTh1 and ETTh2, oil temperature alone, with seven calendar covariates; 12 / 4 / 4 months "
        "train, validate and test; everything is standardised on the training months.",
        "- Encoder: `dilated-conv-ar` of the published shape (26.8 M weights), for all rows the same random "
        "initialisations. A ridge on the representation of each step forecasts the next steps; its penalty "
        "is chosen on the validation months.",
        "- `autotcl` is the paper's form with safeguards, `released form` what the public code does, at the "
        "published settings of each series; `frozen` leaves the augmenter at its random initialisation. "
        "`fixed view` has the same losses and a view that is not learned.",
        "- The settings of `autotcl` and the view of `fixed view` are chosen on the validation months with "
        "seed 100, which is in no table; the epochs of all rows but the released form are chosen on them "
        "too. Test months are scored once. `ts2vec` is not tuned, and a frozen augmenter has the settings "
        "that were chosen for the learned one.",
        "- Budget: 20 steps for `autotcl`, `ts2vec` and `fixed view`; for the released form the published "
        "115 (ETTh1) and 80 (ETTh2), at lower rates.",
        "- Errors: mean squared error of standardised values over all test windows, mean over seeds "
        "± standard deviation over seeds (training and random initialisation together).",
        "- Rows with fewer seeds are compared over the seeds that both have.",
        "",
    ]


def _choices(chosen: Mapping[str, str], tried: Mapping[str, Mapping[str, float]]) -> list[list[str]]:
    """What was tried on the validation months, and what won."""
    return [
        [method, name, f"{-value:.4f}", "yes" if chosen[method] == name else ""]
        for method, candidates in tried.items()
        for name, value in candidates.items()
    ]


def _errors(scores: Scores) -> list[str]:
    heads = ["method", "seeds", *(f"{h} steps" for h in scores.horizons), "mean"]
    rows = []
    for method in scores.methods:
        by_seed = [score.by_seed["mse"] for score in scores.where(method=method)]
        cells = [with_spread(values, ".4f") for values in [*by_seed, np.mean(by_seed, axis=0)]]
        rows.append([method, str(len(by_seed[0])), *cells])
    windows = ", ".join(f"{score.n} ({score.horizon})" for score in scores.where(method=METHOD))
    return [*table(heads, rows), "", f"Test windows by horizon: {windows}."]


def _differences(scores: Scores) -> list[str]:
    """Pairs of methods over the seeds that they share, and over blocks of test time."""
    heads = ["difference", "seeds", *(f"{h} steps" for h in scores.horizons), "mean"]
    rows = []
    for one, other in [(m, METHOD) for m in scores.methods if m != METHOD] + [RELEASED]:
        found, against = tuple(scores.where(method=one)), tuple(scores.where(method=other))
        baseline, seeds = one in BASELINES, against[0].seeds  # nothing in a baseline is drawn
        n = seeds if baseline else min(found[0].seeds, seeds)
        pairs = zip(found, against, strict=True)
        paired = [np.subtract(s.by_seed["mse"][:n], c.by_seed["mse"][:n]) for s, c in pairs]
        cells = [over_seeds(each, "+.4f") for each in [*paired, np.mean(paired, axis=0)]]
        rows.append([f"{one} minus {other}", str(n), *cells])
        if other == METHOD and (baseline or found[0].seeds == seeds):
            ends = [(s.difference["mse"].low, s.difference["mse"].high, s.blocks) for s in found]
            blocks = [f"[{low:+.4f}, {high:+.4f}] ({n})" for low, high, n in ends]
            rows.append(["– over blocks of time", "", *blocks, ""])
    return [
        *table(heads, rows),
        "",
        "Positive: the second of the pair is better. First lines: mean difference and its 95 % t interval "
        "over seeds, paired by random initialisation. Second lines: 95 % interval over blocks of test time, "
        "at least twice as long as the horizon (in brackets the number of blocks; fewer than ten: "
        "unreliable).",
    ]


def _augmenters(runs: Mapping[str, Sequence[Run]]) -> list[list[str]]:
    """Diagnostics of the last logged step, as range over seeds."""
    rows = []
    for method, of in runs.items():
        found = [_last_diagnostics(run) for run in of]
        if not all(found):
            continue
        ranges = [[diagnostics[name] for diagnostics in found] for name in DIAGNOSTICS]
        cells = [f"{min(values):.3f} to {max(values):.3f}" for values in ranges]
        kept = ", ".join(str(run.provenance["training"]["epoch"]) for run in of)
        minutes = np.mean([run.provenance["seconds"] for run in of]) / 60
        rows.append([method, *cells, kept, f"{minutes:.1f}"])
    return rows


def _last_diagnostics(run: Run) -> dict[str, float]:
    found: list[dict[str, float]] = [r["diagnostics"] for r in log(run) if r.get("diagnostics")]
    return found[-1] if found else {}
