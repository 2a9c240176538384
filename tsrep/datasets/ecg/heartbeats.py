"""Annotated heartbeats of WFDB records: a sample and a trial is a window around a beat."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tsrep.datasets.conversion import Job, Pieces, fingerprint
from tsrep.datasets.dataset import ReadOptions, Unreadable
from tsrep.datasets.findings import counted
from tsrep.datasets.formats.wfdb_annotations import read_annotations
from tsrep.datasets.formats.wfdb_record import (
    MISSING,
    one_unit,
    read_header,
    read_wfdb,
    signal_files,
)
from tsrep.datasets.formats.wfdb_record.record import WfdbRecord
from tsrep.datasets.quantisation import convert_exactly, stored
from tsrep.errors import DataError
from tsrep.signals.filters import bridged
from tsrep.signals.panel import Ints, Panel
from tsrep.signals.resample import resample, resampled

Aami = Literal["N", "S", "V", "F", "Q"]
# beats of each class of ANSI/AAMI EC57; other symbols mark no beats
AAMI: dict[str, str] = {"N": "NLRej", "S": "AaJS", "V": "VE", "F": "F", "Q": "/fQ"}
CLASS_OF = {symbol: name for name, symbols in AAMI.items() for symbol in symbols}


@dataclass(frozen=True)
class Beats:
    """How heartbeats are cut: leads by name or ``()`` for all, Hz, and seconds around the R peak."""

    leads: tuple[str, ...]
    rate: float
    before: float
    after: float
    annotator: str
    classes: tuple[str, ...]

    @property
    def length(self) -> int:
        """Steps of a sample."""
        return round((self.before + self.after) * self.rate)


def beats_panel(
    name: str,
    folder: Path,
    records: Sequence[str],
    of_record: dict[str, NDArray[Any]],
    wanted: Beats,
    *,
    left_out: dict[str, str],
    options: ReadOptions,
    **fields: Any,
) -> Panel:
    """Panel of heartbeats, in mV.

    Parameters
    ----------
    name : str
        Of the data set.
    folder : Path
    records : sequence of str
        Paths in the folder, without suffix.
    of_record : dict of arrays, shape (record,)
        ``patient``, and ``fold`` where there are folds.
    wanted : Beats
    left_out : dict of str to str
        Records that are not used, each with the reason.
    options : dict
        Of :meth:`tsrep.datasets.dataset.Dataset.read`.
    **fields
        Further fields of the panel; arrays in ``meta`` are by record.

    Raises
    ------
    DataError
        When no record can be used, or lengths differ.
    """
    sources = [record for record in records if record not in left_out]
    stems = [folder / record for record in sources]
    files = [file for stem in stems for file in (*signal_files(stem), _annotated(stem, wanted))]
    steps, rates = _steps(stems, wanted.rate)
    channels = wanted.leads or ("upper", "lower")
    key = {"files": fingerprint(folder, files), "leads": wanted.leads, "rate": wanted.rate}

    def job(dtype: str) -> Job[Path]:
        return Job(
            name=name,
            sources=stems,
            labels=sources,
            decode=partial(_decode, wanted=wanted, steps=steps, dtype=dtype),
            key=key | {"annotator": wanted.annotator},
            shape=(len(channels), steps),
            dtype=dtype,
        )

    converted = convert_exactly(job, **options)
    row, start, label, dropped = _beats(stems, converted.source, wanted)
    if not len(row):
        raise DataError(f"the records in {folder} have no annotated beat of {', '.join(wanted.classes)}")
    place = np.array([records.index(source) for source in sources])[converted.source]
    of = place[row]
    meta = {key: values[of] for key, values in fields.pop("meta", {}).items()}
    return converted.panel(
        sources,
        row=row,
        start=start,
        length=wanted.length,
        label=label,
        trial=np.arange(len(of)),
        **{key: values[of] for key, values in of_record.items()},
        sfreq=wanted.rate,
        channels=channels,
        classes=wanted.classes,
        unit="mV",
        modality="ecg",
        meta=meta,
        history=resampled(rates, wanted.rate),
        excluded=(*counted(Counter(left_out.values()), "recording"), *counted(dropped, "beat")),
        **fields,
    )


def _annotated(stem: Path, wanted: Beats) -> Path:
    return stem.with_name(f"{stem.name}.{wanted.annotator}")


def _steps(stems: Sequence[Path], rate: float) -> tuple[int, set[float]]:
    """Steps of the longest record at a rate, and the rates of all."""
    found: list[tuple[int, float]] = []
    for stem in stems:
        try:
            header = read_header(stem)
        except Unreadable:
            continue  # listed when it is decoded
        found.append((round(header.steps * rate / header.sfreq), header.sfreq))
    if not found:
        raise DataError(f"none of {len(stems)} records has a readable header; check the folder")
    return max(steps for steps, _ in found), {sfreq for _, sfreq in found}


def _decode(stem: Path, wanted: Beats, steps: int, dtype: str) -> Pieces:
    record = read_wfdb(stem)
    # a record without annotations is of no use
    read_annotations(stem, wanted.annotator, record.sfreq, record.counts.shape[1])
    order = _order(stem, record, wanted.leads)
    if (unit := one_unit(record.units[i] for i in order)) != "mV":
        raise Unreadable(f"unit is {unit}, not mV")
    values: NDArray[Any] = record.counts[order]
    gaps = values == MISSING if values.dtype == np.int16 else ~np.isfinite(values)
    if gaps.all(axis=1).any():
        raise Unreadable("a lead has no value (NaN)")
    values = bridged(values, gaps) if gaps.any() else values
    values = values * record.gain[order, None] + record.offset[order, None]
    values = resample(values, record.sfreq, wanted.rate)
    values = np.pad(values, ((0, 0), (0, steps - values.shape[1])))
    return Pieces(*stored(values[None], record.channels, dtype))


def _order(stem: Path, record: WfdbRecord, leads: tuple[str, ...]) -> list[int]:
    names = [channel.casefold() for channel in record.channels]
    if not leads:
        if len(names) != 2:
            raise Unreadable(f"it has {len(names)} leads, not two")
        return [0, 1]
    absent = next((lead for lead in leads if lead.casefold() not in names), None)
    if absent is not None:
        raise Unreadable(f"{stem.name} has {' '.join(record.channels)}, not {absent}")
    return [names.index(lead.casefold()) for lead in leads]


def _beats(stems: Sequence[Path], source: Ints, wanted: Beats) -> tuple[Ints, Ints, Ints, Counter[str]]:
    """Row, first step and class of each beat, and why others are left out."""
    rows, starts, labels = [], [], []
    dropped: Counter[str] = Counter()
    number = {name: i for i, name in enumerate(wanted.classes)}
    for row, i in enumerate(source.tolist()):
        header = read_header(stems[i])
        found = read_annotations(stems[i], wanted.annotator, header.sfreq, header.steps)
        named = [CLASS_OF.get(symbol, "") for symbol in found.symbol]
        beat = np.array([name in number for name in named], bool)
        dropped.update(f"of class {name}" for name in named if name and name not in number)
        at = np.rint(found.sample[beat] * wanted.rate / header.sfreq).astype(np.int64)
        start = at - round(wanted.before * wanted.rate)
        steps = round(header.steps * wanted.rate / header.sfreq)
        inside = (start >= 0) & (start + wanted.length <= steps)
        if not inside.all():
            dropped["nearer to an end than the window"] += int((~inside).sum())
        label = np.array([number[name] for name in named if name in number], np.int64)
        rows.append(np.full(int(inside.sum()), row))
        starts.append(start[inside])
        labels.append(label[inside])
    return np.concatenate(rows), np.concatenate(starts), np.concatenate(labels), dropped
