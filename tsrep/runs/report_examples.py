"""What a report shows besides scores: embeddings of all records, and a few records themselves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from tsrep.array_files import write_arrays
from tsrep.encoders.encoder import Encoder
from tsrep.encoders.pooling import POOLS, Pooling
from tsrep.evaluation.embedding import embed
from tsrep.rng import numpy_generator
from tsrep.runs.prepare_panel import PreparedPanel
from tsrep.signals import Panel
from tsrep.signals.panel import Ints

EXAMPLES = 6
OUTLINED, OUTLINE_STEPS, OUTLINE_SECONDS, OUTLINE_CHANNELS = 400, 500, 10.0, 2


def write_snapshots(
    folder: Path,
    prepared: PreparedPanel,
    encoders: Mapping[str, Encoder],
    pooling: Pooling,
    device: torch.device,
) -> None:
    """Write ``embeddings.npz`` (mean over the windows of each record), ``examples.npz`` and ``traces.npz``.

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
    _write_traces(folder / "traces.npz", prepared.records, panel, prepared.part_of_samples())


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


def _write_traces(path: Path, records: Panel, panel: Panel, part: Ints) -> None:
    """Outlines of some records of the last part, for a map: least and greatest value of many short spans."""
    of_part = panel.trial[part == part.max()]
    index = np.flatnonzero(np.isin(records.trial, of_part) & (records.length > 1))
    index = index[np.unique(records.trial[index], return_index=True)[1]]
    index = np.sort(numpy_generator(0, "traces").permutation(index)[:OUTLINED])
    channels = np.unique(np.linspace(0, len(records.channels), OUTLINE_CHANNELS, endpoint=False).astype(int))
    made = [outline(records.take(index[i : i + 1])[0, channels], records.sfreq) for i in range(len(index))]
    names, patients = records.record_names, records.patient_names
    row, patient = records.row[index], records.patient[index]
    write_arrays(
        path,
        trial=records.trial[index],
        outline=np.stack([values for values, _ in made]),
        scale=np.array([scale for _, scale in made]),
        record=np.array([names[r] for r in row] if names else [str(t) for t in records.trial[index]]),
        patient=np.array([patients[p] if patients else str(p) for p in patient]),
        channels=np.array([records.channels[c] for c in channels]),
        seconds=np.array(min(OUTLINE_SECONDS, records.length / records.sfreq)),
        unit=np.array(records.unit),
    )


def outline(x: NDArray[np.float32], sfreq: float) -> tuple[NDArray[np.int8], float]:
    """The course of a recording in few numbers: of each short span the least and the greatest value.

    Parameters
    ----------
    x : float32 array, shape (channel, time)
        Its first 10 s are taken; what is missing counts as the median.
    sfreq : float, Hz

    Returns
    -------
    int8 array, shape (channel, step)
        From -127 to 127 about the median of each channel.
    float
        What 127 stands for, in the unit of ``x``.
    """
    x = x[:, : max(2, round(OUTLINE_SECONDS * sfreq))].astype(np.float64)
    middle = [np.median(row[np.isfinite(row)]) if np.isfinite(row).any() else 0.0 for row in x]
    x = np.nan_to_num(x - np.array(middle)[:, None])
    starts = np.unique(np.linspace(0, x.shape[1], OUTLINE_STEPS // 2, endpoint=False).astype(int))
    ends = [np.minimum.reduceat(x, starts, axis=1), np.maximum.reduceat(x, starts, axis=1)]
    course = np.stack(ends, axis=2).reshape(len(x), -1)  # (channel, 2 * span)
    scale = float(np.abs(course).max()) or 1.0
    return np.round(127 * course / scale).astype(np.int8), scale
