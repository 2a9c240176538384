"""The data of a run, read, cut, split and standardised; what all kinds of data offer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from tsrep.encoders.encoder import Encoder
from tsrep.errors import RunError
from tsrep.registry import DATASETS, SPLITS
from tsrep.runs.contract import with_output
from tsrep.signals import Panel, Series
from tsrep.signals.contract import SignalContract
from tsrep.signals.panel import Floats, Ints
from tsrep.signals.standardise import Scaler
from tsrep.splits.split import PARTS, Split


@dataclass(frozen=True)
class Prepared(ABC):
    """Data of a run.

    Attributes
    ----------
    records : Panel or Series
        As they were read, in their unit.
    panel : Panel
        Standardised windows, what encoders are trained on.
    split : Split
        Of the windows.
    scaler : Scaler
        Fitted on the training part, unless it is one per record.
    contract : SignalContract
        What an encoder is shown of such data; its output is that of no encoder yet.
    """

    records: Any
    panel: Panel
    split: Split
    scaler: Scaler
    contract: SignalContract

    def contract_of(self, encoder: Encoder) -> SignalContract:
        """The contract of an encoder that was trained on these data."""
        return with_output(self.contract, encoder)

    @property
    def source(self) -> str:
        """What the data are, for captions."""
        return str(self.records.source)

    @property
    def digest(self) -> str:
        """Hash of the data."""
        return str(self.records.digest)

    @property
    def facts(self) -> dict[str, Any]:
        """What the data are, for ``provenance.json``."""
        return {
            "source": self.records.source,
            "digest": self.records.digest,
            "synthetic": self.records.synthetic,
            "samples": len(self.panel),
        }

    @property
    def flow(self) -> dict[str, Any]:
        """How many recordings and patients were found, left out and in each part; empty of a series."""
        return {}

    @property
    @abstractmethod
    def step(self) -> tuple[float, str]:
        """Length of a time step and what it is counted in, for axes: ``(0.01, "s")``."""

    @property
    def period(self) -> int:
        """Steps of the main season; 1 where there is none."""
        return 1

    @abstractmethod
    def encoded_steps(self, context: int) -> int:
        """Steps of what an encoder is shown at once when it is evaluated."""

    def output_steps(self, outputs: int, most: int) -> list[int]:
        """Which of the encoder's output steps a figure looks at: some at even distances."""
        return evenly(outputs, most)

    @abstractmethod
    def complete_windows(self, part: str, lookback: int, horizon: int, most: int) -> Floats:
        """Windows of a part without a missing value, at even distances.

        Parameters
        ----------
        part : {"train", "validation", "test"}
        lookback, horizon : int
            In steps; labelled samples are whole and have no horizon.
        most : int
            How many, if there are so many.

        Returns
        -------
        float32 array, shape (window, channel, time)

        Raises
        ------
        RunError
            When there is no such part, or no window of it is complete.
        """

    def part_of_samples(self) -> Ints:
        """Number of the part that each window is in, -1 for none."""
        part = np.full(len(self.panel), -1)
        for number, name in enumerate(PARTS):
            part[getattr(self.split, name)] = number
        return part


class DataSettings(Protocol):
    """Settings that say which data are read and how they are divided."""

    @property
    def dataset(self) -> Any:
        """Settings of the data set."""

    @property
    def root(self) -> Path | None:
        """Folder of the data."""

    @property
    def strict(self) -> bool:
        """Whether data with unreadable records are refused."""

    @property
    def split(self) -> Any:
        """Settings of the rule; None takes the one that the data set has by default."""


def split_by_rule(config: DataSettings, data: Panel | Series) -> Any:
    """Checked split of windows or a series by the rule asked for, or the one that suits the data set."""
    return SPLITS.build(config.split or {"name": DATASETS.build(config.dataset).default_split})(data)


def evenly(count: int, most: int) -> list[int]:
    """At most so many of ``count`` positions, the first and the last among them."""
    chosen: list[int] = np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int)).tolist()
    return chosen


def refuse_part(part: str) -> None:
    """Refuse a part of a split that there is not.

    Raises
    ------
    RunError
    """
    if part not in PARTS:
        raise RunError(f"there is no part {part!r}; use train, validation or test")
