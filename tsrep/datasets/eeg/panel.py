"""A panel of EEG epochs from recordings and what a table says of each."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsrep.datasets.conversion import Job, convert, fingerprint
from tsrep.datasets.converted import Converted
from tsrep.datasets.eeg.decoding import decode
from tsrep.datasets.eeg.preparation import (
    UNIT,
    OnUnreadable,
    Planned,
    Preparation,
    Recording,
    make_plan,
    refusal,
)
from tsrep.datasets.eeg.reading import files_of
from tsrep.datasets.folders import cache_folder
from tsrep.signals.panel import Ints, Panel


@dataclass(frozen=True)
class Ids:
    """What is known of each recording, by its place in the list.

    Attributes
    ----------
    label : int64 array (recording,) or bool array (recording, class)
    classes : tuple of str
    patient : int64 array
    patient_names : tuple of str
    trial : int64 array or None
        None makes each epoch a trial.
    """

    label: NDArray[Any]
    classes: tuple[str, ...]
    patient: Ints
    patient_names: tuple[str, ...]
    trial: Ints | None = None


def eeg_panel(
    name: str,
    root: Path,
    recordings: Sequence[Recording],
    ids: Ids,
    wanted: Preparation,
    *,
    source: str,
    cache: Path | None,
    strict: bool,
    progress: bool,
    notes: tuple[tuple[str, str], ...] = (),
) -> Panel:
    """Panel of epochs, or of whole recordings, in µV.

    Raises
    ------
    ConfigError, DataError
        When recordings and settings do not go together, or one cannot be used that must not be left out.
    """
    planned = make_plan(recordings, wanted, strict=strict, root=root)
    signals = _signals(name, root, planned, cache_folder(cache), strict, progress)
    _refuse_lost(planned, signals, wanted.unreadable)
    place = {recording.name: i for i, recording in enumerate(recordings)}
    of = np.array([place[recording.name] for recording in planned.recordings], np.int64)[signals.source]
    trial = np.arange(len(of)) if ids.trial is None else ids.trial[of]
    digest = hashlib.sha256(f"{signals.digest}{ids.classes}{ids.patient_names}".encode())
    for values in (ids.label[of], ids.patient[of], trial):
        digest.update(np.ascontiguousarray(values).tobytes())
    return Panel(
        store=signals.store,
        gain=signals.gain,
        offset=signals.offset,
        row=np.arange(len(of)),
        start=np.zeros(len(of), np.int64),
        length=planned.plan.steps,
        label=ids.label[of],
        trial=trial,
        patient=ids.patient[of],
        sfreq=planned.plan.rate,
        channels=planned.plan.channels,
        classes=ids.classes,
        unit=UNIT,
        patient_names=ids.patient_names,
        skipped=(*notes, *planned.left_out, *signals.skipped),
        source=source,
        digest=digest.hexdigest()[:16],
    )


def _signals(name: str, root: Path, planned: Planned, cache: Path, strict: bool, progress: bool) -> Converted:
    plan, recordings = planned.plan, planned.recordings
    files = [file for recording in recordings for file in files_of(recording.path)]
    if plan.montage is not None and Path(plan.montage).is_file():
        files.append(Path(plan.montage))
    own = [[r.name, r.bads, r.types, [astuple(span) for span in r.spans]] for r in recordings]
    job = Job(
        name=name,
        sources=recordings,
        labels=[recording.name for recording in recordings],
        decode=partial(decode, plan=plan),
        key={"files": fingerprint(root, files), "plan": plan.facts(), "recordings": own},
        shape=(len(plan.channels), plan.steps),
        pieces=planned.seconds * plan.rate / plan.steps / len(recordings),
    )
    return convert(job, cache, strict=strict, progress=progress)


def _refuse_lost(planned: Planned, signals: Converted, unreadable: OnUnreadable) -> None:
    """A recording of which nothing is left, where none may be missing."""
    lost = np.setdiff1d(np.arange(len(planned.recordings)), signals.source)
    if unreadable == "refuse" and len(lost):
        name = planned.recordings[int(lost[0])].name
        raise refusal(name, dict(signals.skipped)[name])
