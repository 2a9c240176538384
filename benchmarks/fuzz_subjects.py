"""What `fuzz.py` damages: a small folder of each format, with settings that take the ways of its reader."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import fuzz_odd as odd
import h5py
import numpy as np
import pandas as pd
import zarr

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.datasets.ecg_folders import beats, mitdb_folder, write_annotations, write_cinc
from tests.datasets.eeg_files import signal, write
from tests.hostile.signal_files import eeg_signal, write_brainvision, write_edf, write_table
from tests.hostile.test_fuzz import SUBJECTS as FEW
from tsrep.datasets.formats.wfdb_record import write_wfdb

Settings = dict[str, Any]
RNG = np.random.default_rng(1)
COUNT, STEPS = 8, 40


class Subject(NamedTuple):
    """A folder of a data set, and settings of which each input draws one; odd files are seldom damaged."""

    dataset: str
    write: Callable[[Path], object]
    settings: Sequence[Settings]
    odd: bool = False


def table(root: Path, name: str = "records.csv", **columns: Sequence[Any]) -> None:
    """Patients, labels, numbers, trials and folds of some records, as CSV or Parquet by the suffix."""
    row = np.arange(COUNT)
    frame = pd.DataFrame(
        {"patient": [f"p{i // 2}" for i in row], "label": ["a;b" if i == 3 else "ab"[i % 2] for i in row]}
        | {"age": [30.5 + i if i != 2 else None for i in row], "run": row // 2, "fold": row // 2 % 4 + 1}
        | {"ill": row % 2, "old": row // 4, "number": row * 3} | columns
    )  # fmt: skip
    frame.to_parquet(root / name) if name.endswith("parquet") else frame.to_csv(root / name, index=False)


ROWS: list[Settings] = [
    {},
    {"label": ("ill", "old"), "trial": "run", "fold": "fold"},
    {"label": None, "targets": ("age",), "target_units": ("years",)},
    {"channels": ("b", "a"), "rename": {"a": "A"}, "channel_names": ("a", "b")},
    {"channels": ("0",), "scale": 0.5, "unit": "uV"},
    {"channels": ("nothing",)}, {"unit": "parsec"}, {"targets": ("label",)}, {"fold": "label"},
    {"targets": ("age", "run"), "target_units": ("years",)}, {"label": "nothing"}, {"patient": "age"},
    {"table": "records.parquet"}, {"table": "records.parquet", "label": ("ill", "old"), "targets": ("age",)},
    {"rename": {"a": "b"}, "channel_names": ("a", "b")}, {"channel_names": ("a", "a")},
]  # fmt: skip


def tables(root: Path) -> None:
    """The same table as CSV and as Parquet."""
    table(root)
    table(root, "records.parquet")


def counts(root: Path) -> None:
    """int16, with a table."""
    np.save(root / "records.npy", RNG.integers(-900, 900, (COUNT, 2, STEPS)).astype(np.int16))
    tables(root)


def doubles(root: Path) -> None:
    """float64 with gaps and a lead without values."""
    x = RNG.normal(size=(COUNT, 2, STEPS))
    x[1, 0, 3:6], x[2, 1] = np.nan, np.nan
    np.save(root / "records.npy", x)
    tables(root)


def hdf5(root: Path) -> None:
    """Signals, numbers and names in one file."""
    with h5py.File(root / "records.h5", "w") as file:
        x = RNG.normal(size=(COUNT, 2, STEPS)).astype(np.float32)
        file["signal"], file["turned"], file["number"] = x, x.transpose(0, 2, 1), np.arange(COUNT) * 3
        file.create_dataset("packed", data=x, chunks=(2, 1, 20), compression="gzip")
        file["doubles"] = x.astype(np.float64)
        file["linked"] = h5py.ExternalLink("elsewhere.h5", "signal")
    tables(root)


def zarrs(root: Path) -> None:
    """A Zarr array in few chunks."""
    x = RNG.integers(-99, 99, (COUNT, 2, STEPS)).astype(np.int16)
    zarr.create_array(str(root / "records.zarr"), data=x, chunks=(3, 1, STEPS))
    tables(root)


def long(root: Path, name: str = "records.csv") -> None:
    """Rows of all channels; of one each in another file."""
    rows = [
        {"sample": f"s{i}", "time": k / 50, "patient": f"p{i // 2}", "label": "ab"[i % 2], "run": i // 2}
        | {"age": 30 + i, "a": i + k, "b": "" if (i, k) == (1, 2) else i - k}
        for i in range(4) for k in range(9 + (i == 3))
    ]  # fmt: skip
    frame = pd.DataFrame(rows)
    frame.to_csv(root / "unequal.csv", index=False)
    even = frame[frame.time < 9 / 50]
    even.to_csv(root / name, index=False)
    even.assign(b=pd.to_numeric(even.b)).to_parquet(root / "records.parquet")
    keys = [key for key in even if key not in "ab"]
    even.melt(keys, ["a", "b"], "lead", "value").to_csv(root / "each.csv", index=False)
    dates = pd.Timestamp("2024-01-01") + pd.to_timedelta(even.time, unit="s")
    even.assign(time=dates).to_csv(root / "dates.csv", index=False)


ALL = {"channels": ("a", "b"), "trial": "run"}
LONG: list[Settings] = [
    ALL, ALL | {"file": "unequal.csv"}, ALL | {"file": "unequal.csv", "unequal": "pad"},
    ALL | {"targets": ("age",)},
    ALL | {"file": "records.parquet"}, ALL | {"file": "dates.csv"}, ALL | {"time": None, "sfreq": 50.0},
    {"file": "each.csv", "channel": "lead"}, {"file": "each.csv", "channel": "lead", "channels": ("b",)},
    ALL | {"label": None, "sfreq": 25.0}, ALL | {"fold": "run"}, ALL | {"sample": "label"}, {"time": "age"},
    {"file": "each.csv", "channel": "lead", "unequal": "pad", "rename": {"a": "b"}},
    {"targets": ("a", "age")},
]  # fmt: skip


def series(root: Path) -> None:
    """A series of two, as CSV and Parquet, with gaps and a second row of one date."""
    dates = pd.date_range("2025-01-01", periods=60, freq="h")
    frame = pd.DataFrame({"date": dates, "x": np.arange(60.0), "y": np.sin(np.arange(60))})
    frame.to_csv(root / "a.csv", index=False)
    frame.to_parquet(root / "a.parquet")
    frame.assign(x=[None if i == 7 else i for i in range(60)]).to_csv(root / "empty.csv", index=False)
    frame.drop(index=[5, 6]).to_csv(root / "gaps.csv", index=False)
    pd.concat([frame[:9], frame[8:]]).to_csv(root / "twice.csv", index=False)
    frame.assign(date=frame.date.dt.strftime("%d/%m/%Y %H:%M")).to_csv(root / "europe.csv", index=False)
    frame.assign(date=range(60)).to_csv(root / "steps.csv", index=False)
    months = pd.date_range("2020-01-31", periods=60, freq="ME")
    frame.assign(date=months).to_csv(root / "months.csv", index=False)


FILES = ("a.csv", "a.parquet", "empty.csv", "gaps.csv", "twice.csv", "europe.csv", "steps.csv", "months.csv")
SERIES: list[Settings] = [
    *({"file": name, "gaps": "missing", "duplicates": "first"} for name in FILES),
    *({"file": name} for name in FILES), {"file": "a.csv", "variables": "target", "target": "y"},
    {"file": "a.csv", "variables": "each", "calendar": False}, {"file": "a.csv", "columns": ("y",)},
    {"file": "a.csv", "period": 4},
    {"file": "a.csv", "missing": (3.0,)}, {"file": "a.csv", "date": "x"}, {"file": "a.csv", "target": "z"},
]  # fmt: skip


def ts(root: Path) -> None:
    """Problems of the archive in its forms: .ts with missing values, unequal, time stamps, no labels."""
    label, plain = "@classLabel true a b\n", "@timeStamps false\n@univariate true\n"
    heads: dict[str, tuple[str, Callable[[int], str]]] = {
        "Toy": ("@timeStamps false\n@univariate false\n" + label, lambda i: f"{i}.5,2,?:1,2,4:{'ab'[i % 2]}"),
        "Times": ("@timeStamps true\n@univariate true\n" + label, lambda i: f"(0,{i}),(1,2):{'ab'[i % 2]}"),
        "Unequal": (plain + "@equalLength false\n" + label, lambda i: "1,2" + ",3" * i + f":{'ab'[i % 2]}"),
        "Bare": (plain + "@classLabel false\n", lambda i: f"{i},2,3"),
        "Value": (plain + "@targetLabel true\n", lambda i: f"{i},2,3:{i / 2}"),
    }
    for name, (head, row) in heads.items():
        for part in ("TRAIN", "TEST"):
            text = f"# made\n@problemName {name}\n{head}@data\n" + "\n".join(row(i) for i in range(4))
            (root / f"{name}_{part}.ts").write_text(text + "\n")
    for part in ("TRAIN", "TEST"):
        lines = "".join(f"{1 + i % 2}\t{i}.5\t{'NaN' if i == 1 else 2.5}\t{i}\n" for i in range(4))
        (root / f"Text_{part}.tsv").write_text(lines)
        (root / f"Old_{part}.txt").write_text(lines.replace("\t", "  "))


def wfdb(root: Path) -> None:
    """Records in format 16 with gaps, of other rates and lengths, with a table."""
    for i in range(COUNT):
        x = RNG.integers(-500, 500, (2, 60 + 20 * (i == 7))).astype(np.int16)
        if i == 2:
            x[0, 5:9] = -32768
        write_wfdb(root / f"r{i}", x, sfreq=100 if i < 6 else 50, channels=("I", "II"))
    names = [f"r{i}" for i in range(COUNT)]
    table(root, record=names)
    table(root, "few.csv", record=[*names[:2], *names[:2], *names[3:6], names[0]])
    few = pd.read_csv(root / "few.csv").drop_duplicates("record")
    few.to_csv(root / "few.csv", index=False)


WFDB: list[Settings] = [
    {"table": "few.csv"}, {"segment_seconds": 0.2}, {"segment_seconds": 0.2, "rate": 50.0}, {"rate": 50.0},
    {"table": "few.csv", "channels": ("II",)}, {"table": "few.csv", "rename": {"I": "A"}, "fold": "fold"},
    {"table": "few.csv", "targets": ("age",), "label": ("ill", "old")}, {"segment_seconds": 0.3},
]  # fmt: skip


def cinc(root: Path) -> None:
    """Recordings of the challenge in its folders."""
    for k, (source, name) in enumerate((("georgia", "E0000"), ("ningbo", "JS2000"), ("cpsc_2018", "A000"))):
        for j in range(1, 4):
            stem = root / "training" / source / "g1" / f"{name}{j}"
            write_cinc(stem, beats(10 * k + j, 1000), rate=500, name=stem.name)


def afib(root: Path) -> None:
    """Two leads with marks of rhythm."""
    for person in range(4):
        stem = root / f"Training_set_{'I' * (1 + person // 2)}" / f"data_{person}_1"
        stem.parent.mkdir(parents=True, exist_ok=True)
        says = "persistent atrial fibrillation" if person % 2 else "non atrial fibrillation"
        write_wfdb(stem, beats(person, 1400, 2), sfreq=200, channels=("I", "II"), comments=(says,))
        marks = [(100, "N", ""), *([(400, "+", "(AFIB")] * (person % 2))]
        write_annotations(stem.with_suffix(".atr"), marks, rate=200)


def eeg(suffix: str) -> Callable[[Path], object]:
    """Four files of a format that MNE writes, and a table."""

    def made(root: Path) -> None:
        names = [str(write(root / f"p{k}{suffix}", signal(k, seconds=2)).name) for k in range(4)]
        write_table(root, names)

    return made


def discontinuous(root: Path) -> None:
    """EDF+D with notes."""
    at = [i + (i > 5) for i in range(12)]
    for k in range(2):
        write_edf(root / f"p{k}.edf", eeg_signal(k), onsets=at, notes=[b"+1\x14a\x14\x00"])
    write_table(root, ["p0.edf", "p1.edf"])


def pauses(root: Path) -> None:
    """BrainVision of two segments."""
    for k in range(2):
        write_brainvision(root / f"q{k}.vhdr", eeg_signal(k), pauses=(300,))
    write_table(root, ["q0.vhdr", "q1.vhdr"])


EEG: list[Settings] = [
    {}, {"epoch_seconds": 0.5, "unreadable": "skip"}, {"rate": 64.0, "band": (1.0, 20.0), "notch": 30.0},
    {"channels": ("Fp1", "C3"), "reference": "average", "unreadable": "skip", "label": None}, {"unit": "mV"},
]  # fmt: skip
STORED = [{"sfreq": 50.0} | each for each in ROWS]
HDF5 = [each | more for each in STORED for more in (
    {}, {"signal": "turned", "axes": "record,time,channel"}, {"signal": "packed", "ids": "number"},
    {"signal": "linked"}, {"signal": "doubles"}, {"signal": "number"}, {"ids": "signal"},
)]  # fmt: skip
PROBLEMS = [{"problem": name} for name in ("Toy", "Times", "Unequal", "Bare", "Value", "Text", "Old")]
SUBJECTS: dict[str, Subject] = {
    **{name: Subject(name.partition(",")[0], make, [given]) for name, (make, given) in FEW.items()},
    "arrays, counts": Subject("arrays", counts, STORED),
    "arrays, doubles": Subject("arrays", doubles, STORED),
    "hdf5": Subject("hdf5", hdf5, HDF5),
    "zarr": Subject("zarr", zarrs, STORED),
    "panel-csv, forms": Subject("panel-csv", long, LONG),
    "series-csv, forms": Subject("series-csv", series, SERIES),
    "ucr-uea, forms": Subject("ucr-uea", ts, PROBLEMS),
    "wfdb, forms": Subject("wfdb", wfdb, WFDB),
    "mitdb": Subject("mitdb", lambda root: (root.rmdir(), mitdb_folder(root)), [{}, {"lead": "both"}]),
    "cinc2021": Subject("cinc2021", cinc, [{}]),
    "cpsc2021": Subject("cpsc2021", afib, [{"seconds": 3.0}, {"task": "record3", "seconds": 3.0}]),
    **{
        f"eeg, {suffix}": Subject("eeg", eeg(suffix), EEG) for suffix in (".bdf", ".vhdr", ".set", "_raw.fif")
    },
    "eeg, discontinuous": Subject("eeg", discontinuous, EEG),
    "eeg, pauses": Subject("eeg", pauses, EEG),
    "series-csv, odd": Subject("series-csv", odd.series, odd.SERIES, odd=True),
    "panel-csv, odd": Subject("panel-csv", odd.panels, odd.PANELS, odd=True),
    "arrays, odd": Subject("arrays", odd.arrays, odd.ARRAYS, odd=True),
    "hdf5, odd": Subject("hdf5", odd.arrays, odd.HDF5, odd=True),
    "ucr-uea, odd": Subject("ucr-uea", odd.problems, odd.PROBLEMS, odd=True),
    "wfdb, odd": Subject("wfdb", odd.records, odd.RECORDS, odd=True),
    "cinc2021, odd": Subject("cinc2021", odd.people, odd.PEOPLE, odd=True),
    "eeg, odd": Subject("eeg", odd.electrodes, odd.ELECTRODES, odd=True),
}
