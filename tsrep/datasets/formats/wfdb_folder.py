"""A user's own WFDB records in a folder, with a CSV of patients and labels."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Unpack

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tsrep.datasets.conversion import Job, Pieces, fingerprint, same_for_all, steps_of_all
from tsrep.datasets.dataset import About, Independence, ReadOptions, Unreadable
from tsrep.datasets.formats.wfdb_record import (
    MISSING,
    WfdbHeader,
    one_unit,
    read_header,
    read_wfdb,
    signal_files,
)
from tsrep.datasets.quantisation import convert_exactly, stored
from tsrep.datasets.recordings import Recordings
from tsrep.datasets.segments import cut, gap_spans
from tsrep.datasets.tables.own_labels import read_records
from tsrep.datasets.tables.own_targets import Wanted
from tsrep.datasets.tables.reading import refuse_duplicates
from tsrep.errors import DataError
from tsrep.registry import DATASETS
from tsrep.signals.filters import bridged
from tsrep.signals.panel import Panel
from tsrep.signals.resample import resample, resampled


@dataclass(frozen=True)
class Plan:
    """What all records are brought to and by which operations; ``rate`` in Hz, ``steps`` of a sample."""

    channels: tuple[str, ...]
    unit: str
    rate: float
    steps: int
    segments: bool
    history: tuple[str, ...]


@DATASETS.register("wfdb")
@dataclass
class WfdbFolder(Recordings):
    """WFDB records of any format that the ``wfdb`` package reads, listed in a CSV.

    Parameters
    ----------
    table : str
        CSV in the folder, one row per record.
    record : str
        Column with the record's path in the folder, with ``.hea`` or ``.dat`` or without.
    patient : str
        Column that says whose a record is.
    label : str, tuple of str or None
        One column of class names (several to a cell, divided by ``;``, for multi-label), or several
        columns of 0 and 1.
    fold : str or None
        Column of folds.
    targets : tuple of str
        Columns with numbers to predict by regression, such as ``age``; an empty cell is not known.
    target_units : tuple of str or None
        One for each, such as ``years``.
    segment_seconds : float or None
        Cut records into segments this long, without a remainder and without those that have missing
        values; needed when lengths differ. Whole records with missing values are skipped.
    channels : tuple of str or None
        Channels to keep, by name, in this order; needed when records have different ones.
    rename : mapping of str to str, or None
        New names by recorded ones.
    rate : float or None
        Resample to this rate, Hz; needed when rates differ.
    """

    about = About(
        title="Own WFDB records with a CSV of patients and labels",
        licence="yours",
        independence="patient",
        needs=("records.csv (setting table)", "the records named in it"),
        notes="A trial is a record; with segment_seconds its segments are the samples.",
    )

    table: str = "records.csv"
    record: str = "record"
    patient: str = "patient"
    label: str | tuple[str, ...] | None = "label"
    fold: str | None = None
    targets: tuple[str, ...] = ()
    target_units: tuple[str, ...] | None = None
    segment_seconds: Annotated[float, Field(gt=0)] | None = None
    rate: Annotated[float, Field(gt=0)] | None = None

    def __post_init__(self) -> None:
        self.wanted = Wanted(self.targets, self.target_units)
        self.files = (self.table,)

    @property
    def independence(self) -> Independence:
        """See :attr:`Dataset.independence`; a column cannot say both whose a recording is and which."""
        return "recording" if self.patient == self.record else super().independence

    def read(self, folder: Path, **options: Unpack[ReadOptions]) -> Panel:
        """Panel of records or segments; voltages are in mV.

        Raises
        ------
        DataError
            When the table is wrong, records do not fit each other, or (``strict``) one cannot be read.
        """
        path = folder / self.table
        records = read_records(
            path,
            patient=self.patient,
            label=self.label,
            fold=self.fold,
            record=self.record,
            targets=self.wanted,
        )
        names = [name.removesuffix(".hea").removesuffix(".dat") for name in records.names]
        refuse_duplicates(path, self.record, names)
        plan = self._plan(folder, names)
        stems = [folder / name for name in names]
        files = [file for stem in stems for file in signal_files(stem)]
        key = {"files": fingerprint(folder, files), "plan": asdict(plan)}

        def job(dtype: str) -> Job[Path]:
            return Job(
                name="wfdb",
                sources=stems,
                labels=names,
                decode=partial(_decode, dtype=dtype, plan=plan),
                key=key,
                shape=(len(plan.channels), plan.steps),
                dtype=dtype,
            )

        signals = convert_exactly(job, **options)
        return signals.panel(
            names,
            trial=signals.source,
            **records.fields(signals.source),
            sfreq=plan.rate,
            channels=plan.channels,
            unit=plan.unit,
            modality="ecg",
            history=plan.history,
            source=f"own WFDB records in {folder.name}",
        )

    def chosen(self, panel: Panel) -> Panel:
        """As it is: no other channels are read."""
        return panel

    def _plan(self, folder: Path, names: list[str]) -> Plan:
        """Channels, rate and steps that all records can be brought to, from their headers."""
        headers: list[tuple[str, WfdbHeader]] = []
        reasons: list[str] = []
        for name in names:
            try:
                headers.append((name, read_header(folder / name)))
            except Unreadable as error:
                reasons.append(str(error))  # listed with it when it is decoded
        if not headers:
            raise DataError(
                f"none of the {len(names)} records of {folder / self.table} has a readable header; the "
                f"first, {names[0]}: {reasons[0]}; the column {self.record!r} must hold paths in {folder}"
            )
        channels = self.channels or same_for_all(
            "channels", [(n, h.channels) for n, h in headers], "set channels to some that all have"
        )
        rate = self.rate or same_for_all(
            "sampling rates", [(n, h.sfreq) for n, h in headers], "set rate to one for all"
        )
        units = [(n, h.unit_of(channels)) for n, h in headers if set(channels) <= set(h.channels)]
        steps = steps_of_all(headers, rate, self.segment_seconds, "lengths", "segment_seconds")
        return Plan(
            channels=tuple(channels),
            unit=same_for_all("units", units, "set channels to some in the same unit") if units else "",
            rate=float(rate),
            steps=steps,
            segments=self.segment_seconds is not None,
            history=resampled([h.sfreq for _, h in headers], float(rate)),
        )


def _decode(stem: Path, dtype: str, plan: Plan) -> Pieces:
    record = read_wfdb(stem)
    absent = [channel for channel in plan.channels if channel not in record.channels]
    if absent:
        raise Unreadable(f"channel {absent[0]} is missing; it has {', '.join(record.channels)}")
    order = [record.channels.index(channel) for channel in plan.channels]
    unit = one_unit(record.units[i] for i in order)
    if unit != plan.unit:
        raise Unreadable(f"unit is {unit}, not {plan.unit}")
    values: NDArray[Any] = record.counts[order]
    gain, offset = record.gain[order], record.offset[order]
    gaps = values == MISSING if values.dtype == np.int16 else ~np.isfinite(values)
    if gaps.any():
        values = bridged(values, gaps)
    if record.sfreq != plan.rate:
        values = resample(values, record.sfreq, plan.rate)
    spans = gap_spans(gaps, record.sfreq, plan.channels)
    pieces, left_out = cut(
        values, plan.rate, plan.steps, spans, by="segment_seconds", whole=not plan.segments
    )
    if pieces.dtype == dtype:
        return Pieces(np.ascontiguousarray(pieces), gain, offset, left_out)
    counts, finer, level = stored(pieces, plan.channels, dtype)
    return Pieces(counts, finer * gain, level * gain + offset, left_out)
