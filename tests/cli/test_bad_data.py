"""Broken recordings on the way of `tsrep fit`: one sentence, exit code 2, nothing half-written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.cli.conftest import Command
from tsrep.datasets.synthetic.simulation import simulate


@pytest.fixture
def cohort(tmp_path: Path) -> Path:
    return simulate(tmp_path / "cohort", patients=20, records_per_patient=1.0)


def _first_dat(root: Path) -> Path:
    return min(root.glob("records100/*/*.dat"))


def truncate(root: Path) -> None:
    path = _first_dat(root)
    path.write_bytes(path.read_bytes()[:1000])


def lose(root: Path) -> None:
    _first_dat(root).unlink()


def invalidate(root: Path) -> None:
    path = _first_dat(root)
    counts = np.fromfile(path, "<i2").reshape(-1, 12)
    counts[:, 3] = -32768  # what WFDB stores for a missing value
    counts.tofile(path)


def mix_folds(root: Path) -> None:
    path = root / "ptbxl_database.csv"
    table = pd.read_csv(path)
    table["patient_id"] = table["patient_id"].iloc[0]
    table.to_csv(path, index=False)


def lose_column(root: Path) -> None:
    path = root / "ptbxl_database.csv"
    pd.read_csv(path).drop(columns="scp_codes").to_csv(path, index=False)


def duplicate(root: Path) -> None:
    path = root / "ptbxl_database.csv"
    table = pd.read_csv(path)
    pd.concat([table, table.iloc[:1]]).to_csv(path, index=False)


def one_class(root: Path) -> None:
    path = root / "ptbxl_database.csv"
    table = pd.read_csv(path)
    table["scp_codes"] = "{'NORM': 100.0}"
    table.to_csv(path, index=False)


@pytest.mark.parametrize(
    ("spoil", "options", "message"),
    [
        (truncate, ["--strict"], ".dat"),
        (lose, ["--strict"], ".dat"),
        (invalidate, ["--strict"], "00001"),
        (mix_folds, [], "would be in both the train and the"),
        (lose_column, [], "scp_codes"),
        (duplicate, [], "ecg_id"),
        (one_class, [], "only one class (NORM)"),
    ],
)
def test_spoiled_data_are_refused_in_one_sentence(
    cohort: Path,
    tmp_path: Path,
    spoil: Callable[[Path], None],
    options: list[str],
    message: str,
    refused: Callable[..., str],
) -> None:
    spoil(cohort)
    out = tmp_path / "run"
    assert message in refused("fit", "--dataset", "ptb-xl", "--root", cohort, "--out", out, *options)
    assert not out.exists()


def test_unreadable_records_are_left_out_and_counted_without_strict(cohort: Path, command: Command) -> None:
    truncate(cohort)
    done = command("data", "check", "ptb-xl", "--root", cohort)
    assert done.returncode == 0, done.stderr
    assert "19 records" in done.stdout
    assert "00001" in done.stdout
