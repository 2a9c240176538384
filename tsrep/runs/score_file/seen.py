"""Whether the encoder behind predictions has seen the recordings, where both are at hand."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tsrep.datasets.loading import load
from tsrep.errors import ConfigError, DataError
from tsrep.registry import DATASETS
from tsrep.runs.contamination import Contamination, SeenPolicy, check_seen
from tsrep.runs.references.reference import resolve
from tsrep.runs.score_file.truth import Truth
from tsrep.text import few


@dataclass(frozen=True)
class Signals:
    """The encoder that predictions are by, and the data set that the records are of.

    Attributes
    ----------
    encoder : str
        See :func:`tsrep.runs.references.reference.resolve`.
    dataset : str
    root : Path or None
        Folder of the data set.
    policy : {"refuse", "leave-out", "keep"}
        What becomes of records that were seen; see :func:`check_seen`.
    """

    encoder: str
    dataset: str
    root: Path | None = None
    policy: SeenPolicy = "refuse"

    def __post_init__(self) -> None:
        if DATASETS.entry(self.dataset).task != "panel":
            raise ConfigError(f"{self.dataset} is a series and has no records; leave --recordings out")

    def check(self, truth: Truth) -> tuple[Truth, Contamination]:
        """The records that may be scored, and what was found.

        Raises
        ------
        DataError
            When a record of the truth is not in the data set.
        RunError
            When 1 % of the records or more were seen and that is to be refused.
        """
        loaded = resolve(self.encoder).open()
        records: Any = load(self.dataset, self.root, progress=False)
        names = np.array([records.record_names[row] for row in records.row], np.str_)
        if absent := sorted(set(truth.record) - set(names.tolist())):
            raise DataError(
                f"{len(absent):,} of {len(truth):,} records of {truth.name} are not in {self.dataset} "
                f"({few(absent)}; it has {few(names.tolist())}); name records as it does"
            )
        scored = np.flatnonzero(np.isin(names, truth.record))
        found = check_seen(
            loaded.ledger,
            records,
            scored,
            reference=loaded.reference,
            policy=self.policy,
            trained_on=loaded.contract.trained_on.sources,
        )
        kept = set(names[found.scored(records, scored)].tolist())
        rows = np.array([i for i, name in enumerate(truth.record) if name in kept], np.int64)
        return truth.only(rows), found.contamination
