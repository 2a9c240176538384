"""Outcomes of several methods as scores: means over seeds, intervals, paired differences, examples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from tsrep.evaluation.block_bootstrap import ENOUGH_BLOCKS, block_length
from tsrep.evaluation.bootstrap import Resampled
from tsrep.evaluation.difference import (
    RANDOM_INITS,
    TRAINING_SEEDS,
    difference_from_random,
    paired_difference,
)
from tsrep.evaluation.forecasts.baselines import BASELINES
from tsrep.evaluation.forecasts.details import Examples, ForecastDetails
from tsrep.evaluation.forecasts.errors import Errors, over_seeds, resample_blocks
from tsrep.evaluation.forecasts.outcomes import Measuring, Outcomes
from tsrep.evaluation.forecasts.rows import origins
from tsrep.evaluation.scores import RANDOM_INIT, Role, Score, Scores

Methods = Mapping[str, Sequence[Outcomes]]  # for each method one a seed


def summarise(
    measuring: Measuring, methods: Methods, control: str, seed: int, *, lookback: int = 0
) -> Scores:
    """Everything in the form in which it is kept.

    Parameters
    ----------
    measuring : Measuring
    methods : mapping of method to a sequence of outcomes
        One for each seed, in the order of the table.
    control : str
        The method, if there is one of that name, that all others get a paired difference from.
    seed : int
        Of the bootstrap.
    lookback : int
        Steps that all forecasts are made from, where it is one number.
    """
    keys = [(method, h) for method in methods for h in measuring.horizons]
    errors = {(method, h): [outcomes[h].errors for outcomes in methods[method]] for method, h in keys}
    means = {key: over_seeds(each) for key, each in errors.items()}
    n_bootstrap = measuring.settings.n_bootstrap
    lengths = {h: _length(measuring, h, means, control) for h in measuring.horizons}
    resampled = {
        key: resample_blocks(each, lengths[key[1]], n_bootstrap, seed=seed) for key, each in errors.items()
    }
    scores = tuple(
        _score(measuring, (method, h), methods[method], resampled, control, lengths[h]) for method, h in keys
    )
    details = ForecastDetails(
        {key: mean.per_step for key, mean in means.items()},
        {key: mean.per_channel for key, mean in means.items()},
        _examples(measuring, {name: seeds[0] for name, seeds in methods.items()}),
        measuring.instances[0].channels,
        lookback,
    )
    notes = (*measuring.notes, *_warnings(scores))
    return Scores(scores, forecasts={measuring.spans.part: details}, notes=notes)


def _warnings(scores: Sequence[Score]) -> Iterator[str]:
    """What a reader should not overlook: intervals out of few blocks, rows that were left out."""
    by_horizon = {s.horizon: s for s in scores if s.unreliable}
    few = [
        f"{s.blocks} of {s.block_length:,} steps (horizon {h})" for h, s in by_horizon.items() if s.blocks > 1
    ]
    if few:
        yield f"Interval unreliable, with fewer than {ENOUGH_BLOCKS} blocks of time: {', '.join(few)}."
    for horizon, score in by_horizon.items():
        if score.blocks < 2:
            yield (
                f"No interval at horizon {horizon}: the {score.n:,} windows have fewer than two blocks of "
                f"{score.block_length:,} steps."
            )
    for method in dict.fromkeys(s.method for s in scores):
        dropped = int(max(s.details["dropped"] for s in scores if s.method == method))
        if dropped:
            yield f"{method}: up to {dropped} training rows are left out, as values or features are missing."


def _length(measuring: Measuring, horizon: int, means: Mapping[tuple[str, int], Errors], against: str) -> int:
    """Origins of a block: the same for all methods, so that differences are paired."""
    influence = {method: errors.influence for (method, h), errors in means.items() if h == horizon}
    control = influence.get(against)
    series = [*influence.values()]
    if control is not None:
        series += [each - control for method, each in influence.items() if method != against]
    steps = len(origins(measuring.spans.score, horizon))
    return block_length(np.concatenate(series, axis=1).T, steps, 2 * max(horizon, measuring.period))


def _score(
    measuring: Measuring,
    key: tuple[str, int],
    seeds: Sequence[Outcomes],
    resampled: Mapping[tuple[str, int], Resampled],
    against: str,
    length: int,
) -> Score:
    method, horizon = key
    own = resampled[key]
    control = None if method == against else resampled.get((against, horizon))
    windows = len(origins(measuring.spans.score, horizon))
    role: Role = "baseline" if method in BASELINES else "control" if method == RANDOM_INIT else "method"
    # One encoder among random initialisations, or what has as many seeds as its control or no randomness.
    alone = role == "method" and against == RANDOM_INIT and own.seeds == 1
    compared = difference_from_random if alone else paired_difference
    first, alpha = seeds[0][horizon], float(np.mean([outcomes[horizon].alpha for outcomes in seeds]))
    details = {"fitted": float(first.fitted), "dropped": float(first.dropped)}
    if np.isfinite(alpha):
        details["alpha"] = alpha
    return Score(
        method=method,
        role=role,
        protocol="forecast",
        metric="mse",
        part=measuring.spans.part,
        unit="window",
        n=windows,
        seeds=own.seeds,
        metrics=own.intervals(),
        spread=own.spread,
        by_seed=own.by_seed,
        covers=own.covers(RANDOM_INITS if role == "control" else TRAINING_SEEDS),
        horizon=horizon,
        blocks=windows // length,
        block_length=length,
        n_bootstrap=measuring.settings.n_bootstrap,
        against="" if control is None else against,
        difference={} if control is None else compared(own, control),
        details=details,
    )


def _examples(measuring: Measuring, methods: Mapping[str, Outcomes]) -> Examples:
    """Truth around some origins, from the first instance, and what each method said."""
    values, longest, drawn = measuring.values[0], measuring.horizons[-1], measuring.drawn
    past = min(longest, int(drawn[0]) + 1)
    windows = values[:, drawn[:, None] + np.arange(1 - past, longest + 1)].transpose(1, 0, 2)
    said = {
        name: outcomes[longest].example.transpose(0, 2, 1).astype(np.float32)
        for name, outcomes in methods.items()
    }
    return Examples(drawn, windows[:, :, :past], windows[:, :, past:], said)
