"""Test scores of several runs side by side, one task, all seeds, beside the control and baselines."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tsrep.evaluation.bootstrap import Interval
from tsrep.evaluation.candidate import Candidate, Model
from tsrep.evaluation.protocols.protocol import Protocol
from tsrep.evaluation.scores import RANDOM_INIT, Scores
from tsrep.registry import PROTOCOLS
from tsrep.runs.build import new_encoder
from tsrep.runs.folder import Run
from tsrep.signals import Panel
from tsrep.studies.confirm.finalists import PAIRED
from tsrep.studies.define.ranges import Array

Runs = Mapping[str, Sequence[Run]]
UNKNOWN = Interval(math.nan, math.nan, math.nan)


def final_scores(runs: Runs, folder: Path) -> pd.DataFrame:
    """Score runs of one task; the full scores go into ``folder`` as those of a run do.

    Parameters
    ----------
    runs : mapping of method to runs, one a seed
        On the same data and split. Random initialisations of the first method and the baselines of the
        protocol stand beside them.

    Returns
    -------
    DataFrame
        A row for each ``finalist`` (a method), ``metric`` and ``seed`` (from 0 on): ``test`` and ``unit``;
        ``interval_low`` and ``interval_high``, the 95 % interval of the mean over seeds, by resampling
        patients or blocks of time; ``minus_random`` with ``_low`` and ``_high``, the mean minus that of the
        random initialisation on the same resamples, NaN for what has none; ``chosen_by``, whether the study's
        own score is this metric, on validation.
    """
    every = [run for of in runs.values() for run in of]
    task = every[0].task
    prepared = task.prepare(progress=False)
    evaluation = task.comparison(prepared, [run.config for run in every])
    settings = every[0].config.evaluation
    main = min(settings.protocols, key=lambda name: PROTOCOLS.entry(name).cls.rank)  # it stands for the run
    protocol: Protocol = PROTOCOLS.build(settings.of(main))
    scores, _ = protocol.evaluate(candidates(runs, prepared.panel), evaluation)
    scores.save(folder)
    return pd.DataFrame(_averaged(scores))


def candidates(runs: Runs, panel: Panel) -> list[Candidate]:
    """Runs by method, one a seed, and the random initialisations that the first method began with."""
    methods = [Candidate(name, "method", [partial(_trained, run) for run in of]) for name, of in runs.items()]
    starts = [partial(_start, run, panel) for run in next(iter(runs.values()))]
    return [*methods, Candidate(RANDOM_INIT, "control", starts)]


def _trained(run: Run) -> Model:
    encoder = run.encoder()
    return encoder, run.objective(encoder)


def _start(run: Run, panel: Panel) -> Model:
    return new_encoder(run.config, panel, run.config.seed), run.objective()


def _averaged(scores: Scores) -> Iterator[dict[str, Any]]:
    """Scores by record or window; errors are averaged over horizons, with intervals then too wide."""
    horizons = f", mean of {len(scores.horizons)} horizons" if len(scores.horizons) > 1 else ""
    for method in scores.methods:
        rows = [s for s in scores if s.method == method and (s.unit == "record" or s.horizon)]
        for metric in scores.metrics[:2]:
            _, low, high = _mean([row.metrics[metric] for row in rows])
            paired = _mean([row.difference.get(metric, UNKNOWN) for row in rows])
            told = dict[str, Any](zip(PAIRED, paired, strict=True))
            told |= {"finalist": method, "metric": metric, "interval_low": low, "interval_high": high}
            told |= {"unit": rows[0].unit + horizons, "chosen_by": metric == scores.metrics[0]}
            for k, test in enumerate(np.mean([row.by_seed[metric] for row in rows], axis=0)):
                yield told | {"seed": k, "test": test}


def _mean(intervals: Sequence[Interval]) -> Array:
    """Value and ends."""
    return np.asarray(np.mean([(each.value, each.low, each.high) for each in intervals], axis=0))
