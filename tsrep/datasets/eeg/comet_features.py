"""COMET's layout of EEG sets: ``Feature/feature_NN.npy`` for each patient and ``Label/label.npy``."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsrep.datasets.conversion import Job, Pieces, convert, fingerprint
from tsrep.datasets.eeg.decoding import in_counts
from tsrep.datasets.folders import cache_folder
from tsrep.datasets.formats.wfdb_header import Unreadable
from tsrep.errors import DataError
from tsrep.signals.panel import Panel

# COMET's parts as folds, so that the split "official" is the published one
TRAIN, VALIDATION, TEST = 1, 9, 10


@dataclass(frozen=True)
class Trials:
    """Files of one patient each, with ``(trial, channel, time)`` to come, and how they are told apart.

    Attributes
    ----------
    files : sequence of (int, Path)
        Patient's number and file.
    label : dict of int to int
        Class by patient.
    """

    name: str
    files: Sequence[tuple[int, Path]]
    label: dict[int, int]
    classes: tuple[str, ...]
    channels: tuple[str, ...]
    sfreq: float
    steps: int
    unit: str
    source: str
    validation: Collection[int]
    test: Collection[int]


def numbered(folder: Path, example: str) -> list[tuple[int, Path]]:
    """Files whose name has the number of a patient, by that number.

    Parameters
    ----------
    folder : Path
    example : str
        The name of patient 1's, such as ``feature_01.npy``; the number may have any width.

    Raises
    ------
    DataError
        When there are none, or a number comes twice.
    """
    stem, _, suffix = example.partition("01")
    pattern = rf"{re.escape(stem)}(\d+){re.escape(suffix)}"
    matches = ((re.fullmatch(pattern, path.name), path) for path in sorted(folder.iterdir()))
    found = sorted((int(match[1]), path) for match, path in matches if match)
    if not found:
        raise DataError(f"{folder} has no files like {example}; give the folder as it is distributed")
    for (number, one), (other, two) in pairwise(found):
        if number == other:
            raise DataError(f"{one.name} and {two.name} in {folder} have the same number; keep one")
    return found


def read_labels(path: Path) -> dict[int, int]:
    """Class by patient from ``label.npy``, whose rows are (label, patient).

    Raises
    ------
    DataError
        When it is something else, or a patient comes twice.
    """
    try:
        table = np.load(path)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path} cannot be read as a NumPy array ({error})") from error
    if table.ndim != 2 or table.shape[1] != 2 or not np.isin(table[:, 0], (0, 1)).all():
        raise DataError(f"{path} must have rows of label (0 or 1) and patient, but has shape {table.shape}")
    label = {int(patient): int(value) for value, patient in table}
    if len(label) < len(table):
        raise DataError(f"{path} has a patient in more than one row; keep one row for each")
    return label


def trials_panel(trials: Trials, root: Path, *, cache: Path | None, strict: bool, progress: bool) -> Panel:
    """Panel of whole trials, with COMET's parts as folds.

    Raises
    ------
    DataError
        When a file's patient has no label, or (``strict``) a file cannot be read.
    """
    stranger = next((file for patient, file in trials.files if patient not in trials.label), None)
    if stranger is not None:
        raise DataError(f"there is no label for the patient of {stranger}; add the row or remove the file")
    files = [file for _, file in trials.files]
    job = Job(
        name=trials.name,
        sources=files,
        labels=[file.name for file in files],
        decode=partial(_decode, channels=len(trials.channels), steps=trials.steps),
        key={"files": fingerprint(root, files)},
        shape=(len(trials.channels), trials.steps),
        pieces=30,
    )
    signals = convert(job, cache_folder(cache), strict=strict, progress=progress)
    patient = np.array([number for number, _ in trials.files], np.int64)[signals.source]
    fold = np.where(
        np.isin(patient, list(trials.test)),
        TEST,
        np.where(np.isin(patient, list(trials.validation)), VALIDATION, TRAIN),
    )
    return Panel(
        store=signals.store,
        gain=signals.gain,
        offset=signals.offset,
        row=np.arange(len(patient)),
        start=np.zeros(len(patient), np.int64),
        length=trials.steps,
        label=np.array([trials.label[p] for p in patient.tolist()], np.int64),
        trial=np.arange(len(patient)),
        patient=patient,
        fold=fold,
        sfreq=trials.sfreq,
        channels=trials.channels,
        classes=trials.classes,
        unit=trials.unit,
        skipped=signals.skipped,
        source=trials.source,
        digest=signals.digest[:16],
    )


def _decode(path: Path, channels: int, steps: int) -> Pieces:
    values = read_mat(path) if path.suffix == ".mat" else _read_feature(path)
    if values.ndim != 3 or values.shape[1:] != (channels, steps) or not len(values):
        raise Unreadable(f"trials have shape {values.shape[1:]}, not {channels} channels of {steps} steps")
    if not np.isfinite(values).all():
        raise Unreadable("missing values (NaN)")
    return Pieces(*in_counts(values))


def _read_feature(path: Path) -> NDArray[Any]:
    try:
        values: NDArray[Any] = np.load(path)
        return values.transpose(0, 2, 1)
    except (OSError, ValueError, EOFError) as error:
        raise Unreadable(f"it is no NumPy array of trials ({error})") from error


def read_mat(path: Path) -> NDArray[Any]:
    """Trials of a FieldTrip structure called ``data``, shape (trial, channel, time).

    Raises
    ------
    Unreadable
        When the file has none.
    """
    from scipy import io

    try:
        trials = io.loadmat(path, squeeze_me=False)["data"][0, 0]["trial"]
        return np.stack([np.asarray(trial, np.float64) for trial in trials.ravel()])
    except Exception as error:  # SciPy raises whatever a broken file leads it to
        what = " ".join(str(error).split())[:120] or type(error).__name__
        raise Unreadable(f"it has no FieldTrip structure 'data' with trials ({what})") from error
