"""Whether training samples, and batches of them, hold what a level of trials or of patients contrasts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from tsrep.errors import ConfigError
from tsrep.signals.panel import Ints, Panel

Pair = Literal["samples of a trial", "samples of a patient", "trials of a patient"]


def refuse_no_pair(
    pair: Pair, train: Panel, batches: Sequence[Ints] | None = None, *, objective: str, level: str
) -> None:
    """Check that a level finds two samples or trials that belong together, before training begins.

    Parameters
    ----------
    pair : {"samples of a trial", "samples of a patient", "trials of a patient"}
    train : Panel
        The training samples.
    batches : sequence of int64 arrays, optional
        Those of an epoch, over all processes, of which one at least must hold a pair; by default all samples
        together.
    objective, level : str
        Names, for the message.

    Raises
    ------
    ConfigError
        When there is none; one sentence says what to change.
    """
    if any(_has(pair, train, batch) for batch in batches or [np.arange(len(train))]):
        return
    kind = "trials" if pair == "trials of a patient" else "samples"
    if batches is not None:
        where, remedy = "no batch has", f"set sampler to {{name: patient-wise, {kind}: 2}}"
    else:
        where = "the training part has no"
        added = kind == "trials"
        remedy = "add recordings of its patients" if added else "cut several windows of each recording"
    raise ConfigError(
        f"objective {objective} has a {level} level, but {where} two {pair}; {remedy}, or set "
        f"objective.{level}_weight to 0"
    )


def _has(pair: Pair, train: Panel, batch: Ints) -> bool:
    """Whether a batch, whose samples are all different, has such a pair; a trial is of one patient."""
    trials, patients = (len(np.unique(ids[batch])) for ids in (train.trial, train.patient))
    fewer = trials if pair == "samples of a trial" else patients
    return fewer < (trials if pair == "trials of a patient" else len(batch))
