"""Test scores of several runs side by side, one task, all seeds, beside the control and baselines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from tsrep.evaluation.bootstrap import Interval
from tsrep.evaluation.candidate import Candidate, Model
from tsrep.evaluation.protocols.protocol import Protocol
from tsrep.evaluation.scores import RANDOM_INIT, Score, Scores
from tsrep.registry import PROTOCOLS
from tsrep.runs.build import new_encoder
from tsrep.runs.folder import Run
from tsrep.signals import Panel

Runs = Mapping[str, Sequence[Run]]


@dataclass(frozen=True)
class FinalScore:
    """One method by one metric on the test part.

    Attributes
    ----------
    method, metric, unit : str
    low, high : float
        95 % interval of the mean over seeds, by resampling patients or blocks of time.
    minus_random : Interval or None
        This minus the random initialisation on the same resamples; None for what has none.
    by_seed : tuple of float
    chosen_by : bool
        Whether the study's own score is this metric, on validation.
    """

    method: str
    metric: str
    unit: str
    low: float
    high: float
    minus_random: Interval | None
    by_seed: tuple[float, ...]
    chosen_by: bool


def final_scores(runs: Runs, folder: Path) -> list[FinalScore]:
    """Score runs of one task; the full scores go into ``folder`` as those of a run do.

    Parameters
    ----------
    runs : mapping of method to runs, one a seed
        On the same data and split. Random initialisations of the first method and the baselines of the
        protocol stand beside them.
    """
    every = [run for of in runs.values() for run in of]
    task = every[0].task
    prepared = task.prepare(progress=False)
    evaluation = task.comparison(prepared, [run.config for run in every])
    scores, _ = _main_protocol(every[0]).evaluate(candidates(runs, prepared.panel), evaluation)
    scores.save(folder)
    return list(_averaged(scores))


def candidates(runs: Runs, panel: Panel) -> list[Candidate]:
    """Runs by method, one a seed, and the random initialisations that the first method began with."""
    methods = [Candidate(name, "method", [partial(_trained, run) for run in of]) for name, of in runs.items()]
    starts = [partial(_start, run, panel) for run in next(iter(runs.values()))]
    return [*methods, Candidate(RANDOM_INIT, "control", starts)]


def _main_protocol(run: Run) -> Protocol:
    """The protocol of a run whose score stands for it."""
    settings = run.config.evaluation
    ranked = sorted(settings.protocols, key=lambda name: PROTOCOLS.entry(name).cls.rank)
    protocol: Protocol = PROTOCOLS.build(settings.of(ranked[0]))
    return protocol


def _trained(run: Run) -> Model:
    encoder = run.encoder()
    return encoder, run.objective(encoder)


def _start(run: Run, panel: Panel) -> Model:
    return new_encoder(run.config, panel, run.config.seed), run.objective()


def _averaged(scores: Scores) -> Iterator[FinalScore]:
    """Scores by record or window; errors are averaged over horizons, with intervals then too wide."""
    horizons = max(1, len(scores.horizons))
    for method in scores.methods:
        rows = [s for s in scores if s.method == method and (s.unit == "record" or s.horizon)]
        for metric in scores.metrics[:2]:
            by_seed = np.mean([row.by_seed[metric] for row in rows], axis=0)
            score = _mean([row.metrics[metric] for row in rows])
            paired = [row.difference[metric] for row in rows if metric in row.difference]
            yield FinalScore(
                method, metric, _unit(rows[0], horizons), score.low, score.high,
                _mean(paired) if paired else None, tuple(by_seed.tolist()), metric == scores.metrics[0],
            )  # fmt: skip


def _unit(score: Score, horizons: int) -> str:
    return score.unit if horizons == 1 else f"{score.unit}, mean of {horizons} horizons"


def _mean(intervals: Sequence[Interval]) -> Interval:
    ends = np.mean([(each.value, each.low, each.high) for each in intervals], axis=0)
    return Interval(*ends.tolist())
