"""From a configuration to standardised samples and a checked split."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tsrep.encoders.encoder import Encoder
from tsrep.encoders.sliding import refuse_short_context
from tsrep.errors import ConfigError
from tsrep.evaluation.forecasts.spans import EvaluationSpans
from tsrep.evaluation.labels.metrics import classes_scored
from tsrep.forecasting.forecast import Forecast
from tsrep.objectives.objective import Objective
from tsrep.registry import DATASETS, OBJECTIVES, SPLITS
from tsrep.runs.config import Configuration
from tsrep.runs.prepare_series import PreparedSeries, prepare_series
from tsrep.signals import Panel, Series
from tsrep.signals.standardise import Scaler, fit_scaler
from tsrep.splits.by_time import TimeSplit
from tsrep.splits.split import Split


@dataclass(frozen=True)
class Prepared:
    """Data of a run.

    Attributes
    ----------
    records : Panel
        Whole records in their unit.
    panel : Panel
        Standardised windows, what encoders see.
    split : Split
        Of the windows.
    scaler : Scaler
        Fitted on the training part, unless it is one per record.
    """

    records: Panel
    panel: Panel
    split: Split
    scaler: Scaler

    @property
    def facts(self) -> dict[str, Any]:
        """What the data are, for ``provenance.json``."""
        records = self.records
        return {
            "source": records.source,
            "digest": records.digest,
            "synthetic": records.synthetic,
            "samples": len(self.panel),
            "records": len(records),
            "patients": len(set(records.patient.tolist())),
            "channels": list(records.channels),
            "classes": list(records.classes),
            "multilabel": records.multilabel,
            "sfreq": records.sfreq,
            "unit": records.unit,
            "skipped": [list(entry) for entry in records.skipped],
        }


def prepare(config: Configuration, *, progress: bool = True) -> Prepared | PreparedSeries:
    """Read the data, cut windows, split by patient or in time, and standardise.

    Raises
    ------
    ConfigError, DataError, SplitError
        When settings and data do not go together.
    """
    dataset = DATASETS.build(config.dataset)
    records: Panel | Series = dataset.load(config.root, strict=config.strict, progress=progress)
    if isinstance(records, Series):
        return prepare_series(config, dataset, records)
    windows = cut_windows(config, records)
    split = split_windows(config, windows)
    own = config.window.standardise == "record"
    scaler = fit_scaler(windows if own else windows.select(split.train), config.window.standardise)
    return Prepared(records, scaler.apply(windows), split, scaler)


def split_windows(config: Configuration, windows: Panel) -> Split:
    """Checked split of windows by the rule that was asked for, or the one that suits the data set."""
    rule = SPLITS.build(config.split or {"name": DATASETS.build(config.dataset).default_split})
    split: Split = rule(windows)
    return split


def cut_windows(config: Configuration, records: Panel) -> Panel:
    """Windows of records as the configuration says."""
    window = config.window
    length, hop = window.steps, window.hop_steps
    if length is None and window.seconds is None:
        return records
    if length is None:
        length = round((window.seconds or 0) * records.sfreq)
    if hop is None and window.hop_seconds is not None:
        hop = round(window.hop_seconds * records.sfreq)
    return records.windows(length, hop)


def refuse_unmet_needs(
    config: Configuration, encoder: Encoder, objective: Objective, prepared: Prepared | PreparedSeries
) -> None:
    """Check that the training part has what the objective contrasts, and that the score can choose.

    Raises
    ------
    ConfigError
        When there is nothing to train, samples are shorter than the encoder's stride, no trial or patient
        has two samples, there is one patient only, or no class of the validation part has both values; for
        a series also when a part is too short for a horizon, or the context for the encoder.
    """
    if prepared.panel.length < encoder.stride:
        raise ConfigError(
            f"samples of {prepared.panel.length} steps are shorter than one step of the encoder "
            f"{config.encoder.name}, which has {encoder.stride}; use longer windows or another encoder"
        )
    train = prepared.panel.select(prepared.split.train)
    name = config.objective.name
    playing = {id(p) for player in objective.inner_optimisations() for p in player.module.parameters()}
    if not any(
        p.requires_grad and id(p) not in playing for part in (encoder, objective) for p in part.parameters()
    ):
        raise ConfigError(
            f"encoder {config.encoder.name} has no weights and objective {name} adds none to train; use "
            "another encoder, or objective forecast"
        )
    for what, ids, remedy in (
        ("trial", train.trial, "shorten the window"),
        ("patient", train.patient, "shorten the window or add records"),
    ):
        if what in objective.needs and len(np.unique(ids)) == len(train):
            raise ConfigError(
                f"objective {name} needs several samples of a {what}, but each has one; {remedy}"
            )
    if "patient" in objective.needs and len(np.unique(train.patient)) < 2:
        raise ConfigError(f"objective {name} needs at least two training patients; add patients")
    if isinstance(prepared, PreparedSeries):
        refuse_short_parts(config, prepared.spans)
        if not isinstance(objective, Forecast):
            refuse_short_context(encoder, config.evaluation.forecast.context)
        return
    held = prepared.panel.select(prepared.split.validation)
    if config.training.checkpoint == "best-score" and not classes_scored(held.label, len(held.classes)):
        raise ConfigError(
            "no class of the validation part has both values, so no score can choose the epoch; "
            "give it other patients or set training.checkpoint to best-loss"
        )


def refuse_short_parts(config: Configuration, spans: TimeSplit) -> tuple[int, ...]:
    """Check that the parts of a series are long enough to be scored as the run will be.

    Returns
    -------
    tuple of int
        The horizons.

    Raises
    ------
    ConfigError
        Saying which part is too short and which horizon still fits.
    """
    settings = config.evaluation.forecast
    cut = OBJECTIVES.entry(config.objective.name).cls.training_windows(config.objective)
    if cut is not None:
        settings = settings.model_copy(update={"horizons": (cut.steps - cut.history,), "skip": 0})
    EvaluationSpans(spans, config.evaluation.part or "test", reach_back=cut is not None).check(settings)
    return settings.horizons
