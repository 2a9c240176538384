"""A user's own WFDB records in a folder, with a CSV of patients and labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tsrep.datasets.conversion import Job, Pieces, convert, fingerprint
from tsrep.datasets.converted import Converted
from tsrep.datasets.dataset import About
from tsrep.datasets.folders import cache_folder, dataset_folder
from tsrep.datasets.formats.gaps import Gaps, bridged, find_gaps, spoilt_segments
from tsrep.datasets.formats.wfdb_header import Unreadable, one_unit, signal_files
from tsrep.datasets.formats.wfdb_record import WfdbHeader, read_header, read_wfdb
from tsrep.datasets.tables.own_labels import Records, read_records
from tsrep.datasets.tables.reading import refuse_duplicates
from tsrep.errors import DataError
from tsrep.registry import DATASETS
from tsrep.signals.panel import Panel
from tsrep.signals.resample import resample


@dataclass(frozen=True)
class Plan:
    """What all records are brought to: channels, unit, rate (Hz) and steps of a sample."""

    channels: tuple[str, ...]
    unit: str
    rate: float
    steps: int
    segments: bool
    int16: bool


@DATASETS.register("wfdb")
class WfdbFolder:
    """WFDB records of any format that the ``wfdb`` package reads, listed in a CSV.

    Parameters
    ----------
    table : str
        CSV in the folder, one row per record.
    record : str
        Column with the record's path in the folder, without suffix.
    patient : str
        Column that says whose a record is.
    label : str or tuple of str
        One column of class names (several to a cell, divided by ``;``, for multi-label), or several
        columns of 0 and 1.
    fold : str or None
        Column of folds.
    segment_seconds : float or None
        Cut records into segments this long, without a remainder and without those that have missing
        values; needed when lengths differ. Whole records with missing values are skipped.
    channels : tuple of str or None
        Channels to keep, by name; needed when records have different ones.
    rate : float or None
        Resample to this rate, Hz; needed when rates differ.
    """

    about: ClassVar[About] = About(
        title="Own WFDB records with a CSV of patients and labels",
        licence="yours",
        citation="",
        url="",
        needs=("records.csv (setting table)", "the records named in it"),
        notes="A trial is a record; with segment_seconds its segments are the samples.",
    )

    def __init__(
        self,
        table: str = "records.csv",
        record: str = "record",
        patient: str = "patient",
        label: str | tuple[str, ...] = "label",
        fold: str | None = None,
        segment_seconds: Annotated[float, Field(gt=0)] | None = None,
        channels: tuple[str, ...] | None = None,
        rate: Annotated[float, Field(gt=0)] | None = None,
    ) -> None:
        self.table, self.record, self.patient, self.label = table, record, patient, label
        self.fold, self.segment_seconds, self.channels, self.rate = fold, segment_seconds, channels, rate

    @property
    def default_split(self) -> str:
        """Stratified: official folds need their numbers to be named."""
        return self.about.default_split

    def load(
        self, root: Path | None, *, cache: Path | None = None, strict: bool = False, progress: bool = True
    ) -> Panel:
        """Panel of records or segments; voltages are in mV.

        Raises
        ------
        DataError
            When the table is wrong, records do not fit each other, or (``strict``) one cannot be read.
        """
        folder = dataset_folder("wfdb", root, (self.table,))
        path = folder / self.table
        records = read_records(
            path, patient=self.patient, label=self.label, fold=self.fold, record=self.record
        )
        names = [name.removesuffix(".hea") for name in records.names]
        refuse_duplicates(path, self.record, names)
        plan = self._plan(folder, names)
        signals = self._signals(folder, names, plan, cache_folder(cache), strict, progress)
        return self._panel(folder, records, plan, signals)

    def _plan(self, folder: Path, names: list[str]) -> Plan:
        """Channels, rate and steps that all records can be brought to, from their headers."""
        headers: list[tuple[str, WfdbHeader]] = []
        for name in names:
            try:
                headers.append((name, read_header(folder / name)))
            except Unreadable:
                continue  # listed with its reason when it is decoded
        if not headers:
            raise DataError(
                f"none of the {len(names)} records of {folder / self.table} has a readable header; "
                f"the column {self.record!r} must hold paths in {folder}"
            )
        channels = self.channels or _same(
            "channels", [(n, h.channels) for n, h in headers], "set channels to some that all have"
        )
        rate = self.rate or _same(
            "sampling rates", [(n, h.sfreq) for n, h in headers], "set rate to one for all"
        )
        units = [(n, one_unit(h.unit_of(channels))) for n, h in headers if set(channels) <= set(h.channels)]
        if self.segment_seconds is None:
            lengths = [(n, max(round(h.steps * rate / h.sfreq), 1)) for n, h in headers]
            steps = _same("lengths", lengths, "set segment_seconds to cut them into equal parts")
        else:
            steps = max(round(self.segment_seconds * rate), 1)
        return Plan(
            channels=tuple(channels),
            unit=_same("units", units, "set channels to some in the same unit") if units else "",
            rate=float(rate),
            steps=steps,
            segments=self.segment_seconds is not None,
            int16=all(h.plain for _, h in headers),
        )

    def _signals(
        self, folder: Path, names: list[str], plan: Plan, cache: Path, strict: bool, progress: bool
    ) -> Converted:
        stems = [folder / name for name in names]
        files = [file for stem in stems for file in signal_files(stem)]
        job = Job(
            name="wfdb",
            sources=stems,
            labels=names,
            decode=partial(_decode, plan=plan),
            key={"files": fingerprint(folder, files), "plan": asdict(plan)},
            shape=(len(plan.channels), plan.steps),
            dtype="int16" if plan.int16 else "float32",
        )
        return convert(job, cache, strict=strict, progress=progress)

    def _panel(self, folder: Path, records: Records, plan: Plan, signals: Converted) -> Panel:
        source = signals.source
        return Panel(
            store=signals.store,
            gain=signals.gain,
            offset=signals.offset,
            row=np.arange(len(source)),
            start=np.zeros(len(source), np.int64),
            length=plan.steps,
            label=records.label[source],
            trial=source,
            patient=records.patient[source],
            fold=None if records.fold is None else records.fold[source],
            sfreq=plan.rate,
            channels=plan.channels,
            classes=records.classes,
            unit=plan.unit,
            patient_names=records.patient_names,
            skipped=signals.skipped,
            source=f"own WFDB records in {folder.name}",
            digest=records.digest(signals.digest, source),
        )


def _same(what: str, values: Sequence[tuple[str, Any]], remedy: str) -> Any:
    """The value that all records share.

    Raises
    ------
    DataError
        When one differs from the commonest.
    """
    common = Counter(value for _, value in values).most_common(1)[0][0]
    odd = next(((name, value) for name, value in values if value != common), None)
    if odd is None:
        return common
    raise DataError(
        f"records have different {what}: {odd[0]} has {_show(odd[1])}, most have {_show(common)}; {remedy}"
    )


def _show(value: Any) -> str:
    return (
        " ".join(value)
        if isinstance(value, tuple)
        else f"{value:g}"
        if isinstance(value, float)
        else str(value)
    )


def _decode(stem: Path, plan: Plan) -> Pieces:
    record = read_wfdb(stem)
    absent = [channel for channel in plan.channels if channel not in record.channels]
    if absent:
        raise Unreadable(f"channel {absent[0]} is missing")
    order = [record.channels.index(channel) for channel in plan.channels]
    unit = one_unit(record.units[i] for i in order)
    if unit != plan.unit:
        raise Unreadable(f"unit is {unit}, not {plan.unit}")
    values: NDArray[Any] = record.counts[order]
    gain, offset = record.gain[order], record.offset[order]
    gaps = find_gaps(values)
    left_out = _left_out(gaps, record.sfreq, plan) if gaps.any() else {}
    if gaps.any():
        values = bridged(values, gaps)
    if not plan.int16 and values.dtype == np.int16:
        values = (values * gain[:, None] + offset[:, None]).astype(np.float32)
        gain, offset = np.ones(len(order)), np.zeros(len(order))
    if record.sfreq != plan.rate:
        values = resample(values, record.sfreq, plan.rate)
    if plan.int16:
        # half a count of rounding at most, as when the recorder itself had sampled at this rate
        values = np.clip(np.rint(values), -32767, 32767).astype(np.int16)
    pieces = np.delete(_cut(values, plan), list(left_out), axis=0)
    return Pieces(pieces, gain, offset, left_out)


def _left_out(gaps: Gaps, sfreq: float, plan: Plan) -> dict[int, str]:
    """Segments with a gap, each with the reason; a record without another cannot be used."""
    total = round(gaps.shape[1] * plan.rate / sfreq) // plan.steps
    spoilt = spoilt_segments(gaps, plan.steps * sfreq / plan.rate, total, plan.channels)
    if not plan.segments or 0 < total == len(spoilt):
        channel = next(iter(spoilt.values()), plan.channels[int(gaps.any(axis=1).argmax())])
        raise Unreadable(f"missing values (NaN) in channel {channel}")
    seconds = plan.steps / plan.rate
    return {
        k: f"missing values (NaN) in channel {channel} within {k * seconds:g}-{(k + 1) * seconds:g} s"
        for k, channel in spoilt.items()
    }


def _cut(values: NDArray[Any], plan: Plan) -> NDArray[Any]:
    n = values.shape[1] // plan.steps
    if not plan.segments:
        if values.shape[1] != plan.steps:
            raise Unreadable(f"{values.shape[1]} time steps instead of {plan.steps}")
    elif not n:
        raise Unreadable(f"{values.shape[1] / plan.rate:g} s are shorter than a segment")
    kept = values[:, : n * plan.steps].reshape(len(values), n, plan.steps)
    return np.ascontiguousarray(kept.transpose(1, 0, 2))
