"""Optuna's samplers and pruners by the names that a study file has for them."""

from __future__ import annotations

import warnings

from optuna.exceptions import ExperimentalWarning
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner, WilcoxonPruner
from optuna.samplers import BaseSampler, GPSampler, QMCSampler, RandomSampler, TPESampler

from tsrep.rng import numpy_generator
from tsrep.studies.define.definition import Pruning, Sampling


def new_sampler(settings: Sampling, seed: int, ticket: int) -> BaseSampler:
    """The sampler that draws a ticket; its own draws depend on study seed and ticket alone."""
    own = int(numpy_generator(seed, "sampler", ticket).integers(2**31))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        if settings.name == "tpe":
            return TPESampler(
                n_startup_trials=settings.startup, multivariate=True, group=True, constant_liar=True, seed=own
            )
        if settings.name == "gp":
            return GPSampler(seed=own, n_startup_trials=settings.startup, warn_independent_sampling=False)
        if settings.name == "qmc":  # one sequence, of which each trial takes the next point
            rest = RandomSampler(seed=own)  # of what counts under a condition
            return QMCSampler(
                scramble=True, seed=seed, independent_sampler=rest, warn_independent_sampling=False
            )
        return RandomSampler(seed=own)


def new_pruner(settings: Pruning, steps: int) -> BasePruner:
    """The pruner of trials that report ``steps`` times at most."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        if settings.name == "median":
            return MedianPruner(n_startup_trials=settings.startup, n_warmup_steps=settings.least)
        if settings.name == "hyperband":
            least = min(settings.least, steps)
            return HyperbandPruner(
                min_resource=least, max_resource=steps, reduction_factor=settings.reduction
            )
        if settings.name == "wilcoxon":
            return WilcoxonPruner(p_threshold=settings.p, n_startup_steps=settings.least)
    return NopPruner()
