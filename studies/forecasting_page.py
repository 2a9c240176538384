"""The page ``docs/results/forecasting.md`` from the scores of ``forecasting.py``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from kept_runs import log
from numpy.typing import NDArray
from results_page import over_seeds, table, with_spread

from tsrep.evaluation.forecasts.baselines import REPEAT_LAST, RIDGE_NLINEAR, SEASONAL_NAIVE
from tsrep.evaluation.scores import RANDOM_INIT, Score, Scores
from tsrep.runs.folder import Run

SHORT, LONG = (24, 48, 168, 336, 720), (96, 192, 336, 720)
GOALS = {("etth1", SHORT): 0.40, ("etth1", LONG): 0.42}
METRICS = {"mse": "Mean squared error", "mae": "Mean absolute error"}
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Cell:
    """One series at one horizon: scores at one look-back for all and at the published one, and the runs."""

    series: str
    horizon: int
    ours: Scores
    theirs: Scores | None
    runs: Mapping[str, Sequence[Run]]

    def of(self, method: str) -> Score:
        """The score of a method at the one look-back."""
        return next(iter(self.ours.where(method=method)))


@dataclass(frozen=True)
class Study:
    """All that the page tells.

    Attributes
    ----------
    settings : dict
        ``patch``, ``published`` and ``tuning``, the horizon at which the contrast was chosen.
    trials : mapping of candidate and series to validation error
    chosen : str
        The candidate.
    cells : tuple of Cell
    names : (str, str, str)
        The error alone, with a contrast, and as published.
    """

    settings: Mapping[str, Any]
    trials: Mapping[str, Mapping[str, float]]
    chosen: str
    cells: tuple[Cell, ...]
    names: tuple[str, str, str]

    @property
    def series(self) -> tuple[str, ...]:
        """In order."""
        return tuple(dict.fromkeys(cell.series for cell in self.cells))

    def of(self, series: str) -> dict[int, Cell]:
        """Cells of a series by horizon."""
        return {cell.horizon: cell for cell in self.cells if cell.series == series}


def page(study: Study) -> str:
    """Markdown of all tables.

    Parameters
    ----------
    study : Study
    """
    lines = [*_head(study), *_choice(study)]
    for series in study.series:
        lines += [f"## {series}", ""]
        for metric, title in METRICS.items():
            lines += [f"{title}:", "", *_errors(study, series, metric), ""]
        lines += [*_windows(study, series), "", *_means(study, series), ""]
    lines += ["## What the contrast adds", "", *_effects(study), "", *_gradients(study), ""]
    return "\n".join(lines)


def _head(study: Study) -> list[str]:
    alone, joint, informer = study.names
    patch, published = study.settings["patch"], study.settings["published"]
    encoder, training = patch["encoder"], patch["training"]
    share, theirs = published["objective"], published["training"]
    return [
        "# What does a contrast add to a forecaster?",
        "",
        "Made by `.venv/bin/python studies/forecasting.py --root DIR`; all settings are there.",
        "",
        "- Data: ETTh1 and ETTh2, all seven channels; 12 / 4 / 4 months train, validate and test; everything "
        "is standardised on the training months, and errors are of standardised values. Every test window "
        "counts; look-backs reach into the months before.",
        f"- `{alone}`: {encoder['depth']} blocks of width {encoder['width']}, patches of {encoder['patch']} "
        f"steps, {encoder['heads']} heads, each channel a row of its own; look-back "
        f"{patch['objective']['lookback']} at all horizons; mean and deviation of each window are taken "
        f"off and put back; dropout {patch['objective']['head']['dropout']} before a linear head; AdamW, "
        f"rate {training['lr']} falling to 0, batches of {training['batch_size']} windows. Trained "
        f"on the error "
        f"alone. `{joint}`: the same random initialisation, the same batches, and a contrast beside the "
        "error.",
        f"- Budget: at most {training['epochs']} epochs over every {patch['window']['hop_steps']}th training "
        "window; the weights are those of the best epoch on every "
        f"{patch['window']['hop_steps']}th validation window, by the error alone.",
        f"- `{informer}`: Informer's encoder without positions, no normalisation of windows, channels "
        f"mixed, a head for each position, weight {share['weight']}, temperature "
        f"{share['contrast']['temperature']:g}, batch {theirs['batch_size']}, rate {theirs['lr']:g}, "
        "look-backs and horizons as published; look-backs differ between horizons. Not as published: few "
        "steps (below), a cosine rate, no dropout, keys augmented for each sample, unit length along the "
        "right axis of the queue, no keys of validation and test in it.",
        f"- `{RANDOM_INIT}` is a ridge on what the encoder makes of the look-back before training; "
        f"`{RIDGE_NLINEAR}` is a linear map of the look-back, one for all channels; both in closed form, "
        "their penalty chosen on the validation months.",
        "- Contrast, weight and temperature are chosen on the validation months of both series at "
        f"{study.settings['tuning']} steps, with a seed that is in no table. The settings of the network "
        "were set before, with that seed and the error alone, in some twenty short trials judged on "
        "validation "
        "months (ETTh1 but for one); their test errors were seen too. No test error chose a contrast.",
        "- ± is the standard deviation over seeds (random initialisation, batches and views together).",
        "",
        *_budget(study),
        "",
    ]


def _budget(study: Study) -> list[str]:
    """Steps and minutes of the runs of each method."""
    rows = []
    for name in study.names:
        told = [run.provenance for cell in study.cells for run in cell.runs.get(name, ())]
        if told:
            steps = [facts["training"]["steps"] for facts in told]
            minutes = sum(facts["seconds"] for facts in told) / 60
            rows.append([name, str(len(told)), f"{min(steps)} to {max(steps)}", f"{minutes:.0f}"])
    return table(["method", "runs", "steps a run", "minutes in all"], rows)


def _choice(study: Study) -> list[str]:
    """What was tried on the validation months, and what won."""
    series = study.series
    rows = []
    for name, errors in study.trials.items():
        against = np.mean([np.log(errors[s] / study.trials["none"][s]) for s in series])
        mark = "yes" if name == study.chosen else ""
        cells = [f"{errors[s]:.4f}" for s in series]
        rows.append([name, *cells, "" if name == "none" else f"{100 * np.expm1(against):+.2f} %", mark])
    heads = ["contrast", *(f"validation MSE {s}" for s in series), "against none", "chosen"]
    return [*table(heads, rows), ""]


def _rows(study: Study, series: str) -> dict[str, dict[int, Score]]:
    """Scores of every row of a table, by horizon."""
    rows: dict[str, dict[int, Score]] = {}
    alone, joint, informer = study.names
    for method in (REPEAT_LAST, SEASONAL_NAIVE, RIDGE_NLINEAR, RANDOM_INIT, alone, joint):
        for horizon, cell in study.of(series).items():
            for score in cell.ours.where(method=method):
                rows.setdefault(method, {})[horizon] = score
    for method, told in ((RIDGE_NLINEAR, f"{RIDGE_NLINEAR}, published look-back"), (informer, informer)):
        for horizon, cell in study.of(series).items():
            for score in cell.theirs.where(method=method) if cell.theirs is not None else ():
                rows.setdefault(told, {})[horizon] = score
    return rows


def _errors(study: Study, series: str, metric: str) -> list[str]:
    horizons = list(study.of(series))
    rows = [
        [method, *(with_spread(found[h].by_seed[metric]) if h in found else "" for h in horizons)]
        for method, found in _rows(study, series).items()
    ]
    return table(["method", *(f"{h} steps" for h in horizons)], rows)


def _windows(study: Study, series: str) -> list[str]:
    alone = study.names[0]
    told = ", ".join(f"{cell.of(alone).n} ({h})" for h, cell in study.of(series).items())
    return [f"Test windows by horizon: {told}."]


def _means(study: Study, series: str) -> list[str]:
    """Mean errors over the two usual sets of horizons, beside the goals."""
    rows = []
    for method, found in _rows(study, series).items():
        row = [method]
        for horizons in (SHORT, LONG):
            if not all(h in found for h in horizons):
                row += ["", ""]
                continue
            for metric in METRICS:
                values = [np.array(found[h].by_seed[metric]) for h in horizons]
                row.append(with_spread(np.mean(values, axis=0)))
        rows.append(row)
    goals = [GOALS.get((series, horizons)) for horizons in (SHORT, LONG)]
    if any(goal is not None for goal in goals):
        rows.append(
            ["goal", *(cell for goal in goals for cell in (f"at most {goal:.2f}" if goal else "", ""))]
        )
    heads = [f"{name.upper()}, mean of {', '.join(map(str, hs))}" for hs in (SHORT, LONG) for name in METRICS]
    return table(["method", *heads], rows)


def _effects(study: Study) -> list[str]:
    """Contrast minus error alone: over seeds, over blocks of test time, and over all cells."""
    alone, joint, _ = study.names
    rows = []
    for cell in study.cells:
        one, other = cell.of(joint), cell.of(alone)
        difference = np.subtract(one.by_seed["mse"], other.by_seed["mse"])
        low, high = one.difference["mse"].low, one.difference["mse"].high
        rows.append(
            [
                cell.series,
                str(cell.horizon),
                over_seeds(difference, "+.4f"),
                f"[{low:+.4f}, {high:+.4f}] ({one.blocks})" if one.blocks > 1 else f"– ({one.blocks})",
                f"{100 * float(_relative(cell, study.names, 'mse').mean()):+.2f} %",
                f"{100 * float(_relative(cell, study.names, 'mae').mean()):+.2f} %",
            ]
        )
    heads = [
        "series",
        "steps",
        "MSE, over seeds",
        "MSE, over blocks of time",
        "MSE, relative",
        "MAE, relative",
    ]
    rows.sort(key=lambda row: row[0])
    return [
        *table(heads, rows),
        "",
        f"`{joint}` minus `{alone}`; negative: the contrast helps. Over seeds: mean difference and its "
        "95 % t interval, paired by seed. Over blocks of time: 95 % interval of the difference by resampling "
        "blocks of test time, at least twice as long as the horizon (in brackets the number of blocks; "
        "fewer than ten: unreliable).",
        "",
        *_overall(study),
    ]


def _overall(study: Study) -> Iterator[str]:
    """Mean relative effect over cells: seeds of a cell are averaged first, cells are what varies."""
    for metric in METRICS:
        effects = np.array([_relative(cell, study.names, metric).mean() for cell in study.cells])
        better, n = int((effects < 0).sum()), len(effects)
        yield (
            f"Over all {n} cells (series and horizon), relative to the error alone: "
            f"{metric.upper()} {over_seeds(100 * effects, '+.2f')} % (95 % t interval over cells, seeds "
            f"averaged first); the contrast is better in {better} of {n}."
        )
        yield ""
    yield (
        "Cells of one series share its test months and horizons overlap, so that this interval is narrower "
        "than one for new series would be."
    )


def _relative(cell: Cell, names: tuple[str, str, str], metric: str) -> Floats:
    """Relative effect of the contrast by seed."""
    alone, joint = (np.array(cell.of(name).by_seed[metric]) for name in names[:2])
    effect: Floats = joint / alone - 1
    return effect


def _gradients(study: Study) -> list[str]:
    """Diagnostics of the runs with a contrast: mean over logged steps, then over seeds."""
    rows = []
    for cell in sorted(study.cells, key=lambda cell: (cell.series, cell.horizon)):
        found = np.array([each for run in cell.runs[study.names[1]] for each in _ratios_and_cosines(run)])
        if len(found):
            ratio, cosine = np.exp(np.log(found[:, 0]).mean()), found[:, 1].mean()
            rows.append([cell.series, str(cell.horizon), f"{ratio:.2f}", f"{cosine:+.3f}"])
    told = (
        "Gradients on the weights of the encoder at logged steps, all seeds: norm of the contrast's weighted "
        "gradient over that of the error's (geometric mean), and their cosine (mean)."
    )
    return [told, "", *table(["series", "steps", "norm ratio", "cosine"], rows)]


def _ratios_and_cosines(run: Run) -> Iterator[tuple[float, float]]:
    for record in log(run):
        diagnostics = record.get("diagnostics", {})
        if diagnostics.get("gradient ratio", 0) > 0 and "gradient cosine" in diagnostics:
            yield diagnostics["gradient ratio"], diagnostics["gradient cosine"]
