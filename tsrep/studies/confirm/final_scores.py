"""Test scores of several runs side by side, one task, all seeds, beside controls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tsrep.encoders.pooling import POOLS
from tsrep.evaluation.bootstrap import Interval
from tsrep.evaluation.embedding import embed
from tsrep.evaluation.forecasts.direct import Forecast, FrozenFeatures, direct_scores
from tsrep.evaluation.forecasts.forecast_scores import ForecastScores
from tsrep.evaluation.forecasts.representation import encode, forecast_scores
from tsrep.evaluation.labels.frozen import Settings, evaluate_features
from tsrep.evaluation.labels.scoring import RANDOM_INIT
from tsrep.evaluation.scores import Score, Scores
from tsrep.runs.build import new_encoder
from tsrep.runs.config import EvaluationSettings
from tsrep.runs.direct_forecast import forecast_of, represent_of
from tsrep.runs.folder import Run
from tsrep.runs.prepare import Prepared, prepare
from tsrep.runs.prepare_series import PreparedSeries
from tsrep.signals.panel import Floats
from tsrep.training.distributed import pick_device

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
        This minus the random-initialised encoder on the same resamples; None for what has none.
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
        On the same data and split. A random-initialised encoder of the first method and the trivial controls
        of the protocol stand beside them.
    """
    first = next(iter(runs.values()))[0]
    prepared = prepare(first.config, progress=False)
    if isinstance(prepared, Prepared):
        return _panel(runs, prepared, folder)
    score = _direct if first.config.objective.name == "forecast" else _represented
    scores = score(runs, prepared)
    scores.save(folder)
    horizons = len({row.horizon for row in scores})
    return list(_averaged(scores, horizons))


def _direct(runs: Runs, prepared: PreparedSeries) -> ForecastScores:
    found = list(runs.values())
    first, instances = found[0][0], prepared.instances
    device = pick_device(first.config.device)

    def said(of: Sequence[Run]) -> Iterator[Forecast]:
        for run in of:
            yield forecast_of(run.forecaster(), instances, device)

    def starts() -> Iterator[FrozenFeatures]:
        for run in found[0]:
            encoder = new_encoder(run.config, prepared.panel, run.config.seed)
            yield represent_of(encoder, run.forecaster().objective, instances, device)

    return direct_scores(
        {method: said(of) for method, of in runs.items()},
        {RANDOM_INIT: starts()},
        instances,
        prepared.spans,
        first.config.evaluation.forecast,
        horizon=first.config.objective.horizon,
        lookback=max(run.config.objective.lookback for of in found for run in of),
        control=RANDOM_INIT,
    )


def _represented(runs: Runs, prepared: PreparedSeries) -> ForecastScores:
    first = next(iter(runs.values()))[0]
    device, settings = pick_device(first.config.device), first.config.evaluation.forecast
    stop = prepared.spans.test[1]

    def features(of: Sequence[Run], *, trained: bool) -> Iterator[list[Floats]]:
        for run in of:
            encoder = run.encoder() if trained else new_encoder(run.config, prepared.panel, run.config.seed)
            moved = encoder.to(device)
            yield encode(moved, prepared.instances, context=settings.context, stop=stop, device=device)

    methods = {method: features(of, trained=True) for method, of in runs.items()}
    methods[RANDOM_INIT] = features(next(iter(runs.values())), trained=False)
    return forecast_scores(methods, prepared.instances, prepared.spans, settings)


def _averaged(scores: ForecastScores, horizons: int) -> Iterator[FinalScore]:
    """Errors averaged over horizons; with several, intervals are averages too and so are too wide."""
    for method in dict.fromkeys(row.method for row in scores):
        rows = [row for row in scores if row.method == method]
        for metric in ("mse", "mae"):
            by_seed = np.mean([row.by_seed[metric] for row in rows], axis=0)
            score = _mean([row.metrics[metric] for row in rows])
            paired = [row.difference[metric] for row in rows if metric in row.difference]
            unit = "window" if horizons == 1 else f"window, mean of {horizons} horizons"
            yield FinalScore(
                method, metric, unit, score.low, score.high, _mean(paired) if paired else None,
                tuple(by_seed.tolist()), metric == "mse",
            )  # fmt: skip


def _mean(intervals: Sequence[Interval]) -> Interval:
    ends = np.mean([(each.value, each.low, each.high) for each in intervals], axis=0)
    return Interval(*ends.tolist())


def _panel(runs: Runs, prepared: Prepared, folder: Path) -> list[FinalScore]:
    first = next(iter(runs.values()))
    config = first[0].config
    pool, device = POOLS[config.evaluation.pool], pick_device(config.device)

    def features(run: Run, *, trained: bool) -> Floats:
        encoder = run.encoder() if trained else new_encoder(run.config, prepared.panel, run.config.seed)
        return embed(encoder.to(device), prepared.panel, pool=pool, device=device, amp=config.training.amp)

    methods = {method: [features(run, trained=True) for run in of] for method, of in runs.items()}
    methods[RANDOM_INIT] = [features(run, trained=False) for run in first]
    scores = _probed(methods, prepared, config.evaluation)
    scores.save(folder)
    alone = [
        _probed({method: [each[k]] for method, each in methods.items()}, prepared, config.evaluation)
        for k in range(len(first))
    ]
    return [
        FinalScore(
            row.method,
            metric,
            row.unit,
            row.metrics[metric].low,
            row.metrics[metric].high,
            row.difference.get(metric),
            tuple(one.metrics[metric].value for found in alone for one in found if _same(one, row)),
            metric == "auroc",
        )
        for row in scores.where(unit="record")
        for metric in ("auroc", "auprc")
    ]


def _same(one: Score, other: Score) -> bool:
    return (one.method, one.protocol, one.unit) == (other.method, other.protocol, other.unit)


def _probed(methods: dict[str, list[Floats]], prepared: Prepared, given: EvaluationSettings) -> Scores:
    """A probe on all labels; the validation part chooses its penalty."""
    settings = Settings(
        C=given.C,
        scheme=given.scheme,
        aggregate=given.aggregate,
        n_bootstrap=given.n_bootstrap,
    )
    seeds = len(next(iter(methods.values())))
    return evaluate_features(
        methods,
        prepared.panel,
        prepared.split,
        protocols=("probe",),
        fractions=(1.0,),
        seeds=seeds,
        settings=settings,
    )
