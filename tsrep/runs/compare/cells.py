"""Cells of the table on disk: each is scored once, and found again by what its numbers depend on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tsrep.errors import RunError
from tsrep.evaluation.bootstrap import Resampled, resample
from tsrep.evaluation.predictions import Predictions
from tsrep.evaluation.scores import Score, Scores
from tsrep.files import write_json
from tsrep.reading import read_json, readable
from tsrep.runs.manifest import SCORED, changing, stored_scores
from tsrep.signals.panel import Ints


@dataclass(frozen=True)
class Cell:
    """Where a score stands in the table, and what is said of it besides its numbers.

    Attributes
    ----------
    encoder, dataset, protocol, subsample_by : str
    fraction : float
        Of the training labels.
    synthetic : bool
        Whether the signals were simulated.
    own : bool
        Whether the encoder was trained on the training part of these data.
    seen : str
        Status of the scored recordings: ``"own-split"``, ``"none"``, ``"seen"`` or ``"unknown"``; see
        :class:`tsrep.runs.contamination.Contamination`.
    marked : bool
        Whether recordings are scored that were trained on, so that the cell enters no verdict.
    seen_told : str
        The same in a sentence.
    notes : tuple of str
        What was done to the signals for this encoder.
    records, left_out : int
        Recordings that were scored or fitted on, and that could not be shown to the encoder.
    pool : str
        From one vector per step to one per window.
    key : str
        Digest of all that the numbers depend on.
    fitted_on : str
        Data sets that heads were fitted on, where a validation says so; else the one that is scored.
    inside : str
        Of a validation: why the scored recordings are not external to what was fitted; empty where they are.
    near : str
        Of an external cohort: what it has in common with those that were fitted on.
    """

    encoder: str
    dataset: str
    protocol: str
    fraction: float
    subsample_by: str
    synthetic: bool = False
    own: bool = False
    seen: str = "unknown"
    marked: bool = False
    seen_told: str = ""
    notes: tuple[str, ...] = ()
    records: int = 0
    left_out: int = 0
    pool: str = ""
    key: str = ""
    fitted_on: str = ""
    inside: str = ""
    near: str = ""

    @property
    def place(self) -> tuple[str, str, str, float, str]:
        """What no two cells share."""
        return self.encoder, self.dataset, self.protocol, self.fraction, self.subsample_by


@dataclass(frozen=True, eq=False)
class Scored:
    """A cell with its scores.

    Attributes
    ----------
    cell : Cell
    scores : Scores
        Of the method, the random initialisations and the baselines, with predictions for records.
    """

    cell: Cell
    scores: Scores

    def of(self, role: str) -> Score | None:
        """The score per record of a role; None where there is none, as random initialisations of vectors."""
        return next((s for s in self.scores if s.role == role and s.unit == "record"), None)

    @property
    def score(self) -> Score:
        """The score of the encoder.

        Raises
        ------
        RunError
            When the cell holds none.
        """
        if (found := self.of("method")) is None:
            raise RunError(f"the cell of {self.cell.encoder} on {self.cell.dataset} has no score; remove it")
        return found

    @property
    def predictions(self) -> Predictions:
        """Of records, averaged over encoders and draws of labels, with what they are the mean of."""
        return self.scores.predictions[self.score.key]

    @property
    def trials(self) -> Ints:
        """Records that were scored, in the order of their numbers."""
        return np.unique(self.predictions.trial)

    def resampled(self, trials: Ints | None = None, **settings: Any) -> Resampled:
        """The metric of the protocol on resamples of patients, a row for each encoder.

        Parameters
        ----------
        trials : int64 array, shape (record,), optional
            Of some records; by default of all.
        **settings
            See :func:`tsrep.evaluation.bootstrap.resample`.
        """
        held = self.predictions
        if trials is not None:
            order = np.argsort(held.trial, kind="stable")
            held = held.of(order[np.isin(held.trial[order], trials)])
        return resample(held.each, names=[self.score.metric], **settings).crossed(held.draws)


def digest_of(facts: Mapping[str, Any]) -> str:
    """Key of a cell from what its numbers depend on."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()


@dataclass(frozen=True)
class Store:
    """The cells of a comparison in its folder."""

    folder: Path

    def __contains__(self, key: str) -> bool:
        return (self._place(key) / "cell.json").is_file()

    def save(self, scored: Scored) -> None:
        """Write a cell; its own file comes last, so that a cell is there whole or not at all."""
        place = self._place(scored.cell.key)
        with changing(place, *SCORED):
            scored.scores.save(place)
        write_json(place / "cell.json", asdict(scored.cell))

    def load(self, cell: Cell) -> Scored:
        """The scores of a cell that was scored before, whatever its row and column are called now.

        Raises
        ------
        RunError
            When it cannot be read.
        """
        place = self._place(cell.key)
        with readable(place / "cell.json", "a cell of the table", f"remove {place}"):
            before = str(read_json(place / "cell.json")["encoder"])
        return Scored(cell, _renamed(stored_scores(place), before, cell.encoder))

    def _place(self, key: str) -> Path:
        return self.folder / "cells" / key[:24]


def _renamed(scores: Scores, before: str, after: str) -> Scores:
    """Scores and predictions under another name of the encoder."""

    def name(method: str) -> str:
        return after + method.removeprefix(before) if method.startswith(before) else method

    return replace(
        scores,
        scores=tuple(replace(s, method=name(s.method)) if s.role == "method" else s for s in scores),
        predictions={(name(key[0]), *key[1:]): p for key, p in scores.predictions.items()},
    )
