"""Test scores of several runs side by side, one task, all seeds, beside the control and baselines."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tsrep.errors import RunError
from tsrep.evaluation.bootstrap import Interval
from tsrep.evaluation.candidate import Candidate, Model
from tsrep.evaluation.protocols.protocol import Protocol
from tsrep.evaluation.scores import RANDOM_INIT, Score, Scores
from tsrep.registry import PROTOCOLS
from tsrep.runs.build import new_encoder
from tsrep.runs.config import Configuration
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
        On the same data and split. Beside each method stand the random initialisations of its own
        architecture, which it shares with others that began from the same weights, and the baselines of the
        protocol.

    Returns
    -------
    DataFrame
        A row for each ``finalist`` (a method), ``metric`` and ``seed`` (from 0 on): ``validation`` and
        ``test`` under the same protocol, in the same ``unit``; ``interval_low`` and ``interval_high``, the
        95 % interval of the mean test score over seeds, by resampling patients or blocks of time;
        ``against``, the random initialisation that it is compared with, and ``minus_random`` with ``_low``
        and ``_high``, the mean minus that of ``against`` on the same resamples, NaN for what has none.
    """
    every = [run for of in runs.values() for run in of]
    task = every[0].task
    prepared, configs = task.prepare(progress=False), [run.config for run in every]
    test, validation = (task.comparison(prepared, configs, part) for part in ("test", "validation"))
    settings = every[0].config.evaluation
    main = min(settings.protocols, key=lambda name: PROTOCOLS.entry(name).cls.rank)  # it stands for the run
    protocol: Protocol = PROTOCOLS.build(settings.of(main))
    groups, rows = alike(runs), list[dict[str, Any]]()
    for own in groups:
        models = candidates(own, prepared.panel)
        scores, chosen = (protocol.evaluate(models, part)[0] for part in (test, validation))
        first = next(iter(own))
        scores.save(folder if len(groups) == 1 else folder / first.replace(" ", "-"))
        control = RANDOM_INIT if len(groups) == 1 else f"{RANDOM_INIT} of {first}"
        control += f" and {len(own) - 1} more" if len(groups) > 1 and len(own) > 1 else ""
        of_group = _averaged(scores, chosen, control)
        baselines = {score.method for score in scores.where(role="baseline")} if rows else ()
        rows += [row for row in of_group if row["finalist"] not in baselines]
    return pd.DataFrame(rows)


def alike(runs: Runs) -> list[Runs]:
    """Methods whose random initialisations are the same, together."""
    groups: dict[str, dict[str, Sequence[Run]]] = {}
    for name, of in runs.items():
        groups.setdefault(repr([_beginning(run.config) for run in of]), {})[name] = of
    return list(groups.values())


def _beginning(config: Configuration) -> tuple[Any, ...]:
    """What scores of a random initialisation depend on, data and split aside."""
    # what forecasts says how look-backs are normalised and shown to the encoder
    shown = config.objective if config.objective_class.forecasts else None
    return config.seed, config.encoder, shown


def candidates(runs: Runs, panel: Panel) -> list[Candidate]:
    """Runs by method, one a seed, and the random initialisations that the first method began with.

    Raises
    ------
    RunError
        When methods have different encoders, which no control can stand beside.
    """
    encoders = {repr(run.config.encoder): name for name, of in runs.items() for run in of}
    if len(encoders) > 1:
        raise RunError(
            f"{' and '.join(encoders.values())} have different encoders, so that they have no random "
            "initialisation in common; compare each with its own"
        )
    methods = [Candidate(name, "method", [partial(_trained, run) for run in of]) for name, of in runs.items()]
    starts = [partial(_start, run, panel) for run in next(iter(runs.values()))]
    return [*methods, Candidate(RANDOM_INIT, "control", starts)]


def _trained(run: Run) -> Model:
    encoder = run.encoder()
    return encoder, run.objective(encoder)


def _start(run: Run, panel: Panel) -> Model:
    return new_encoder(run.config, panel, run.config.seed), run.objective()


def _averaged(scores: Scores, chosen: Scores, control: str) -> Iterator[dict[str, Any]]:
    """Scores by record or window; errors are averaged over horizons, with intervals then too wide.

    Parameters
    ----------
    scores, chosen : Scores
        Of the test part and of the validation part.
    control : str
        What the random initialisation is called.
    """
    horizons = f", mean of {len(scores.horizons)} horizons" if len(scores.horizons) > 1 else ""
    for method in scores.methods:
        rows, held = _of(scores, method), _of(chosen, method)
        for metric in scores.metrics[:2]:
            _, low, high = _mean([row.metrics[metric] for row in rows])
            paired = _mean([row.difference.get(metric, UNKNOWN) for row in rows])
            told = dict[str, Any](zip(PAIRED, paired, strict=True))
            told |= {"finalist": control if rows[0].role == "control" else method, "metric": metric}
            told |= {"interval_low": low, "interval_high": high, "unit": rows[0].unit + horizons}
            told |= {"against": control if rows[0].against else ""}
            validation = _by_seed(held, metric) if held else repeat(math.nan)
            for k, (test, own) in enumerate(zip(_by_seed(rows, metric), validation, strict=False)):
                yield told | {"seed": k, "test": test, "validation": own}


def _of(scores: Scores, method: str) -> list[Score]:
    return [s for s in scores.where(method=method) if s.unit == "record" or s.horizon]


def _by_seed(rows: Sequence[Score], metric: str) -> Array:
    return np.asarray(np.mean([row.by_seed[metric] for row in rows], axis=0))


def _mean(intervals: Sequence[Interval]) -> Array:
    """Value and ends."""
    return np.asarray(np.mean([(each.value, each.low, each.high) for each in intervals], axis=0))
