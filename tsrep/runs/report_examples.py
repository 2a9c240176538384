"""What a report shows besides scores: embeddings of all records, and a few records themselves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from tsrep.encoders.encoder import Encoder
from tsrep.encoders.pooling import POOLS, Pooling
from tsrep.evaluation.embedding import embed
from tsrep.files import write_arrays
from tsrep.runs.prepare_panel import PreparedPanel
from tsrep.signals import Panel
from tsrep.signals.panel import Ints

EXAMPLES = 6


def write_snapshots(
    folder: Path,
    prepared: PreparedPanel,
    encoders: Mapping[str, Encoder],
    pooling: Pooling,
    device: torch.device,
) -> None:
    """Write ``embeddings.npz`` (mean over the windows of each record) and ``examples.npz``.

    Parameters
    ----------
    folder : Path
    prepared : PreparedPanel
    encoders : mapping of str to Encoder
        By the name of their array: ``"x"`` what was trained, ``"x_random"`` its random initialisation.
    pooling : str
    device : torch.device
    """
    panel, pool = prepared.panel, POOLS[pooling]
    trial, first, inverse = np.unique(panel.trial, return_index=True, return_inverse=True)
    features = {
        name: _mean_by(inverse, embed(encoder.to(device), panel, pool=pool, device=device), len(trial))
        for name, encoder in encoders.items()
    }
    write_arrays(
        folder / "embeddings.npz",
        **features,
        label=panel.label[first],
        patient=panel.patient[first],
        trial=trial,
        part=prepared.part_of_samples()[first],
        classes=np.array(panel.classes),
    )
    _write_examples(folder / "examples.npz", prepared.records, prepared.panel, prepared.part_of_samples())


def _mean_by(group: Ints, x: NDArray[np.float32], groups: int) -> NDArray[np.float32]:
    total = np.zeros((groups, x.shape[1]))
    np.add.at(total, group, x)
    return (total / np.bincount(group, minlength=groups)[:, None]).astype(np.float32)


def _write_examples(path: Path, records: Panel, panel: Panel, part: Ints) -> None:
    """The first training record of each of some classes; evaluation patients are not put on show."""
    trials = panel.trial[part == 0]
    if not records.classes:
        _write_first(path, records, trials)
        return
    flags = records.label if records.multilabel else np.eye(len(records.classes), dtype=bool)[records.label]
    flags = flags & records.labelled[:, None]
    alone = flags.sum(axis=1) == 1
    chosen: list[int] = []
    for c in np.argsort(-flags.sum(axis=0), kind="stable")[:EXAMPLES]:
        has = np.flatnonzero(flags[:, c] & np.isin(records.trial, trials))
        if len(has):
            chosen.append(int(has[np.argmax(alone[has])]))
    index = np.array(chosen, np.int64)
    _write_records(path, records, index, ["+".join(np.array(records.classes)[flags[i]]) for i in chosen])


def _write_first(path: Path, records: Panel, trials: Ints) -> None:
    """The first training record of each of some patients, which nothing is known of."""
    train = np.flatnonzero(np.isin(records.trial, trials))
    _, first = np.unique(records.patient[train], return_index=True)
    index = np.sort(train[first])[:EXAMPLES]
    _write_records(path, records, index, [""] * len(index))


def _write_records(path: Path, records: Panel, index: Ints, names: list[str]) -> None:
    write_arrays(
        path,
        x=records.take(index),
        label=np.array(names),
        patient=records.patient[index],
        trial=records.trial[index],
        sfreq=np.array(records.sfreq),
        channels=np.array(records.channels),
        unit=np.array(records.unit),
    )
