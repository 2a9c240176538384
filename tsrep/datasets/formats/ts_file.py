"""Problems of the UCR and UEA archives: official train and test files of labelled series."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tsrep.datasets.dataset import About
from tsrep.datasets.folders import dataset_folder
from tsrep.datasets.formats.ts_reading import Labelled, read_labelled
from tsrep.errors import DataError
from tsrep.registry import DATASETS, nearest
from tsrep.signals.panel import Floats, Panel

FORMAT = 1
SUFFIXES = (".ts", ".tsv", ".txt")
PARTS = ("TRAIN", "TEST")


@DATASETS.register("ucr-uea")
class UcrUea:
    """One classification problem: ``NAME_TRAIN.ts`` and ``NAME_TEST.ts``.

    Series of unequal length are padded at their end with missing values (NaN), which encoders do not
    keep. Every series is a patient of its own; ``fold`` is 1 in the train and 2 in the test file.

    Parameters
    ----------
    problem : str or None
        Name of the problem, in a folder of that name or beside others; ``None`` where the folder holds
        one problem only.

    Notes
    -----
    ``.ts`` files are read by sktime; the older UCR form (``.tsv`` or ``.txt``, the label first, one
    series a line) is read too. Where a problem lies in several forms, ``.ts`` is taken.
    """

    about: ClassVar[About] = About(
        title="UCR and UEA classification problems",
        licence="free for research with citation; see the page of each problem",
        citation=(
            "Dau HA, Bagnall A, Kamgar K, et al. The UCR Time Series Archive. IEEE/CAA Journal of "
            "Automatica Sinica 6, 1293 (2019); Bagnall A, Dau HA, Lines J, et al. The UEA multivariate "
            "time series classification archive, 2018. arXiv:1811.00075."
        ),
        url="https://www.timeseriesclassification.com",
        default_split="train-test",
        needs=("NAME_TRAIN.ts", "NAME_TEST.ts"),
        notes="setting problem: NAME, for a folder of several problems; also NAME_TRAIN.txt or .tsv",
    )

    # The published protocol: whole series, statistics of the train part, max-pooled features, all labels.
    defaults: ClassVar[Mapping[str, Any]] = {
        "window": {"seconds": None, "standardise": "channel"},
        "objective": {"name": "autotcl"},
        "training": {"batch_size": 8},
        "evaluation": {"pool": "max", "labels": [1.0], "protocols": ["svm", "logistic"]},
    }

    def __init__(self, problem: str | None = None) -> None:
        self.problem = problem

    @property
    def default_split(self) -> str:
        """Train and test as shipped."""
        return self.about.default_split

    def load(
        self,
        root: Path | None,
        *,
        cache: Path | None = None,  # noqa: ARG002 - text of some megabytes is read anew, quickly
        strict: bool = False,
        progress: bool = True,  # noqa: ARG002 - but every data set is called alike
    ) -> Panel:
        """Panel of all series, those of the train file first.

        Raises
        ------
        DataError
            When a file is missing or unreadable, train and test do not fit each other, or (``strict``)
            values are missing inside a series.
        """
        name, files = _find(dataset_folder("ucr-uea", root), self.problem)
        train, test = (read_labelled(file) for file in files)
        _refuse_misfit(files, train, test)
        series = [*train.series, *test.series]
        if strict:
            _refuse_gaps(name, len(train.series), series)
        classes = _ordered(set(train.label))
        number = {label: i for i, label in enumerate(classes)}
        return Panel.from_arrays(
            _padded(series),
            label=[number[label] for label in (*train.label, *test.label)],
            patient=np.arange(len(series)),
            sfreq=1,
            classes=classes,
            fold=np.repeat([1, 2], [len(train.series), len(test.series)]),
            source=f"{name} (UCR/UEA)",
            digest=_digest(files),
        )


def _find(folder: Path, problem: str | None) -> tuple[str, tuple[Path, Path]]:
    """Name of the problem and its two files."""
    if problem is not None and (folder / problem).is_dir():
        folder = folder / problem
    found: dict[str, dict[str, set[str]]] = {}
    for file in sorted(folder.iterdir()):
        name, _, part = file.stem.rpartition("_")
        if name and part.upper() in PARTS and file.suffix in SUFFIXES:
            found.setdefault(name, {}).setdefault(file.suffix, set()).add(part)
    if problem is None and len(found) > 1:
        raise DataError(
            f"{folder} holds {len(found)} problems ({', '.join(list(found)[:3])}, ...); "
            "choose one with dataset.problem"
        )
    name = problem if problem is not None else next(iter(found), "NAME")
    forms = found.get(name, {})
    for suffix in SUFFIXES:
        if {part.upper() for part in forms.get(suffix, ())} == set(PARTS):
            spelled = sorted(forms[suffix], key=lambda part: PARTS.index(part.upper()))
            return name, (folder / f"{name}_{spelled[0]}{suffix}", folder / f"{name}_{spelled[1]}{suffix}")
    suffix = next((s for s in SUFFIXES if s in forms), ".ts")
    parts = {part.upper() for part in forms.get(suffix, ())}
    missing = next(part for part in PARTS if part not in parts)
    inside = sorted({file.parent.name for file in folder.glob("*/*_TRAIN.*") if file.suffix in SUFFIXES})
    if inside and not forms:
        hint = (
            nearest(problem, [*found, *inside])
            if problem
            else f"it holds folders such as {inside[0]}; choose one"
        )
        raise DataError(f"{folder} has no {name}_{missing}{suffix}; {hint} (setting dataset.problem)")
    raise DataError(
        f"{folder} has no {name}_{missing}{suffix}; give a folder with the train and the test file, "
        "or one with a folder for each problem and the setting problem"
    )


def _refuse_misfit(files: Sequence[Path], train: Labelled, test: Labelled) -> None:
    channels = [len(part.series[0]) for part in (train, test)]
    if channels[0] != channels[1]:
        raise DataError(
            f"{files[0].name} has {channels[0]} channels but {files[1].name} has {channels[1]}; "
            "take both files from one problem"
        )
    unknown = _ordered(set(test.label) - set(train.label))
    if unknown:
        raise DataError(
            f"class {unknown[0]!r} is in {files[1].name} but not in {files[0].name}; "
            "a class without training samples cannot be learned, so take both files from one problem"
        )


def _refuse_gaps(name: str, train: int, series: Sequence[Sequence[NDArray[np.float64]]]) -> None:
    """Missing values inside; those at the end only mean that the series is shorter."""
    for i, channels in enumerate(series):
        for c, values in enumerate(channels):
            known = np.flatnonzero(np.isfinite(values))
            if len(known) and len(known) < known[-1] + 1:
                part, at = ("TRAIN", i) if i < train else ("TEST", i - train)
                raise DataError(
                    f"series {at} of {name}_{part} has missing values in channel {c}; "
                    "mend it, or load without --strict"
                )


def _ordered(labels: set[str]) -> tuple[str, ...]:
    """Class names, as numbers where all of them are."""
    try:
        return tuple(sorted(labels, key=float))
    except ValueError:
        return tuple(sorted(labels))


def _padded(series: Sequence[Sequence[NDArray[np.float64]]]) -> Floats:
    """One array of shape (sample, channel, time), with NaN after the end of shorter series."""
    longest = max(len(values) for channels in series for values in channels)
    x = np.full((len(series), len(series[0]), longest), np.nan, np.float32)
    for i, channels in enumerate(series):
        for c, values in enumerate(channels):
            x[i, c, : len(values)] = values
    return x


def _digest(files: Sequence[Path]) -> str:
    content = hashlib.sha256(f"ucr-uea {FORMAT}".encode())
    for file in files:
        content.update(hashlib.sha256(file.read_bytes()).digest())
    return content.hexdigest()[:16]
