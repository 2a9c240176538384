"""From a configuration to standardised samples and a checked split."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tsrep.errors import ConfigError
from tsrep.objectives.objective import Objective
from tsrep.registry import DATASETS, OBJECTIVES, SPLITS
from tsrep.runs.config import Configuration
from tsrep.signals import Panel, Split
from tsrep.signals.standardise import Scaler, fit_scaler


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


def prepare(config: Configuration, *, progress: bool = True) -> Prepared:
    """Read the data, cut windows, split by patient and standardise.

    Raises
    ------
    ConfigError, DataError, SplitError
        When settings and data do not go together.
    """
    dataset = DATASETS.build(config.dataset)
    records: Panel = dataset.load(config.root, strict=config.strict, progress=progress)
    windows = cut_windows(config, records)
    rule = SPLITS.build(config.split or {"name": dataset.default_split})
    split: Split = rule(windows)
    scaler = fit_scaler(windows.select(split.train), config.window.standardise)
    if config.window.standardise == "record":
        scaler = fit_scaler(windows, "record")
    return Prepared(records, scaler.apply(windows), split, scaler)


def cut_windows(config: Configuration, records: Panel) -> Panel:
    """Windows of records as the configuration says."""
    window = config.window
    if window.seconds is None:
        return records
    hop = window.hop_seconds
    return records.windows(
        round(window.seconds * records.sfreq), None if hop is None else round(hop * records.sfreq)
    )


def refuse_unmet_needs(config: Configuration, prepared: Prepared) -> None:
    """Check that the training part has what the objective contrasts.

    Raises
    ------
    ConfigError
        When every trial has one sample only, or there is one patient only.
    """
    cls = OBJECTIVES.entry(config.objective.name).cls
    assert issubclass(cls, Objective)
    train = prepared.panel.select(prepared.split.train)
    if "trial" in cls.needs and len(np.unique(train.trial)) == len(train):
        raise ConfigError(
            f"objective {config.objective.name} needs several samples per trial, but each trial gives one; "
            "shorten window.seconds"
        )
    if "patient" in cls.needs and len(np.unique(train.patient)) < 2:
        raise ConfigError(
            f"objective {config.objective.name} needs at least two training patients; add patients"
        )
