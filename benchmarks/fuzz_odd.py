"""Files that are wrong in one way each, for the ways that damage seldom finds; `fuzz.py` damages them too."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import wfdb

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.datasets.ecg_folders import beats, write_cinc
from tests.hostile.signal_files import eeg_signal, write_brainvision, write_edf, write_table
from tests.hostile.test_wfdb_cases import write_record
from tsrep.datasets.formats.wfdb_record import write_wfdb

RNG = np.random.default_rng(2)
HOURS = [f"2024-01-01 {hour:02}:00" for hour in range(12)]
LINES = [f"{hour},{i},{i * i}" for i, hour in enumerate(HOURS)]
TABLES: dict[str, list[str]] = {
    "semicolons": ["date;x", "2024-01-01;1", "2024-01-02;2"],
    "tabs": ["date\tx", "2024-01-01\t1"],
    "nothing": [],
    "header": ["date,x"],
    "one": ["date,x", "2024-01-01,1"],
    "twice": ["date,x,x", *LINES],
    "unnamed": ["date,,x", *LINES],
    "index": [",x,y", *LINES],
    "dates": ["date", *HOURS],
    "other": ["when,x,y", *LINES],
    "constant": ["date,x", *(f"{hour},3" for hour in HOURS)],
    "empty": ["date,x,y", *(f"{hour},,1" for hour in HOURS)],
    "infinite": ["date,x,y", *LINES[:5], f"{HOURS[5]},inf,1"],
    "large": ["date,x", *(f"{hour},{10**9 + i}" for i, hour in enumerate(HOURS))],
    "text": ["date,x,y", *LINES[:5], f"{HOURS[5]},abc,1"],
    "short": ["date,x,y", *LINES[:5], HOURS[5]],
    "undated": ["date,x,y", *LINES[:5], ",5,6", *LINES[6:]],
    "odd date": ["date,x,y", *LINES[:5], "yesterday,5,6", *LINES[6:]],
    "ambiguous": ["date,x", *(f"0{i}/02/2024,{i}" for i in range(1, 9))],
    "american": ["date,x", *(f"01/{i}/2024,{i}" for i in range(10, 20))],
    "fine": ["date,x", *(f"2024-01-01 00:00:00.{i},{i}" for i in range(9))],
    "offsets": ["date,x", *(f"2024-01-01T0{i}:00+01:00,{i}" for i in range(9))],
    "times": ["date,x", *(f"0{i}:00,{i}" for i in range(9))],
    "backwards": ["date,x,y", *LINES[::-1]],
    "again": ["date,x,y", *LINES, *LINES],
    "uneven": ["date,x", *(f"2024-01-{1 + i * i % 25:02},{i}" for i in range(6))],
    "days": ["date,x", *(f"2024-01-{1 + i:02},{i % 5}" for i in range(25))],
    "far": ["date,x", *(f"2024-01-01 00:0{i}:00,{i}" for i in range(5)), "2999-01-01 00:00:00,1"],
    "binary": ["date,\0x", *LINES],
}


def series(root: Path) -> None:
    """A CSV file of each kind, and Parquet with its dates as the index, or none."""
    for name, lines in TABLES.items():
        (root / f"{name}.csv").write_text("\n".join(lines))
    (root / "latin.csv").write_bytes("date,x\n2024-01-01,1\n2024-01-02,é\n".encode("latin-1"))
    frame = pd.DataFrame({"x": np.arange(9.0)}, index=pd.date_range("2024-01-01", periods=9))
    frame.to_parquet(root / "index.parquet")
    frame.reset_index(drop=True).to_parquet(root / "plain.parquet")
    zoned = frame.tz_localize("UTC").rename_axis("date").reset_index()
    zoned.to_parquet(root / "zoned.parquet")


SERIES: list[dict[str, Any]] = [
    {"file": f"{name}.csv"} | more
    for name in [*TABLES, "latin"]
    for more in ({}, {"gaps": "missing", "duplicates": "first"})
]
SERIES += [{}, *({"file": f"{name}.parquet"} for name in ("index", "plain", "zoned")), {"file": "none.csv"}]
SERIES += [{"file": "days.csv", "variables": "target", "missing": (3.0, 4.0)}, {"file": "days.csv"}]


def panels(root: Path) -> None:
    """Rows of samples that repeat each other, or have odd times, columns or ids."""
    rows = [f"s{i},{k / 50},p{i},{'ab'[i % 2]},{i + k},{k}" for i in range(3) for k in range(6)]
    head = "sample,time,patient,label,a,b"
    forms = {
        "records": [head, *rows], "header": [head], "twice": [head + ",b", *(f"{row},1" for row in rows)],
        "again": [head, *rows, rows[0]], "odd": [head, *rows[:7], rows[7].replace("0.02", "0.03"), *rows[8:]],
        "other": [head, *rows[:3], rows[3].replace(",a,", ",b,"), *rows[4:]],
        "ids": [row[:11] for row in rows],
        "gap": [head, *rows[:3], *rows[4:]], "bare": ["sample,time,patient,label", *(r[:13] for r in rows)],
        "single": [head, *rows[::6]], "quote": [head, *rows[:4], '"s0,1,2', *rows[4:]],
        "numbers": [f",{head}", *(f"{i},{row}" for i, row in enumerate(rows))],
        "undated": [head, *rows[:3], rows[3].replace("0.06", ""), *rows[4:]],
        "dates": [head, *(row.replace("0.", "2024-01-01 00:00:0").replace(",0,", ",,") for row in rows)],
        "silent": [head, *(",".join([*row.split(",")[:5], ""]) for row in rows)], "nothing": [],
    }  # fmt: skip
    for name, lines in forms.items():
        (root / f"{name}.csv").write_text("\n".join(lines))
    pd.DataFrame(columns=head.split(",")).to_parquet(root / "header.parquet")


SHEETS = "records header twice again odd other ids gap bare single quote numbers undated dates silent nothing"
PANELS: list[dict[str, Any]] = [
    {"file": f"{name}.csv"} | more
    for name in SHEETS.split()
    for more in ({}, {"unequal": "pad"}, {"channel": "label", "value": "b"}, {"targets": ("b",)})
]
PANELS += [{"time": None}, {"time": None, "sfreq": 50.0, "channel": "a"}, {"file": "header.parquet"}]
PANELS += [{"patient": "sample"}, {"channel": "label", "value": "b", "channels": ("a", "x")}]


def arrays(root: Path) -> None:
    """Arrays of other shapes and kinds; tables with odd cells."""
    x = RNG.normal(size=(6, 2, 30)).astype(np.float32)
    silent, some = x.copy(), x.copy()
    silent[:, 1], some[2, 1, 4] = np.nan, np.nan
    odd: dict[str, Any] = {
        "records": x, "flat": x[0], "complex": x.astype(complex), "texts": x.astype(str), "few": x[:2],
        "none": x[:0], "silent": silent, "some": some, "huge": x.astype(np.float64) * 1e300,
    }  # fmt: skip
    for name, values in odd.items():
        np.save(root / f"{name}.npy", values)
    np.savez(root / "several.npz", x, x)
    rows = [f"p{i // 2},{'ab'[i % 2]},{20 + i},{'fm'[i % 2]},{i}" for i in range(6)]
    head = "patient,label,age,sex,number"
    tables = {
        "records": [head, *rows], "header": [head], "nothing": [], "quote": [head, *rows[:4], '"p2,a', "p"],
        "old": [head, *(row.replace(",2", ",30", 1) for row in rows)], "sex": [head, *rows[:5], "p2,a,3,x,1"],
        "words": [head, *(row.replace(",2", ",x", 1) for row in rows)], "twice": [head + ",age", *rows],
        "empty": [head, *(",".join([*row.split(",")[:2], "", "", ""]) for row in rows)],
        "short": [head, *rows[:5], "p2"], "alike": [head, *rows[:5], "P2,a,1,f,9"],
    }  # fmt: skip
    for name, lines in tables.items():
        (root / f"{name}.csv").write_text("\n".join(lines))
        (root / f"{name}.tsv").write_text("\n".join(lines).replace(",", "\t"))
    with h5py.File(root / "records.h5", "w") as file:
        file["signal"], file["number"], file["flat"] = x, np.arange(6)[:, None], x[0]
        file["words"], file["same"], file["more"] = [f"w{i}" for i in range(6)], np.zeros(6), np.arange(9)
        file.create_group("group")["inner"] = x


META: list[dict[str, Any]] = [{"meta": ("age", "sex", "number")}, {"targets": ("age",)}, {}]
ARRAYS: list[dict[str, Any]] = [
    {"sfreq": 50.0, "array": f"{array}.npy"} | more
    for array in ("records", "flat", "complex", "texts", "few", "none", "silent", "some", "huge", "absent")
    for more in META
]
ARRAYS += [
    {"sfreq": 50.0, "table": f"{table}{suffix}"} | more
    for table in [
        "header",
        "nothing",
        "quote",
        "old",
        "sex",
        "words",
        "twice",
        "empty",
        "short",
        "alike",
        "absent",
    ]
    for suffix in (".csv", ".tsv")
    for more in META
]
ARRAYS += [{"sfreq": 50.0, "array": "several.npz"}, {"sfreq": 50.0, "channel_names": ("a", "b", "c")}]
HDF5: list[dict[str, Any]] = [
    {"sfreq": 50.0, "signal": signal, "ids": ids}
    for signal in ("signal", "flat", "group", "group/inner", "absent")
    for ids in (None, "number", "words", "same", "more", "signal")
]


def problems(root: Path) -> None:
    """Two problems in a folder, one in a folder below, and files that do not fit each other."""
    head = "@problemName X\n@timeStamps false\n@univariate true\n"
    label = "@classLabel true a b\n@data\n"
    odd = {
        "Toy": (f"{head}{label}1,2:a\n2,1:b\n",) * 2,
        "Below/Below": (f"{head}{label}1,?,2:a\n2,1,3:b\n",) * 2,
        "Misfit": (f"{head}{label}1,2:a\n2,1:b\n", f"{head.replace('true', 'false')}{label}1:2:a\n2:1:b\n"),
        "Case": (f"{head}@classLabel true a A\n@data\n1:a\n",) * 2,
        "Unlisted": (f"{head}{label}1,2:a\n1,2:c\n",) * 2,
        "Unseen": (f"{head}{label}1,2:a\n1,2:a\n", f"{head}{label}1,2:b\n"),
        "None": (head + label,) * 2,
        "Silent": (f"{head}{label}?,?:a\n1,2:b\n",) * 2,
        "Infinite": (f"{head}{label}inf,1:a\n1,2:b\n",) * 2,
        "Regression": (f"{head}@targetLabel true\n@data\n1,2:0.5\n2,1:0.7\n",) * 2,
        "Bare": (f"{head}@classLabel false\n@data\n1,2\n",) * 2,
    }
    (root / "Below").mkdir()
    for name, texts in odd.items():
        for part, text in zip(("TRAIN", "TEST"), texts, strict=True):
            (root / f"{name}_{part}.ts").write_text(text)
    for name, text in {"Empty": "\n", "Words": "1 x 2\n", "Half": "1 2 3\n"}.items():
        (root / f"{name}_TRAIN.txt").write_text(text)
        if name != "Half":
            (root / f"{name}_TEST.txt").write_text(text)


PROBLEMS: list[dict[str, Any]] = [
    {}, *({"problem": name} for name in (
        "Below", "Misfit", "Case", "Unlisted", "Unseen", "None", "Silent", "Infinite", "Regression", "Bare",
        "Empty", "Words", "Half", "Absent",
    )),
]  # fmt: skip


def records(root: Path) -> None:
    """WFDB in formats that the package reads, in segments, with odd headers and units; a table of all."""
    x = np.cumsum(RNG.normal(size=(200, 2)), axis=0) / 50
    for form in ("212", "80", "24", "32"):
        wfdb.wrsamp(f"f{form}", 100, ["mV", "mV"], ["I", "II"], x, fmt=[form] * 2, write_dir=str(root))
    for name, units in (("a", ["mV", "mV"]), ("b", ["uV", "mV"])):
        wfdb.wrsamp(name, 100, units, ["I", "II"], x, fmt=["212", "212"], write_dir=str(root))
    (root / "whole.hea").write_text("whole/2 2 100 400\na 200\na 200\n")
    (root / "units.hea").write_text("units/2 2 100 400\na 200\nb 200\n")
    (root / "other.hea").write_text("other/3 2 100 500\na 200\n~ 100\nf212 200\n")
    write_record(root, "frames", head="frames 2 100 150", form="16x2")
    write_record(root, "start", head="start 2 100 300 99:99:99 1/1/0000")
    write_record(root, "blank", names=("", ""))
    write_record(root, "unit", unit="parsec")
    (root / "none.hea").write_text("none 0 100 300\n")
    gap = np.full((2, 300), -32768, np.int16)
    write_wfdb(root / "gap", gap, sfreq=100, channels=("I", "II"))
    names = sorted({file.stem for file in root.glob("*.hea")} - {"a", "b"})
    every = [f"{name},p{i},{'ab'[i % 2]}" for i, name in enumerate(names)]
    (root / "records.csv").write_text("\n".join(["record,patient,label", *every, "absent,q,a"]))
    for name in names:
        few = [f"{name},p,a", "f212,q,b"] if name != "f212" else [f"{name},p,a"]
        (root / f"{name}.csv").write_text("\n".join(["record,patient,label", *few]))


FORMS = "f212 f80 f24 f32 whole units other frames start blank unit none gap"
RECORDS: list[dict[str, Any]] = [{}, {"segment_seconds": 0.5}, {"table": "absent.csv"}]
RECORDS += [
    {"table": f"{name}.csv"} | more
    for name in FORMS.split()
    for more in ({}, {"segment_seconds": 0.5, "rate": 50.0})
]


def people(root: Path) -> None:
    """Recordings of the challenge with tables of their patients."""
    names = [f"E{i:05}" for i in range(4)]
    for k, name in enumerate(names):
        write_cinc(root / "training" / "georgia" / "g1" / name, beats(k, 1000), rate=500, name=name)
    table = [f"{name},p{i // 2}" for i, name in enumerate(names)]
    (root / "people.csv").write_text("\n".join(["record,patient", *table]))
    (root / "few.csv").write_text("\n".join(["record,patient", *table[:2]]))
    (root / "again.csv").write_text("\n".join(["record,patient", *table, table[0]]))


PEOPLE: list[dict[str, Any]] = [
    {"patients": f"{name}.csv", "sources": ("georgia",), "min_count": 1}
    for name in ("people", "few", "again", "absent")
]


def electrodes(root: Path) -> None:
    """EEG with a montage, bad channels, channel lists and several files of one name."""
    for k in range(3):
        write_edf(root / f"p{k}.edf", eeg_signal(k))
        write_brainvision(root / f"q{k}.vhdr", eeg_signal(k))
    write_table(root, ["p0.edf", "p1.edf", "p2.edf"])
    bad = ["Fp1", "", "Fp1 C3"]
    rows = [f"p{k}.edf,s{k},{'ab'[k % 2]},{bad[k]}" for k in range(3)]
    (root / "bad.csv").write_text("\n".join(["file,participant_id,label,bad", *rows]))
    (root / "absent.csv").write_text("file,label\np9.edf,a\nnotes.txt,b\n")
    (root / "notes.txt").write_text("nothing")


ELECTRODES: list[dict[str, Any]] = [
    {"montage": "standard_1020"}, {"montage": "nowhere"}, {"channels": ("Fp1", "X9")},
    {"table": "absent.csv"},
    {"table": "bad.csv", "bad": "bad"}, {"table": "bad.csv", "bad": "bad", "bads": "drop"},
    {"table": "bad.csv", "bad": "bad", "bads": "keep", "montage": "standard_1020"},
    {"table": "absent.csv", "unreadable": "skip"}, {"rename": {"Fp1": "C3"}}, {"reference": ("Fp1",)},
]  # fmt: skip
