"""COMET's layout of EEG sets: ``Feature/feature_NN.npy`` for each patient and ``Label/label.npy``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsrep.datasets.conversion import Job, Pieces, convert, fingerprint
from tsrep.datasets.dataset import ReadOptions, Unreadable
from tsrep.datasets.eeg.epochs import in_counts
from tsrep.datasets.eeg.preparation import UNIT
from tsrep.errors import DataError
from tsrep.signals.panel import Panel

# COMET's parts as folds, so that the split "official" is the published one
TRAIN, VALIDATION, TEST = 1, 9, 10
FEATURES = ("Feature", "Label/label.npy")


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


def read_features(folder: Path) -> tuple[list[tuple[int, Path]], dict[int, int]]:
    """Files of a folder by number of patient, and class by patient.

    Raises
    ------
    DataError
        When there is no file, or a patient comes twice.
    """
    return numbered(folder / "Feature", "feature_01.npy"), _labels(folder / "Label/label.npy")


def _labels(path: Path) -> dict[int, int]:
    """Class by patient from ``label.npy``, whose rows are (label, patient)."""
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


def trials_panel(
    name: str,
    root: Path,
    files: Sequence[tuple[int, Path]],
    label: Mapping[int, int],
    options: ReadOptions,
    *,
    steps: int,
    channels: tuple[str, ...],
    validation: Sequence[int],
    test: Sequence[int],
    **fields: Any,
) -> Panel:
    """Panel of whole trials at 256 Hz, with COMET's parts as folds.

    Parameters
    ----------
    name : str
        Of the data set.
    root : Path
    files : sequence of (int, Path)
        Patient's number and file, with ``(trial, channel, time)`` in it.
    label : mapping of int to int
        Class by patient.
    options : ReadOptions
    steps : int
        Of a trial.
    channels : tuple of str
    validation, test : sequences of int
        Patients; the others train.
    **fields
        Other attributes of the panel.

    Raises
    ------
    DataError
        When a file's patient has no label, or (``strict``) a file cannot be read.
    """
    stranger = next((file for patient, file in files if patient not in label), None)
    if stranger is not None:
        raise DataError(f"there is no label for the patient of {stranger}; add the row or remove the file")
    paths = [file for _, file in files]
    job = Job(
        name=name,
        sources=paths,
        labels=[file.name for file in paths],
        decode=partial(_decode, channels=len(channels), steps=steps),
        key={"files": fingerprint(root, paths)},
        shape=(len(channels), steps),
        pieces=30,
    )
    signals = convert(job, **options)
    patient = np.array([number for number, _ in files], np.int64)[signals.source]
    held = [np.isin(patient, list(test)), np.isin(patient, list(validation))]
    return signals.panel(
        [file.stem for file in paths],
        label=np.array([label[p] for p in patient.tolist()], np.int64),
        patient=patient,
        fold=np.select(held, [TEST, VALIDATION], TRAIN),
        sfreq=256.0,
        channels=channels,
        unit=UNIT,
        modality="eeg",
        **fields,
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
        return np.asarray(np.load(path)).transpose(0, 2, 1)
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
