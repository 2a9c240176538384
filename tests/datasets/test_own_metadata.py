"""Age, sex and other columns of a user's table: hidden ages, unknown cells, and cells that are neither."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tsrep.datasets import load
from tsrep.errors import DataError
from tsrep.signals import Panel

HEAD = "patient,label,visit,age,sex,device,site\n"
ROWS = ("p1,a,v1,41,F,A,1", "p1,b,v2,,m,,2", "p2,a,v4,300,female,B,", "p3,b,v3,92,,B,1")


def loaded(folder: Path, rows: tuple[str, ...] = ROWS, **settings: Any) -> Panel:
    np.save(folder / "records.npy", np.random.default_rng(0).normal(size=(len(rows), 1, 20)).astype("f4"))
    (folder / "records.csv").write_text(HEAD + "\n".join(rows) + "\n", encoding="utf-8")
    panel = load("arrays", root=folder, sfreq=10.0, meta=["age", "sex", "device", "site"], **settings)
    assert isinstance(panel, Panel)
    return panel


def test_columns_become_metadata(tmp_path: Path) -> None:
    meta = loaded(tmp_path).meta
    np.testing.assert_array_equal(meta["age"], [41, np.nan, np.nan, np.nan])
    assert meta["over_89"].tolist() == [False, False, True, True]
    assert meta["sex"].tolist() == ["F", "M", "F", ""]
    assert meta["device"].tolist() == ["A", "", "B", "B"]
    np.testing.assert_array_equal(meta["site"], [1, 2, np.nan, 1])


def test_metadata_follow_the_order_of_trials(tmp_path: Path) -> None:
    panel = loaded(tmp_path, trial="visit")
    of_sample = np.searchsorted(panel.trials, panel.trial)
    assert panel.meta["device"][of_sample].tolist() == ["A", "", "B", "B"]
    assert panel.select([3]).meta["sex"].tolist() == [""]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("p4,a,v5,999,F,A,1", "'999' as age"),
        ("p4,a,v5,old,F,A,1", "'old' as age"),
        ("p4,a,v5,50,x,A,1", "'x' as sex"),
    ],
)
def test_what_is_no_age_or_sex_is_refused_by_its_row(tmp_path: Path, row: str, message: str) -> None:
    with pytest.raises(DataError, match=message) as error:
        loaded(tmp_path, (*ROWS[:2], row))
    assert "records.csv" in str(error.value)
    assert "row 4" in str(error.value)
