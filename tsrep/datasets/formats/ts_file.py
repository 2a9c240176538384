"""Problems of the UCR and UEA archives: official train and test files of labelled series."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tsrep.datasets.dataset import About
from tsrep.datasets.recordings import Recordings
from tsrep.errors import DataError
from tsrep.registry import DATASETS, nearest
from tsrep.signals.panel import Floats, Panel
from tsrep.text import plural

SUFFIXES = (".ts", ".tsv", ".txt")
PARTS = ("TRAIN", "TEST")
Labelled = tuple[Floats, list[str]]
Read = tuple[list[list[NDArray[np.float64]]], list[str]]


@DATASETS.register("ucr-uea")
@dataclass
class UcrUea(Recordings):
    """One classification problem: ``NAME_TRAIN.ts`` and ``NAME_TEST.ts``.

    Series of unequal length are padded at their end with missing values (NaN), which encoders do not
    keep. Every series is a patient of its own; ``fold`` is 1 in the train and 2 in the test file.

    Parameters
    ----------
    problem : str or None
        Name of the problem, in a folder of that name or beside others; ``None`` where the folder holds
        one problem only.
    channels : tuple of str or None
        To keep, by name (``ch0``, ``ch1``, ...), in this order.
    rename : mapping of str to str, or None
        New names by old ones.

    Notes
    -----
    ``.ts`` files are read by sktime; the older UCR form (``.tsv`` or ``.txt``, the label first, one
    series a line) is read too. Where a problem lies in several forms, ``.ts`` is taken.
    """

    about = About(
        title="UCR and UEA classification problems",
        licence="free for research with citation; see the page of each problem",
        citation=(
            "Dau HA, Bagnall A, Kamgar K, et al. The UCR Time Series Archive. IEEE/CAA Journal of "
            "Automatica Sinica 6, 1293 (2019); Bagnall A, Dau HA, Lines J, et al. The UEA multivariate "
            "time series classification archive, 2018. arXiv:1811.00075."
        ),
        url="https://www.timeseriesclassification.com",
        default_split="train-test",
        independence="recording",
        needs=("NAME_TRAIN.ts", "NAME_TEST.ts"),
        notes="setting problem: NAME, for a folder of several problems; also NAME_TRAIN.txt or .tsv",
    )

    files = ()  # those of the problem are looked for
    # The published protocol: whole series, statistics of the train part, max-pooled features, all labels.
    defaults: ClassVar[Mapping[str, Any]] = {
        "window": {"seconds": None, "standardise": "channel"},
        "objective": {"name": "autotcl"},
        "training": {"batch_size": 8},
        "evaluation": {"pool": "max", "labels": [1.0], "protocols": ["svm", "logistic"]},
    }

    problem: str | None = None

    def read(self, folder: Path, *, cache: Path, strict: bool, progress: bool) -> Panel:
        """Panel of all series, those of the train file first.

        Raises
        ------
        DataError
            When a file is missing or unreadable, train and test do not fit each other, or (``strict``)
            values are missing inside a series.
        """
        del cache, progress  # text of some megabytes is read anew, quickly
        name, files = _find(folder, self.problem)
        (train, train_label), (test, test_label) = parts = [read_labelled(file) for file in files]
        _refuse_misfit(files, *parts)
        if strict:
            _refuse_gaps(f"{name}_TRAIN", train)
            _refuse_gaps(f"{name}_TEST", test)
        classes = _ordered(set(train_label))
        label = [classes.index(label) for label in (*train_label, *test_label)]
        return Panel.from_arrays(
            _padded([*train, *test]),
            label=label,
            patient=np.arange(len(label)),
            sfreq=1,
            classes=classes,
            fold=np.repeat([1, 2], [len(train), len(test)]),
            record_names=tuple(map(str, range(len(label)))),
            modality="series",
            source=f"{name} (UCR/UEA)",
        ).hashed("".join(hashlib.sha256(file.read_bytes()).hexdigest() for file in files))


def _find(folder: Path, problem: str | None) -> tuple[str, tuple[Path, Path]]:
    """Name of the problem and its two files."""
    if problem is not None and (folder / problem).is_dir():
        folder = folder / problem
    found: dict[str, dict[str, dict[str, Path]]] = {}
    for file in sorted(folder.iterdir()):
        name, _, part = file.stem.rpartition("_")
        if name and part.upper() in PARTS and file.suffix in SUFFIXES:
            found.setdefault(name, {}).setdefault(file.suffix, {})[part.upper()] = file
    if problem is None and len(found) > 1:
        raise DataError(
            f"{folder} holds {len(found)} problems ({', '.join(list(found)[:3])}, ...); "
            "choose one with dataset.problem"
        )
    name = problem if problem is not None else next(iter(found), "NAME")
    forms = found.get(name, {})
    for suffix in SUFFIXES:
        files = forms.get(suffix, {})
        if len(files) == len(PARTS):
            return name, (files["TRAIN"], files["TEST"])
    suffix = next((s for s in SUFFIXES if s in forms), ".ts")
    missing = next(part for part in PARTS if part not in forms.get(suffix, {}))
    inside = sorted({file.parent.name for file in folder.glob("*/*_TRAIN.*") if file.suffix in SUFFIXES})
    hint = (
        "give a folder with the train and the test file, or one with a folder for each problem and the "
        "setting problem"
    )
    if inside and not forms:
        like = f"it holds folders such as {inside[0]}; choose one"
        hint = f"{nearest(problem, [*found, *inside]) if problem else like} (setting dataset.problem)"
    raise DataError(f"{folder} has no {name}_{missing}{suffix}; {hint}")


def _refuse_misfit(files: Sequence[Path], train: Labelled, test: Labelled) -> None:
    channels = [x.shape[1] for x, _ in (train, test)]
    if channels[0] != channels[1]:
        raise DataError(
            f"{files[0].name} has {plural(channels[0], 'channel')} but {files[1].name} has {channels[1]}; "
            "take both files from one problem"
        )
    unknown = _ordered(set(test[1]) - set(train[1]))
    if unknown:
        raise DataError(
            f"class {unknown[0]!r} is in {files[1].name} but not in {files[0].name}; "
            "a class without training samples cannot be learned, so take both files from one problem"
        )


def _refuse_gaps(part: str, x: Floats) -> None:
    """Missing values inside; those at the end only mean that the series is shorter."""
    there = np.isfinite(x)
    later = np.logical_or.accumulate(there[..., ::-1], axis=-1)[..., ::-1]
    gaps = np.argwhere(later & ~there)
    if len(gaps):
        raise DataError(
            f"series {gaps[0][0]} of {part} has missing values in channel {gaps[0][1]}; "
            "fix it, or load without --strict"
        )


def _ordered(labels: set[str]) -> tuple[str, ...]:
    """Class names, as numbers where all of them are."""
    try:
        return tuple(sorted(labels, key=float))
    except ValueError:
        return tuple(sorted(labels))


def _padded(series: Sequence[Sequence[NDArray[Any]] | NDArray[Any]]) -> Floats:
    """One array of shape (series, channel, time), with NaN after the end of shorter series."""
    longest = max(len(values) for channels in series for values in channels)
    x = np.full((len(series), len(series[0]), longest), np.nan, np.float32)
    with np.errstate(over="ignore"):
        for i, channels in enumerate(series):
            for c, values in enumerate(channels):
                x[i, c, : len(values)] = values
    there = np.asarray(~np.isnan(x).all(axis=(0, 1)))
    return x[..., : len(there) - int(np.argmax(there[::-1]))]


def read_labelled(path: Path) -> Labelled:
    """Read a ``.ts``, ``.tsv`` or ``.txt`` file.

    Parameters
    ----------
    path : Path

    Returns
    -------
    array, shape (series, channel, time)
        NaN after the end of a series.
    list of str
        Names of their classes.

    Raises
    ------
    DataError
        When the file is empty, unreadable or without classes, or a channel of a series has no value or one
        that is infinite in single precision.
    """
    series, label = _read_ts(path) if path.suffix == ".ts" else _read_text(path)
    if not series:
        raise DataError(f"{path} has no series; give a file with at least one")
    if not any(len(values) for values in series[0]):
        raise DataError(f"series 0 of {path} has no value; remove the series or fix it")
    x = _padded(series)
    silent, infinite = np.argwhere(np.isnan(x).all(axis=2)), np.argwhere(np.isinf(x).any(axis=2))
    if len(silent):
        i, c = silent[0]
        raise DataError(f"series {i} of {path} has no value in channel {c}; remove the series or fix it")
    if len(infinite):
        i, c = infinite[0]
        raise DataError(
            f"series {i} of {path} has an infinite value in channel {c}; fix it (a missing one is ?)"
        )
    return x, label


def _read_ts(path: Path) -> Read:
    from sktime.datasets import load_from_tsfile_to_dataframe  # takes seconds

    try:
        names = _class_names(path)
        read = load_from_tsfile_to_dataframe(str(path), return_separate_X_and_y=True)
    except (OSError, ValueError, TypeError, IndexError, NameError) as error:
        # sktime meets a file without a header with a name that it has not set
        reason = "it has no header" if isinstance(error, NameError | TypeError) else str(error)
        raise DataError(f"{path} is not readable as a .ts file ({reason}); download it again") from error
    if not isinstance(read, tuple):
        raise DataError(f"{path} has no class labels; give a classification problem")
    table, label = read
    columns = [table[name].tolist() for name in table.columns]
    series = [
        [np.asarray(values, np.float64) for values in channels] for channels in zip(*columns, strict=True)
    ]
    for i, name in enumerate(label.tolist()):
        if name not in names:
            raise DataError(
                f"series {i} of {path} has class {name!r}, which @classLabel does not list; fix the file"
            )
    return series, [names[name] for name in label.tolist()]


def _class_names(path: Path) -> dict[str, str]:
    """Names in the header by their lower-case form, which is all that sktime keeps."""
    with path.open(encoding="utf-8-sig") as lines:
        for line in lines:
            words = line.split()
            if words and words[0].lower() == "@classlabel":
                names = {name.lower(): name for name in words[2:]}
                if len(names) < len(words[2:]):
                    raise DataError(f"{path} has class names that differ in case only; rename one of them")
                return names
            if [word.lower() for word in words[:2]] == ["@targetlabel", "true"]:
                raise DataError(
                    f"{path} has numbers to predict (@targetLabel), and ucr-uea reads classes; write its "
                    "series to a table for panel-csv with the numbers in dataset.targets"
                )
            if words and words[0].lower() == "@data":
                break
    return {}


def _read_text(path: Path) -> Read:
    """One series a line, the label first, divided by blanks, tabs or commas; NaN at the end is padding."""
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
        rows = [row for row in (line.replace(",", " ").split() for line in lines) if row]
        return [[np.array(row[1:], np.float64)] for row in rows], [_plain(row[0]) for row in rows]
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path} is not readable as labelled series ({error}); give lines of a label and numbers"
        ) from error


def _plain(label: str) -> str:
    """``-1.0000000e+00`` is the class ``-1``."""
    try:
        number = float(label)
    except ValueError:
        return label
    return str(int(number)) if number.is_integer() else label
