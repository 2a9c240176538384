"""Conformance of data sets."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, get_args, get_type_hints
from unittest import mock

import numpy as np

from tsrep.datasets.dataset import About, Dataset
from tsrep.errors import SplitError
from tsrep.registry import SPLITS
from tsrep.signals import Panel, Series
from tsrep.testing.assertions import global_randomness_untouched, require
from tsrep.testing.splits import check_split

Make = Callable[[], Any]
CHUNK = 256


def check_dataset(make: Make, root: Path | str | None = None) -> None:
    """Check what a data set promises: ids, labels, rates, a stable digest, and patients that can be divided.

    It is loaded several times, into conversion caches of its own, once with the listings of all folders
    turned round; a small extract of the data is enough.

    Parameters
    ----------
    make : callable
        ``make()`` gives the data set with its settings, as a registry builds it.
    root : Path, optional
        Folder of the data; ``None`` for a data set that needs no files.

    Raises
    ------
    AssertionError
        Naming the broken promise.
    """
    dataset = make()
    _check_facts(dataset)
    data = _loaded(make, root)
    kind = {"panel": Panel, "series": Series}[dataset.task]
    require(isinstance(data, kind), f"the task is {dataset.task!r}, but load gives a {type(data).__name__}")
    with global_randomness_untouched("the data set"):
        _check_same(data, _loaded(make, root), "loading twice gives")
    with _listings_turned_round():
        _check_same(data, _loaded(make, root), "another order of files in the folder gives")
    _check_names("channels", data.channels)
    if isinstance(data, Panel):
        _check_panel(data)
    else:
        _check_series(data)
    _check_division(dataset, data)


def _loaded(make: Make, root: Path | str | None) -> Any:
    with tempfile.TemporaryDirectory() as cache:
        return make().load(None if root is None else Path(root), cache=Path(cache), progress=False)


def _check_facts(dataset: Any) -> None:
    require(isinstance(dataset, Dataset), "a data set is a tsrep.datasets.dataset.Dataset with a method read")
    facts: Any = getattr(dataset, "about", None)
    require(isinstance(facts, About), "attribute about must be an About")
    for name in ("title", "licence"):
        require(bool(getattr(facts, name)), f"about.{name} is empty")
    known = get_args(get_type_hints(About)["independence"])
    require(facts.independence in known, f"about.independence {facts.independence!r} is none of {known}")
    split = dataset.default_split
    require(split in SPLITS.names(), f"default_split {split!r} is none of {SPLITS.names()}")
    require(dataset.task in ("panel", "series"), f"task is {dataset.task!r}, not panel or series")


def _check_names(what: str, names: tuple[str, ...]) -> None:
    twice = [name for name in names if names.count(name) > 1]
    require(len(names) > 0, f"there are no {what}")
    require(not twice, f"{what} share the name {twice[:1]}")


def _check_same(one: Any, other: Any, how: str) -> None:
    require(one.digest == other.digest, f"{how} another digest")
    for name in one.per_sample() if isinstance(one, Panel) else ("time", "covariates"):
        same = np.array_equal(getattr(one, name), getattr(other, name))
        require(same, f"{how} other values of {name}")
    some = _some(one), _some(other)
    require(np.array_equal(*some, equal_nan=True), f"{how} other signals")


def _some(data: Any) -> Any:
    """Signals of some samples from first to last, or of all of a series."""
    if isinstance(data, Series):
        return data.values
    return data.take(np.unique(np.linspace(0, len(data) - 1, 64).astype(np.int64)))


def _check_panel(panel: Panel) -> None:
    require(len(panel) > 0, "the panel has no samples")
    require(0 < panel.sfreq < np.inf, f"sfreq is {panel.sfreq}, not a positive rate")
    require(panel.length > 0, "samples have no time steps")
    _check_names("classes", panel.classes)
    places = np.unique(np.stack([panel.row, panel.start]), axis=1)
    require(places.shape[1] == len(panel), "a sample is listed more than once")
    for name in ("trial", "patient"):
        ids = getattr(panel, name)
        require(ids.dtype == np.int64, f"{name} is {ids.dtype}, not int64")
    if panel.patient_names:
        known = panel.patient.min() >= 0 and panel.patient.max() < len(panel.patient_names)
        require(bool(known), "a patient has no name, though patient_names is given")
        _check_names("patients", panel.patient_names)
    gain = np.asarray(panel.gain)
    require(bool((np.isfinite(gain) & (gain > 0)).all()), "a gain is not a positive number")
    for begin in range(0, len(panel), CHUNK):
        x = panel.take(np.arange(begin, min(begin + CHUNK, len(panel))))
        require(not np.isinf(x).any(), "a signal has an infinite value; a missing one is NaN")
        silent = np.argwhere(np.isnan(x).all(axis=2))
        where = [(begin + int(k), panel.channels[c]) for k, c in silent[:1]]
        require(not where, f"sample and channel {where} have no value at all; list the record in skipped")


def _check_series(series: Series) -> None:
    require(len(series) > 1, "the series has fewer than two steps")
    require(series.period >= 1, f"period is {series.period}, not a positive number of steps")
    require(not np.isinf(series.values).any(), "the series has an infinite value; a missing one is NaN")
    silent = np.flatnonzero(np.isnan(series.values).all(axis=1))
    require(not len(silent), f"channel {[series.channels[c] for c in silent[:1]]} has no value at all")
    require(bool((np.diff(series.time) > np.timedelta64(0, "s")).all()), "time does not advance")


def _check_division(dataset: Any, data: Panel | Series) -> None:
    name = dataset.default_split
    try:
        check_split(SPLITS.build({"name": name}), data)
    except SplitError as error:
        raise AssertionError(f"the split {name!r} cannot divide the data: {error}") from error


@contextmanager
def _listings_turned_round() -> Iterator[None]:
    """Folders list their entries in the reverse of the sorted order."""
    listdir, scandir = os.listdir, os.scandir

    class Turned(ExitStack, Iterator[Any]):
        """As os.scandir gives it: an iterator that can be closed."""

        def __init__(self, entries: list[Any]) -> None:
            super().__init__()
            self.entries = iter(entries)

        def __next__(self) -> Any:
            return next(self.entries)

    def turned(path: Any = ".") -> list[Any]:
        return sorted(listdir(path), reverse=True)

    def scanned(path: Any = ".") -> Turned:
        with scandir(path) as entries:
            return Turned(sorted(entries, key=lambda entry: entry.name, reverse=True))

    with mock.patch.object(os, "listdir", turned), mock.patch.object(os, "scandir", scanned):
        yield
