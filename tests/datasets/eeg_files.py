"""Small EEG files in each format, and BIDS folders, for the tests of this room."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.datasets.recordings import write_csv

NAMES = ("Fp1", "Fp2", "C3", "C4", "O1", "O2")
FORMATS = (".vhdr", ".edf", ".bdf", ".set", "_raw.fif")


def signal(seed: int, *, seconds: float = 6, sfreq: float = 128, channels: int = 6) -> np.ndarray:
    """Values in volts, shape (channel, time), some 20 µV large."""
    return np.random.default_rng(seed).normal(scale=20e-6, size=(channels, round(seconds * sfreq)))


def raw_of(
    volts: np.ndarray, *, sfreq: float = 128, names: tuple[str, ...] = NAMES, types: Any = "eeg"
) -> Any:
    mne = pytest.importorskip("mne")
    return mne.io.RawArray(volts, mne.create_info(list(names), sfreq, types), verbose="ERROR")


def write(path: Path, volts: np.ndarray, **more: Any) -> Path:
    """A file in the format of its suffix, through MNE or the packages that it exports with."""
    path.parent.mkdir(parents=True, exist_ok=True)
    raw = volts if hasattr(volts, "info") else raw_of(volts, **more)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if path.suffix == ".fif":
            raw.save(path, verbose="ERROR", overwrite=True)
        else:
            pytest.importorskip({".vhdr": "pybv", ".set": "eeglabio"}.get(path.suffix, "edfio"))
            pytest.importorskip("mne").export.export_raw(path, raw, verbose="ERROR", overwrite=True)
    return path


def write_bids(root: Path, *, subjects: int = 6, suffix: str = ".edf", folder: str = "", **more: Any) -> Path:
    """Subject number s has ``signal(s)``, group A when s is even and C when it is odd; rows are shuffled."""
    pytest.importorskip("mne_bids")
    for s in range(1, subjects + 1):
        path = root / folder / f"sub-{s:02d}/eeg/sub-{s:02d}_task-rest_eeg{suffix}"
        write(path, signal(s, **{k: v for k, v in more.items() if k == "seconds"}))
    order = [(5 * s) % subjects + 1 for s in range(subjects)] if subjects % 5 else range(1, subjects + 1)
    write_tsv(
        root / "participants.tsv",
        [{"participant_id": f"sub-{s:02d}", "age": 60 + s, "group": "CA"[s % 2 == 0]} for s in order],
    )
    return root


def write_tsv(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ["\t".join(rows[0]), *("\t".join(map(str, row.values())) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_folder(root: Path, *, suffix: str = ".edf", count: int = 4, **more: Any) -> Path:
    """Files ``p0`` ... with ``signal(k)`` and a table of them, in no order."""
    for k in range(count):
        write(root / f"p{k}{suffix}", signal(k, **more), **{k: v for k, v in more.items() if k == "sfreq"})
    write_csv(
        root / "recordings.csv",
        [{"file": f"p{k}{suffix}", "patient": f"p{k}", "label": "ab"[k % 2]} for k in reversed(range(count))],
    )
    return root
