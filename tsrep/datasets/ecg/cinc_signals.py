"""Signals of the records of the 2020 and 2021 challenges, from their MATLAB 4 files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsrep.datasets.conversion import Pieces
from tsrep.datasets.dataset import Unreadable
from tsrep.datasets.ecg.cinc_headers import GAIN, checked_header
from tsrep.datasets.ecg.cinc_records import Found
from tsrep.datasets.formats.wfdb_record import MISSING, WfdbHeader
from tsrep.datasets.quantisation import stored
from tsrep.signals.names import TWELVE, canonical_names
from tsrep.signals.resample import resample

MAT_HEADER = 24  # bytes


@dataclass(frozen=True)
class Plan:
    """What recordings are brought to: ``rate`` in Hz, ``steps`` of a sample, and what fits it not."""

    rate: float
    steps: int
    pad: bool
    windows: bool

    def pieces(self, values: NDArray[Any]) -> NDArray[Any]:
        """Samples of a recording, shape (sample, lead, steps), from values of shape (lead, time).

        Raises
        ------
        Unreadable
            When it is shorter than a sample, and shorter ones are to be left out.
        """
        lacking = self.steps - values.shape[1]
        if lacking > 0 and not self.pad:
            seconds = values.shape[1] / self.rate, self.steps / self.rate
            raise Unreadable("{:g} s, shorter than {:g} s".format(*seconds))
        values = np.pad(values, ((0, 0), (0, max(lacking, 0))))
        count = values.shape[1] // self.steps if self.windows else 1
        return values[:, : count * self.steps].reshape(len(values), count, self.steps).transpose(1, 0, 2)


def decode(found: Found, plan: Plan, dtype: str) -> Pieces:
    """Samples of a record.

    Raises
    ------
    Unreadable
        When it cannot be used.
    """
    header = checked_header(found)
    counts = read_signals(found, header)
    names = canonical_names(header.channels, "ecg")
    absent = [lead for lead in TWELVE if lead not in names]
    if absent:
        raise Unreadable(f"lead {absent[0]} is missing; it has {', '.join(header.channels)}")
    counts = counts[[names.index(lead) for lead in TWELVE]]
    if (counts == MISSING).any():
        lead = TWELVE[int((counts == MISSING).any(axis=1).argmax())]
        raise Unreadable(f"missing values (NaN) in lead {lead}")
    if (counts == counts[:, :1]).all():
        raise Unreadable("all leads are flat")
    values = counts if header.sfreq == plan.rate else resample(counts, header.sfreq, plan.rate)
    pieces = plan.pieces(values)
    gain, nothing = np.full(len(TWELVE), 1 / GAIN), np.zeros(len(TWELVE))
    if pieces.dtype == dtype:
        return Pieces(np.ascontiguousarray(pieces), gain, nothing)
    held, finer, level = stored(pieces, TWELVE, dtype)
    return Pieces(held, finer * gain, level * gain)


def read_signals(found: Found, header: WfdbHeader) -> NDArray[np.int16]:
    """Counts of a record, 1000 to a millivolt, shape (lead, time).

    Raises
    ------
    Unreadable
        When the file is missing, of another format, or not as long as the header says.
    """
    path, leads = found.signals, len(header.channels)
    if not path.is_file():
        raise Unreadable(f"no signal file: {path.name} is missing")
    with path.open("rb") as stream:
        start = stream.read(MAT_HEADER)
    if start.startswith(b"MATLAB"):
        version = "7.3" if start.startswith(b"MATLAB 7.3") else "5"
        raise Unreadable(
            f"{path.name} is a MATLAB {version} file; those of the challenge are of version 4: get the "
            "originals"
        )
    size, wanted = path.stat().st_size, MAT_HEADER + 2 * leads * header.steps
    if size != wanted:
        raise Unreadable(f"{path.name} has {size:,} bytes, its header says {wanted:,}: cut off?")
    # MATLAB stores columns one after the other, (lead, time) as time after time
    return np.fromfile(path, "<i2", offset=MAT_HEADER).reshape(header.steps, leads).T
