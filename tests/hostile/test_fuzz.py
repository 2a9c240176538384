"""Files with bytes changed, cut or doubled are read, or refused by one of the project's own sentences."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.hostile.signal_files import eeg_signal, write_edf, write_table
from tsrep.datasets import load
from tsrep.datasets.formats.wfdb_record import write_wfdb
from tsrep.errors import ConfigError, TsrepError
from tsrep.runs.config import configure
from tsrep.yaml_files import read_yaml

RNG = np.random.default_rng(0)
TABLE = "patient,label\n" + "".join(f"p{i},{'ab'[i % 2]}\n" for i in range(8))
CONFIG = """
version: 1
dataset: {name: ptb-xl-sim, patients: 60}
window: {seconds: 1.25}
encoder: {name: resnet1d, width: 8}
objective: {name: comet}
training: {epochs: 1, lr: 1e-3}
evaluation: {protocols: [knn], labels: [1.0], n_bootstrap: 100}
"""
ODD = st.sampled_from(
    [
        b"",
        b"\0",
        b"\xff",
        b"\xef\xbb\xbf",
        b'"',
        b"\n",
        b",",
        b"nan",
        b"1e999",
        b"-1",
        b"99999999999999999999",
    ]
)


def _arrays(root: Path) -> None:
    np.save(root / "records.npy", RNG.normal(size=(8, 2, 40)).astype(np.float32))
    (root / "records.csv").write_text(TABLE)


def _long(root: Path) -> None:
    rows = [f"s{i},{k / 50},p{i},{'ab'[i % 2]},{i + k}" for i in range(4) for k in range(10)]
    (root / "records.csv").write_text("\n".join(["sample,time,patient,label,lead", *rows]))


def _series(root: Path) -> None:
    frame = pd.DataFrame({"date": pd.date_range("2025-01-01", periods=30, freq="h"), "x": np.arange(30.0)})
    frame.to_csv(root / "a.csv", index=False)


def _parquet(root: Path) -> None:
    frame = pd.DataFrame({"date": pd.date_range("2025-01-01", periods=30, freq="h"), "x": np.arange(30.0)})
    frame.to_parquet(root / "a.parquet")


def _text(root: Path) -> None:
    for part in ("TRAIN", "TEST"):
        lines = "".join(f"{1 + i % 2}\t{i}.5\t2.5\t{i}\n" for i in range(4))
        (root / f"Toy_{part}.tsv").write_text(lines)


def _ts(root: Path) -> None:
    head = "@problemName Toy\n@timeStamps false\n@univariate true\n@classLabel true a b\n@data\n"
    for part in ("TRAIN", "TEST"):
        (root / f"Toy_{part}.ts").write_text(head + "".join(f"{i}.5,2,{i}:{'ab'[i % 2]}\n" for i in range(4)))


def _wfdb(root: Path) -> None:
    for i in range(2):
        counts = RNG.integers(-500, 500, (2, 60)).astype(np.int16)
        write_wfdb(root / f"r{i}", counts, sfreq=100, channels=("I", "II"))
    (root / "records.csv").write_text("record,patient,label\nr0,1,a\nr1,2,b\n")


def _edf(root: Path) -> None:
    for i in range(2):
        write_edf(root / f"r{i}.edf", eeg_signal(i))
    write_table(root, ["r0.edf", "r1.edf"])


SUBJECTS: dict[str, tuple[Callable[[Path], None], dict[str, Any]]] = {
    "arrays": (_arrays, {"sfreq": 50.0}),
    "panel-csv": (_long, {}),
    "series-csv": (_series, {}),
    "series-csv, parquet": (_parquet, {}),
    "ucr-uea": (_text, {}),
    "ucr-uea, ts": (_ts, {}),
    "wfdb": (_wfdb, {}),
    "eeg": (_edf, {}),
}


@pytest.mark.parametrize("subject", SUBJECTS)
def test_a_damaged_file_is_read_or_refused(subject: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    write, given_settings = SUBJECTS[subject]
    whole = tmp_path_factory.mktemp("whole")
    write(whole)
    files = sorted(whole.iterdir())

    @settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def damaged(data: Any) -> None:
        root = tmp_path_factory.mktemp("damaged")
        which = data.draw(st.sampled_from(files))
        for file in files:
            (root / file.name).write_bytes(file.read_bytes())
        content = bytearray(which.read_bytes())
        for _ in range(data.draw(st.integers(1, 3))):
            at = data.draw(st.integers(0, min(len(content), 600)))
            content[at : at + data.draw(st.integers(0, 8))] = data.draw(ODD | st.binary(max_size=6))
        keep = data.draw(st.sampled_from([1.0, 1.0, 0.5]))
        (root / which.name).write_bytes(content[: int(keep * len(content))])
        with suppress(TsrepError):
            load(subject.partition(",")[0], root, cache=root / "cache", progress=False, **given_settings)

    damaged()


@settings(max_examples=120, deadline=None, derandomize=True)
@given(
    st.lists(
        st.tuples(st.integers(0, len(CONFIG)), st.integers(0, 12), ODD | st.binary(max_size=4)),
        min_size=1, max_size=4,
    )
)  # fmt: skip
def test_a_damaged_configuration_is_valid_or_refused(changes: list[tuple[int, int, bytes]]) -> None:
    content = bytearray(CONFIG.encode())
    for at, length, new in changes:
        content[at : at + length] = new
    with suppress(ConfigError):
        values = read_yaml(content.decode("utf-8", "replace"), "it")
        configure(values if isinstance(values, dict) else {})
