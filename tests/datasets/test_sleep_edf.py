"""Sleep-EDF: epochs under their stage, nights of one person together, and the faults of the files."""

from __future__ import annotations

import numpy as np
import pytest

from tsrep.datasets import build, load
from tsrep.errors import DataError
from tsrep.testing import check_dataset

edfio = pytest.importorskip("edfio")
NAMES = {0: "W", 1: "1", 2: "2", 3: "3", 4: "R", 5: "4", 6: "?", 7: "Movement time"}
# of each night: wake, sleep with all stages, wake, and a stage beyond the end of the signals
PLAN = [(0, 5), (1, 2), (2, 4), (3, 2), (5, 2), (7, 1), (2, 3), (6, 1), (4, 3), (2, 2), (0, 6)]
EPOCHS = sum(n for _, n in PLAN)


def stages():
    return np.repeat([stage for stage, _ in PLAN], [n for _, n in PLAN])


def write_night(folder, name, *, seed, hypnogram="EC", age=33, beyond=4):
    rng = np.random.default_rng(seed)
    x = rng.normal(scale=30, size=(3, EPOCHS * 3000))
    x[0] += 5 * np.repeat(stages(), 3000)  # the level tells the stage
    labels = ("EEG Fpz-Cz", "EEG Pz-Oz", "EOG horizontal")
    signals = [
        edfio.EdfSignal(row, 100, label=label, physical_dimension="uV", physical_range=(-400, 400))
        for row, label in zip(x, labels, strict=True)
    ]
    slow = rng.normal(size=EPOCHS * 30)
    signals.append(
        edfio.EdfSignal(slow, 1, label="EMG submental", physical_dimension="uV", physical_range=(-9, 9))
    )
    person = edfio.Patient(sex="F", name=f"Female_{age}yr")
    folder.mkdir(parents=True, exist_ok=True)
    edfio.Edf(signals, patient=person).write(folder / f"{name}0-PSG.edf")
    if hypnogram is None:
        return x
    notes, at = [], 0
    for k, (stage, n) in enumerate(PLAN):
        text = NAMES[stage] if stage == 7 else f"Sleep stage {NAMES[stage]}"
        longer = beyond if k == len(PLAN) - 1 else 0
        notes.append(edfio.EdfAnnotation(at * 30, (n + longer) * 30, text))
        at += n
    edfio.Edf([], annotations=notes).write(folder / f"{name[:6]}{hypnogram}-Hypnogram.edf")
    return x


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("sleep")
    cassette = root / "data/sleep-cassette"
    made = {}
    nights = ("SC4001E", "SC4002E", "SC4011E", "SC4021E", "SC4031E", "SC4041E", "SC4051E")
    for seed, name in enumerate(nights):
        made[name] = write_night(cassette, name, seed=seed, hypnogram="EH" if seed % 2 else "EC")
    write_night(cassette, "SC4061E", seed=9, hypnogram=None)
    return root / "data", made, root / "cache"


def read(folder, **settings):
    return load("sleep-edf", folder[0], cache=folder[2], progress=False, **settings)


def nights_of(panel):
    return np.array(panel.record_names)[panel.row]


def test_epochs_under_their_stage(folder):
    panel = read(folder, channels=("EOG", "Fpz-Cz"))
    assert panel.classes == ("W", "N1", "N2", "N3", "R")
    assert (panel.unit, panel.sfreq, panel.length, panel.channels) == ("µV", 100, 3000, ("EOG", "Fpz-Cz"))
    truth = {0: 0, 1: 1, 2: 2, 3: 3, 5: 3, 4: 4}
    told = stages()
    kept = [k for k, stage in enumerate(told) if stage in truth]
    for name in folder[1]:
        mine = np.flatnonzero(nights_of(panel) == f"{name}0")
        assert panel.label[mine].tolist() == [truth[told[k]] for k in kept]
        for i, k in list(zip(mine, kept, strict=True))[::11]:
            x = panel.take(np.array([i]))[0]
            raw = folder[1][name][[2, 0], k * 3000 : (k + 1) * 3000]
            np.testing.assert_allclose(x, raw, atol=0.02)
    assert panel.excluded == (("of movement", 7, "epoch"), ("without a stage", 7, "epoch"))
    assert dict(panel.skipped) == {"SC4061E0": "no hypnogram (SC4061*)"}


def test_two_nights_are_one_person(folder):
    panel = read(folder)
    assert panel.patient_names == ("SC400", "SC401", "SC402", "SC403", "SC404", "SC405")
    nights = nights_of(panel)
    assert len(set(nights)) == 7
    assert len(np.unique(panel.patient[np.isin(nights, ("SC4001E0", "SC4002E0"))])) == 1
    assert set(panel.meta["age"]) == {33}
    assert set(panel.meta["sex"]) == {"F"}


def test_wake_around_sleep(folder):
    whole, cut = read(folder, wake_minutes=None), read(folder, wake_minutes=1.5)
    wake = [int((p.label[nights_of(p) == "SC4011E0"] == 0).sum()) for p in (whole, cut)]
    assert wake == [11, 6]
    assert (whole.label > 0).sum() == (cut.label > 0).sum()
    assert cut.label[:4].tolist() == [0, 0, 0, 1]


def test_what_it_promises(folder):
    check_dataset(lambda: build("sleep-edf"), folder[0])


def test_folders_that_are_wrong(folder, tmp_path):
    with pytest.raises(DataError, match="has no nights of sc78"):
        load("sleep-edf", tmp_path, progress=False)
    (tmp_path / "sc4002e0.hyp").write_text("")
    with pytest.raises(DataError, match="has the release of 2013"):
        load("sleep-edf", tmp_path, progress=False)
    with pytest.raises(DataError, match=r"has no nights of telemetry .* it has 8 of others"):
        read(folder, subset="telemetry")
    with pytest.raises(DataError, match="SC4061E0 cannot be used: no hypnogram"):
        load("sleep-edf", folder[0], cache=tmp_path, progress=False, strict=True)
    two = tmp_path / "two"
    write_night(two, "SC4001E", seed=1)
    (two / "SC4001EX-Hypnogram.edf").write_bytes((two / "SC4001EC-Hypnogram.edf").read_bytes())
    with pytest.raises(DataError, match="it has 2 hypnograms"):
        load("sleep-edf", two, progress=False)
