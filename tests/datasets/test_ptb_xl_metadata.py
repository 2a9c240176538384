"""What PTB-XL says of persons, devices and signal quality, and measurements of PTB-XL+ as targets."""

from __future__ import annotations

import csv
from collections import Counter

import numpy as np
import pytest

from tests.datasets.recordings import write_csv, write_ptb_xl
from tsrep.datasets import build, load
from tsrep.datasets.ecg.ptb_xl_metadata import noted_leads
from tsrep.errors import ConfigError, DataError

IDS = np.arange(1, 31)
HEART_RATE, QT = 50 + IDS.astype(float), 380.0 + IDS


@pytest.mark.parametrize(
    ("note", "leads"),
    [
        (" , V6", "V6"),
        (" , II-AVF", "II III AVR AVL AVF"),
        (" , I,II,AVR,AVL.AVF,V1,  ", "I II AVR AVL AVF V1"),
        ("V2,3", "V2 V3"),
        ("V5-6", "V5 V6"),
        (" , I-V1,  ", "I II III AVR AVL AVF V1"),
    ],
)
def test_notes_of_technicians(note, leads):
    assert noted_leads(note) == (leads.split(), [])


def test_notes_of_all_leads_and_unreadable_ones():
    assert len(noted_leads(" , alles,  ")[0]) == len(noted_leads(" , leicht,  ")[0]) == 12
    assert noted_leads("V1V6") == ([], ["V1V6"])


def test_metadata_against_an_independent_reading(shared_path, tmp_path):
    root = shared_path("data/ptb-xl")
    panel = load("ptb-xl", root, cache=tmp_path, progress=False, task="all", targets=("age", "weight"))
    with (root / "ptbxl_database.csv").open() as stream:
        rows = {int(row["ecg_id"]): row for row in csv.DictReader(stream)}
    assert len(panel.trials) == 500
    for i, trial in enumerate(panel.trials.tolist()):
        row = rows[trial]
        age = float(row["age"] or "nan")
        np.testing.assert_equal(panel.meta["age"][i], age if age <= 89 else np.nan)
        assert panel.meta["sex"][i] == {"0": "M", "1": "F"}[row["sex"]]
        assert panel.meta["device"][i] == " ".join(row["device"].split())
        assert panel.meta["site"][i] == row["site"].replace(".0", "")
        assert (panel.meta["paced"][i] == "yes") == ("'PACE'" in row["scp_codes"])
        assert panel.meta["date"][i] == row["recording_date"]
        assert (panel.meta["quality"][i] != "clean") == any(
            row[c].strip() for c in ("baseline_drift", "static_noise", "burst_noise", "electrodes_problems")
        )
    noisy = panel.meta["noisy_leads"].any(axis=1)
    assert (panel.meta["quality"][noisy] != "clean").all()
    np.testing.assert_array_equal(panel.target[:, 0], panel.meta["age"].astype(np.float32))
    assert panel.target_names == ("age", "weight")
    assert panel.target_units == ("years", "kg")
    np.testing.assert_array_equal(panel.target_known, np.isfinite(panel.target))
    weights = [rows[t]["weight"] for t in panel.trials.tolist()]
    assert panel.target_known[:, 1].sum() == sum(bool(weight) for weight in weights)


def test_ages_above_89_are_unknown_and_columns_may_lack(tmp_path):
    write_ptb_xl(tmp_path / "d", [{"NORM": 100.0}, {"IMI": 100.0}])
    path = tmp_path / "d/ptbxl_database.csv"
    assert load("ptb-xl", tmp_path / "d", cache=tmp_path / "c", progress=False).meta == {}
    with pytest.raises(DataError, match="no column 'age', which dataset"):
        load("ptb-xl", tmp_path / "d", cache=tmp_path / "c", progress=False, targets=("age",))
    lines = path.read_text().splitlines()
    path.write_text("\n".join([f"{lines[0]},age", f"{lines[1]},300", f"{lines[2]},41.0"]) + "\n")
    panel = load("ptb-xl", tmp_path / "d", cache=tmp_path / "c", progress=False, targets=("age",))
    np.testing.assert_array_equal(panel.target[:, 0], [np.nan, 41])


@pytest.fixture(scope="module")
def plus(tmp_path_factory):
    """PTB-XL and PTB-XL+ with the key in the middle, rows in no order, and one recording missing in unig."""
    root = tmp_path_factory.mktemp("plus")
    codes = [{"NORM": 100.0} | ({"AFIB": 0.0} if i == 4 else {}) for i in IDS]
    codes[1] = {"IMI": 100.0}
    write_ptb_xl(root / "ptb-xl", codes)
    (root / "plus/features").mkdir(parents=True)
    rows = [
        {
            "QT_Int_Global": QT[i] if i != 9 else 5000,
            "RR_Mean_Global": 60000 / HEART_RATE[i],
            "ecg_id": IDS[i],
            "PR_Int_Global": 150 + i,
            "QRS_Dur_Global": "" if i == 7 else 90,
            "R_AxisFrontal_Global": 10 * i - 180,
            "R_Amp_II": 0.5,
        }
        for i in np.random.default_rng(0).permutation(len(IDS)).tolist()
    ]
    rows.append(dict.fromkeys(rows[0], 1) | {"ecg_id": 21803})
    write_csv(root / "plus/features/12sl_features.csv", rows)
    unig = [{"ecg_id": r["ecg_id"], "HR__Global": 60000 / r["RR_Mean_Global"] + 1} for r in rows[1:]]
    write_csv(root / "plus/features/unig_features.csv", unig)
    return root


def measured(plus, *targets, **settings):
    return load(
        "ptb-xl-plus",
        plus / "plus",
        cache=plus / "cache",
        progress=False,
        recordings=str(plus / "ptb-xl"),
        targets=targets,
        **settings,
    )


def test_measurements_are_joined_by_number(plus):
    panel = measured(plus, "heart_rate", "qt", "qtc", "pr", "qrs", "axis_cos", "axis_sin", "amplitude_II")
    at = panel.trial - 1
    np.testing.assert_allclose(panel.target[:, 0], HEART_RATE[at], rtol=1e-6)
    qt = np.where(at == 9, np.nan, QT[at])  # 5,000 ms is none
    np.testing.assert_allclose(panel.target[:, 1], qt, rtol=1e-6)
    np.testing.assert_allclose(panel.target[:, 2], qt / np.cbrt(60 / HEART_RATE[at]), rtol=1e-6)
    assert Counter(panel.target_known[:, 3].tolist())[False] == 1
    assert not panel.target_known[at == 3, 3].any()  # the one in fibrillation has no PR
    assert not panel.target_known[at == 7, 4].any()
    angle = np.rad2deg(np.arctan2(panel.target[:, 6], panel.target[:, 5]))
    np.testing.assert_allclose(np.cos(np.deg2rad(angle - 10 * at)), -1, atol=1e-5)
    assert panel.target_units == ("1/min", "ms", "ms", "ms", "ms", "1", "1", "mV")


def test_other_providers_and_what_they_lack(plus):
    panel = measured(plus, "heart_rate", provider="unig")
    at = panel.trial - 1
    known = panel.target_known[:, 0]
    assert (~known).sum() == 1
    np.testing.assert_allclose(panel.target[known, 0], HEART_RATE[at][known] + 1, rtol=1e-6)
    with pytest.raises(ConfigError, match="which ecgdeli lacks"):
        build("ptb-xl-plus", targets=("axis_cos",), provider="ecgdeli")
    with pytest.raises(ConfigError, match="did you mean 'qt'"):
        build("ptb-xl-plus", targets=("qrt",))
    with pytest.raises(DataError, match="no column 'P_Dur_Global'"):
        measured(plus, "p_duration")
    with pytest.raises(DataError, match=r"ptbxl_database\.csv is missing; set dataset\.recordings"):
        load("ptb-xl-plus", plus / "plus", recordings=str(plus), progress=False)
    assert build("ptb-xl-plus").holds == ("ptb-xl",)
