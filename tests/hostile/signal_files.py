"""Small EDF and WFDB files with what real ones have wrong, byte by byte."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tests.datasets.recordings import write_csv

RATE = 64


def eeg_signal(seed: int, seconds: int = 12) -> np.ndarray:
    """Sines of 20 and 10 µV with some noise, shape (channel, time), in µV."""
    t = np.arange(seconds * RATE) / RATE
    noise = np.random.default_rng(seed).normal(0, 0.5, (2, len(t)))
    return np.array([20 * np.sin(2 * np.pi * 8 * t), 10 * np.sin(2 * np.pi * 5 * t)]) + noise


def write_edf(
    path: Path,
    values: np.ndarray,
    *,
    unit: bytes = b"uV",
    start: bytes = b"10.00.00",
    notes: Sequence[bytes] = (),
    onsets: Sequence[float] | None = None,
    labels: Sequence[str] = ("EEG Fp1", "EEG Fp2"),
) -> Path:
    """EDF with data records of a second; with ``onsets`` they are of these times (EDF+D)."""
    records = values.shape[1] // RATE
    noted = bool(notes) or onsets is not None
    labels = [*labels, "EDF Annotations"] if noted else list(labels)
    n, samples = len(labels), [RATE] * len(values) + [60] * noted
    fields = [(16, labels), (80, [""] * n), (8, [unit] * len(values) + [b""] * noted)]
    fields += [(8, ["-3276.8"] * n), (8, ["3276.7"] * n), (8, ["-32768"] * n), (8, ["32767"] * n)]
    fields += [(80, [""] * n), (8, samples), (32, [""] * n)]
    kind = b"EDF+D" if onsets is not None else b"EDF+C" if noted else b""
    head = (
        b"0".ljust(8) + b"X X X X".ljust(80) + b"Startdate 01-JAN-2020 X X X".ljust(80) + b"01.01.20" + start
    )
    head += b"%-8d" % (256 * (n + 1)) + kind.ljust(44) + b"%-8d" % records + b"1".ljust(8) + b"%-4d" % n
    for size, texts in fields:
        for text in texts:
            head += (text if isinstance(text, bytes) else str(text).encode("latin-1")).ljust(size)
    counts = np.rint(values / 0.1).astype("<i2")
    body = b""
    for i in range(records):
        body += counts[:, i * RATE : (i + 1) * RATE].tobytes()
        if noted:
            at = b"+%g\x14\x14\x00" % (i if onsets is None else onsets[i])
            body += (at + (notes[i] if i < len(notes) else b"")).ljust(120, b"\x00")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(head + body)
    return path


def write_brainvision(
    path: Path, values: np.ndarray, *, unit: str = "µV", pauses: Sequence[int] = ()
) -> Path:
    """BrainVision in float32; ``pauses`` are samples, from 1, at which a new segment begins."""
    path.parent.mkdir(parents=True, exist_ok=True)
    values.T.astype("<f4").tofile(path.with_suffix(".eeg"))
    channels = "".join(f"Ch{i + 1}={name},,1,{unit}\n" for i, name in enumerate(("Fz", "Cz")))
    path.write_text(
        "Brain Vision Data Exchange Header File Version 1.0\n\n[Common Infos]\nCodepage=UTF-8\n"
        f"DataFile={path.stem}.eeg\nMarkerFile={path.stem}.vmrk\nDataFormat=BINARY\n"
        "DataOrientation=MULTIPLEXED\nNumberOfChannels=2\nSamplingInterval=15625\n\n"
        f"[Binary Infos]\nBinaryFormat=IEEE_FLOAT_32\n\n[Channel Infos]\n{channels}",
        encoding="utf-8",
    )
    marks = "".join(f"Mk{i + 1}=New Segment,,{at},1,0\n" for i, at in enumerate((1, *pauses)))
    path.with_suffix(".vmrk").write_text(
        "Brain Vision Data Exchange Marker File, Version 1.0\n\n[Common Infos]\nCodepage=UTF-8\n"
        f"DataFile={path.stem}.eeg\n\n[Marker Infos]\n{marks}",
        encoding="utf-8",
    )
    return path


def write_table(
    root: Path, names: Sequence[str], column: str = "file", table: str = "recordings.csv"
) -> Path:
    """The table of patients and labels beside some recordings."""
    write_csv(
        root / table, [{column: n, "patient": f"p{i}", "label": "ab"[i % 2]} for i, n in enumerate(names)]
    )
    return root
