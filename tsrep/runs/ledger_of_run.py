"""The ledger of a run: what it was trained on and chosen by, and what its first weights had seen."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tsrep.registry import DATASETS
from tsrep.runs.config import Configuration
from tsrep.runs.ledger import Ledger
from tsrep.signals.panel import Ints, Panel


def ledger_of_parts(
    config: Configuration, records: Panel, windows: Panel, train: Ints, validation: Ints
) -> Ledger | None:
    """Fingerprints of the recordings of two parts; None where the configuration wants none.

    Parameters
    ----------
    config : Configuration
    records : Panel
        As they were read.
    windows : Panel
        Cut from them.
    train, validation : int64 arrays
        Samples of the windows.
    """
    if config.ledger == "none":
        return None
    public = is_public(config.dataset.name)
    parts = (
        Ledger.of(records, "trained", records_of(records, windows, train), public=public),
        Ledger.of(records, "chosen", records_of(records, windows, validation), public=public),
    )
    return Ledger().union(*parts)


def records_of(records: Panel, windows: Panel, index: Ints) -> Ints:
    """Samples of whole records that windows were cut from."""
    return np.flatnonzero(np.isin(records.trial, windows.trial[index]))


def is_public(dataset: str) -> bool:
    """Whether a data set is one that was published, of which everybody has the same recordings."""
    about = DATASETS.entry(dataset).cls.about
    return bool(about.url and about.records and not about.synthetic)


def keep_ledger(folder: Path, own: Ledger | None, provenance: Mapping[str, Any], begun: Path) -> None:
    """Write the ledger of a trained run into its folder.

    Parameters
    ----------
    folder : Path
        Of the run.
    own : Ledger or None
        Of the recordings of its own training; with None nothing is kept.
    provenance : mapping
        Of the run, whose chain says whether all ancestors have a ledger.
    begun : Path
        Folder with the ledger of the weights that the run began with, where they had one.
    """
    before = Ledger.load(begun)
    if own is not None:
        complete = all(link.get("ledger") for link in provenance.get("chain", ()))
        own.union(*([] if before is None else [before]), complete=complete).save(folder)
