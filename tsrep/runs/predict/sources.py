"""Where the recordings to predict come from: files, or the trials of a data set."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from tsrep.datasets.unlabelled.found import find
from tsrep.datasets.unlabelled.recording import Recording, Signal, Wanted
from tsrep.errors import ConfigError, DataError
from tsrep.evaluation.heads.kept_head import Cell
from tsrep.registry import DATASETS
from tsrep.runs.config import merged
from tsrep.runs.loaded_encoder import LoadedEncoder
from tsrep.runs.other_data import OtherData
from tsrep.runs.predict.columns import Column
from tsrep.runs.shown import shown_to
from tsrep.runs.task import TASKS, read_data
from tsrep.signals import Panel
from tsrep.signals.convert import Policies
from tsrep.signals.panel import Ints

Part = Literal["all", "train", "validation", "test"]
Recordings = str | Path | Sequence[str | Path] | Panel


@dataclass(frozen=True)
class Source:
    """Recordings in order.

    Attributes
    ----------
    named : str
        What the user called them.
    recordings : callable
        Gives them from the first on.
    targets : tuple of Column
        Columns of what is known of each.
    """

    named: str
    recordings: Callable[[], Iterator[Recording]]
    targets: tuple[Column, ...] = ()


@dataclass(frozen=True)
class Request:
    """What is asked for, of which files and data sets take their share.

    Attributes
    ----------
    rate : float or None
        True sampling rate of files, Hz.
    channels : tuple of str or None
        True names of the channels of files.
    root : Path or None
        Folder of a data set.
    assignments : tuple of str
        Settings of a data set.
    part : {"all", "train", "validation", "test"}
        Of the split of a data set.
    with_targets : bool
        Whether labels of a data set become columns.
    """

    rate: float | None = None
    channels: tuple[str, ...] | None = None
    root: Path | None = None
    assignments: tuple[str, ...] = ()
    part: Part = "all"
    with_targets: bool = False

    def __post_init__(self) -> None:
        if self.rate is not None and not 0 < self.rate < math.inf:
            raise ConfigError(f"the rate is {self.rate:g} Hz; give a positive number")
        twice = [name for name, count in Counter(self.channels or ()).items() if count > 1]
        if twice:
            raise ConfigError(f"{twice[0]!r} is among the channels twice; name each channel once")

    def refuse_of_data_sets(self, named: str) -> None:
        """Refuse what only data sets take.

        Raises
        ------
        ConfigError
        """
        given = {
            "--root": self.root is not None,
            "--set": bool(self.assignments),
            "--part": self.part != "all",
            "--with-targets": self.with_targets,
        }
        wrong = [option for option, is_given in given.items() if is_given]
        if wrong:
            raise ConfigError(f"{named} is no data set, so {wrong[0]} has no meaning; leave it out")

    def refuse_of_files(self, named: str) -> None:
        """Refuse what only files take.

        Raises
        ------
        ConfigError
        """
        for option, value in (("--rate", self.rate), ("--channels", self.channels)):
            if value is not None:
                raise ConfigError(
                    f"{named} is a data set, which knows its rate and channels; leave {option} out"
                )


def source_of(recordings: Recordings, loaded: LoadedEncoder, request: Request, policies: Policies) -> Source:
    """The recordings that a user names.

    Parameters
    ----------
    recordings : str, Path, sequence of paths or Panel
        The name of a data set, or what :func:`tsrep.datasets.unlabelled.found.find` takes; a folder that is
        called as a data set is written ``./NAME``. Or a panel, each trial of which is a recording.
    loaded : LoadedEncoder
    request : Request
    policies : Policies

    Raises
    ------
    ConfigError, DataError
        When there are none, or options do not go with them.
    """
    if isinstance(recordings, Panel):
        every = np.arange(len(recordings))
        return _of_panel(recordings.source or "a panel", recordings, every, request.with_targets)
    if isinstance(recordings, str) and recordings in DATASETS.names():
        request.refuse_of_files(recordings)
        return _of_data_set(recordings, loaded, request, policies)
    request.refuse_of_data_sets(str(recordings))
    wanted = Wanted(loaded.contract.modality, loaded.contract.unit, request.rate, request.channels)
    found = find(recordings)
    # the first is looked for now, so that a file that cannot be used as it is given is told at once
    first = next(found.recordings(wanted), None)
    if first is None:
        raise DataError(f"{recordings} has no recordings; give a file that has")
    return Source(str(recordings), partial(found.recordings, wanted))


def _of_data_set(name: str, loaded: LoadedEncoder, request: Request, policies: Policies) -> Source:
    settings = _settings(name, loaded, request, policies)
    task = DATASETS.entry(name).task
    loaded.refuse_other_task(task, name)
    if request.part == "all":
        records = read_data(settings, TASKS[task])
        return _of_panel(name, records, np.arange(len(records)), request.with_targets)
    shown = shown_to(loaded, settings)
    windows, index = shown.prepared.panel, getattr(shown.prepared.split, request.part)
    records = shown.prepared.records
    chosen = np.flatnonzero(np.isin(records.trial, windows.trial[index]))
    if not len(chosen):
        raise DataError(f"the {request.part} part of {name} is empty; predict another part")
    return _of_panel(name, records, chosen, request.with_targets)


def _settings(name: str, loaded: LoadedEncoder, request: Request, policies: Policies) -> OtherData:
    """Settings of the data set; where it is that of the encoder's run, they are the run's."""
    own = loaded.recipe.get("dataset", {})
    is_own = own.get("name") == name
    root = request.root or (loaded.recipe.get("root") if is_own else None)
    return OtherData.of(
        loaded,
        merged({"name": name}, own if is_own else {}),
        root=root,
        policies=policies,
        assignments=request.assignments,
    )


def _of_panel(named: str, panel: Panel, index: Ints, with_targets: bool) -> Source:
    chosen = panel.select(index)
    return Source(named, partial(_trials, chosen, with_targets), target_columns(chosen, with_targets))


def target_columns(panel: Panel, with_targets: bool) -> tuple[Column, ...]:
    """Columns of the labels, one of class names, or one of 0 and 1 for each class; and of the numbers."""
    if not with_targets:
        return ()
    if not panel.classes and not panel.target_names:
        raise ConfigError("the recordings have no labels and no numbers; leave --with-targets out")
    numbers = tuple(Column(name, "number") for name in panel.target_names)
    if panel.multilabel:
        return (*(Column(name, "count") for name in panel.classes), *numbers)
    return (*(Column("label", "text") for _ in panel.classes[:1]), *numbers)


def _trials(panel: Panel, with_targets: bool) -> Iterator[Recording]:
    """The trials of a panel, in the order in which they first occur."""
    trials, first = np.unique(panel.trial, return_index=True)
    order = np.argsort(panel.trial, kind="stable")
    bounds = np.searchsorted(panel.trial[order], trials)
    ends = np.append(bounds[1:], len(order))
    names = _names(panel, first)
    for k in np.argsort(first).tolist():
        samples = order[bounds[k] : ends[k]]
        yield Recording(names[k], partial(_signal, panel, samples, names[k], with_targets))


def _names(panel: Panel, first: Ints) -> list[str]:
    """A name for each trial: that of its record, and where a record has several a number within it."""
    if not panel.record_names:
        return [str(trial) for trial in panel.trials.tolist()]
    names = [panel.record_names[row] for row in panel.row[first].tolist()]
    often: dict[str, int] = {}
    for name in names:
        often[name] = often.get(name, 0) + 1
    seen: dict[str, int] = {}
    result = []
    for name in names:
        number = seen[name] = seen.get(name, -1) + 1
        result.append(f"{name}/{number}" if often[name] > 1 else name)
    return result


def _signal(panel: Panel, samples: Ints, name: str, with_targets: bool) -> Signal:
    who = int(panel.patient[samples[0]])
    return Signal(
        panel=partial(_part, panel, samples, name),
        steps=panel.length,
        sfreq=panel.sfreq,
        patient=panel.patient_names[who] if panel.patient_names else str(who),
        targets=_targets(panel, int(samples[0])) if with_targets else {},
    )


def _part(panel: Panel, samples: Ints, name: str, start: int, stop: int) -> Panel:
    """Steps of the samples of a trial, one after the other, as a panel on a store of its own."""
    rows = panel.row[samples]
    begin = panel.start[samples]
    cuts = [
        panel.store[row : row + 1][:, :, b + start : b + stop] for row, b in zip(rows, begin, strict=True)
    ]
    gain, offset = panel.gain_and_offset(rows)
    return Panel.from_store(
        np.concatenate(cuts),
        gain=gain,
        offset=offset,
        record_names=(name,) * len(rows),
        label=np.zeros((len(rows), 0), bool),
        classes=(),
        trial=np.zeros(len(rows), np.int64),
        patient=np.zeros(len(rows), np.int64),
        **{key: getattr(panel, key) for key in ("sfreq", "channels", "unit", "modality", "history")},
    )


def _targets(panel: Panel, sample: int) -> Mapping[str, Cell]:
    """Cells of what is known of a sample; what its source does not say stays empty."""
    return {**_labels(panel, sample), **_numbers(panel, sample)}


def _numbers(panel: Panel, sample: int) -> Mapping[str, Cell]:
    if panel.target is None:
        return {}
    known = np.isfinite(panel.target[sample])
    if panel.target_known is not None:
        known &= panel.target_known[sample]
    values = zip(panel.target_names, panel.target[sample].tolist(), known.tolist(), strict=True)
    return {name: value if is_known else None for name, value, is_known in values}


def _labels(panel: Panel, sample: int) -> Mapping[str, Cell]:
    if not panel.classes:
        return {}
    if panel.multilabel:
        known = np.ones(len(panel.classes), bool) if panel.known is None else panel.known[sample]
        flags = zip(panel.classes, panel.label[sample].tolist(), known.tolist(), strict=True)
        return {name: int(flag) if is_known else None for name, flag, is_known in flags}
    known_one = panel.known is None or bool(np.all(panel.known[sample]))
    return {"label": panel.classes[int(panel.label[sample])] if known_one else None}
