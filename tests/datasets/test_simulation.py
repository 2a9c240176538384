"""The synthetic cohort: the layout of PTB-XL, hearts that show their disease, and repeatable numbers."""

from __future__ import annotations

import time

import numpy as np
import pytest

from tsrep.datasets import load
from tsrep.datasets.synthetic.cohort import draw_cohort
from tsrep.datasets.synthetic.dipole import (
    DOWER,
    HEALTHY,
    WAVE,
    Waves,
    beat_phase,
    ecg,
    rotations,
    rr_beats,
    twelve_leads,
)
from tsrep.datasets.synthetic.nuisance import ELECTRODES, coloured, dead_leads, mains, motion, noise
from tsrep.datasets.synthetic.pathology import CONDITIONS, apply
from tsrep.datasets.synthetic.simulation import signals, simulate, to_counts
from tsrep.errors import ConfigError, DataError
from tsrep.registry import SPLITS

wfdb = pytest.importorskip("wfdb")
LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return simulate(tmp_path_factory.mktemp("sim") / "data", patients=60, seed=3)


def panel_of(folder, **settings):
    return load("ptb-xl-sim", folder, cache=folder.parent / "cache", progress=False, **settings)


def test_channels_are_chosen_and_renamed(folder):
    whole = panel_of(folder)
    some = panel_of(folder, channels=("V2", "I"), rename={"V2": "chest"})
    assert some.channels == ("chest", "I")
    np.testing.assert_array_equal(some.x[:, :, :50], whole.x[:, [LEADS.index("V2"), 0], :50])
    with pytest.raises(DataError, match="no channel 'V22'"):
        panel_of(folder, channels=("V22",))


def beat(variant: str = "", severity: float = 1.0, age: float = 0.0) -> np.ndarray:
    """One noise-free beat of an average heart at 1000 Hz, R peak at 400 ms, shape (12, 900)."""
    waves = Waves(HEALTHY[None, :, 0].copy(), HEALTHY[None, :, 1].copy(), HEALTHY[None, :, 2:].copy())
    kinds = {"AMI": "MI", "IMI": "MI", "LMI": "MI", "ISC_": "STTC", "NDT": "STTC", "LVH": "HYP"}
    code = np.full((1, 4), "", "<U5")
    if variant:
        code[0, CONDITIONS.index(kinds.get(variant, "CD"))] = variant
    apply(waves, code, np.full((1, 4), severity), np.array([age]))
    beats = np.array([[-0.6, 0.4, 1.4]], np.float32)
    leads = twelve_leads(DOWER[None]).astype(np.float32)
    return ecg(waves.part(slice(None)), leads, beats, 1000, 900)[0]


def at(x: np.ndarray, lead: str, start: int, stop: int) -> np.ndarray:
    """Signal of a lead from ``start`` to ``stop`` milliseconds after R."""
    return x[LEADS.index(lead), 400 + start : 400 + stop]


def qrs_duration(x: np.ndarray) -> int:
    steep = np.abs(np.gradient(x, axis=1)).max(axis=0) > 0.008
    around = np.flatnonzero(steep[300:560])
    return int(np.ptp(around))


def test_a_healthy_heart():
    x = beat()
    for lead in ("I", "II", "V4", "V5", "V6"):
        assert at(x, lead, -15, 15).max() > 0.3
        assert at(x, lead, 200, 350).max() > 0.08
        assert at(x, lead, -200, -100).max() > 0.02
    assert at(x, "aVR", -20, 20).min() < -0.5
    # R grows and S shrinks from V1 to V5
    r = [at(x, f"V{k}", -40, 20).max() for k in (1, 2, 3, 4)]
    assert r == sorted(r)
    assert at(x, "V1", 0, 60).min() < -0.4
    assert qrs_duration(x) < 110
    assert np.abs(at(x, "V5", 80, 100)).max() < 0.08


def test_infarction_has_q_waves_and_st_elevation_over_its_territory():
    healthy = beat()
    territory = {
        "AMI": (("V2", "V3"), "aVF"),
        "IMI": (("II", "III", "aVF"), "I"),
        "LMI": (("I", "aVL"), "III"),
    }
    for code, (over, away) in territory.items():
        x = beat(code)
        for lead in over:
            assert at(x, lead, -50, -10).min() < at(healthy, lead, -50, -10).min() - 0.1
            assert at(x, lead, 80, 160).mean() > at(healthy, lead, 80, 160).mean() + 0.1
        assert at(x, away, 80, 160).mean() < at(x, over[0], 80, 160).mean() / 2
        assert (
            at(beat(code, age=1.0), over[-1], 240, 320).mean() < at(healthy, over[-1], 240, 320).mean() - 0.1
        )


def test_repolarisation_conduction_and_voltage():
    healthy = beat()
    assert at(beat("NDT"), "V5", 240, 320).min() < 0
    assert at(beat("ISC_"), "V5", 90, 150).mean() < at(healthy, "V5", 90, 150).mean() - 0.08
    for code in ("CLBBB", "CRBBB"):
        assert qrs_duration(beat(code)) > qrs_duration(healthy) + 25
    assert at(beat("CRBBB"), "V1", 40, 100).max() > 0.3
    assert at(beat("CRBBB"), "V6", 40, 100).min() < -0.2
    left = beat("CLBBB")
    assert at(left, "V1", -50, 100).max() < 0.15
    assert at(left, "V6", -50, 80).min() > -0.05
    assert at(left, "V6", 240, 320).mean() < 0
    assert at(beat("LAFB"), "aVF", -20, 60).min() < -0.3
    early = at(beat("1AVB"), "II", -300, -220).max()
    assert early > at(healthy, "II", -300, -220).max() + 0.02
    sokolow = [-at(x, "V1", 0, 60).min() + at(x, "V5", -20, 20).max() for x in (healthy, beat("LVH"))]
    assert sokolow[0] < 3.5 < sokolow[1]


def test_severity_is_graded():
    st = [at(beat("IMI", s), "III", 80, 160).mean() for s in (0.0, 0.3, 0.6, 1.0)]
    assert st == sorted(st)
    np.testing.assert_allclose(beat("IMI", 0.0), beat(), atol=1e-6)


def test_leads_obey_einthoven_and_goldberger():
    for x in (beat("AMI"), noise(np.random.default_rng(0), 4, 100, 300).transpose(1, 0, 2).reshape(12, -1)):
        one, two = x[0], x[1]
        np.testing.assert_allclose(x[2], two - one, atol=1e-5)
        np.testing.assert_allclose(x[3], -(one + two) / 2, atol=1e-5)
        np.testing.assert_allclose(x[4], one - two / 2, atol=1e-5)
        np.testing.assert_allclose(x[5], two - one / 2, atol=1e-5)
    # every lead is a difference of potentials: a common one disappears
    np.testing.assert_allclose(ELECTRODES.sum(axis=1), 0, atol=1e-6)


def test_the_phase_of_each_step():
    beats = np.array([[-0.25, 0.5, 1.3]], np.float32)
    last, ahead = beat_phase(beats, 10, 10)
    np.testing.assert_allclose(last[0], [0.25, 0.35, 0.45, 0.55, 0.65, 0, 0.1, 0.2, 0.3, 0.4], atol=1e-6)
    np.testing.assert_allclose(
        ahead[0], np.arange(10) / 10 - np.where(np.arange(10) < 5, 0.5, 1.3), atol=1e-6
    )


def test_the_ecg_is_the_sum_over_all_beats():
    """The two nearest beats are enough: a literal sum over all of them gives the same."""
    rng = np.random.default_rng(0)
    beats = rr_beats(rng, np.array([0.6, 1.0]), np.array([0.05, 0.1]), 10)
    parts = [
        np.repeat(p[None], 2, 0).astype(np.float32) for p in (HEALTHY[:, 0], HEALTHY[:, 1], HEALTHY[:, 2:])
    ]
    leads = np.repeat(twelve_leads(DOWER)[None], 2, 0).astype(np.float32)
    when = np.arange(1000) / 100
    dipole = np.zeros((2, 3, 1000))
    for n in range(2):
        for beat_time in beats[n]:
            for centre, width, *vector in HEALTHY:
                dipole[n] += np.outer(vector, np.exp(-0.5 * ((when - beat_time - centre) / width) ** 2))
    want = np.einsum("nlk,nkt->nlt", leads, dipole)
    np.testing.assert_allclose(ecg(Waves(*parts), leads, beats, 100, 1000), want, atol=0.01)


def test_rotations_are_rotations():
    turn = rotations(np.random.default_rng(0).normal(size=(5, 3)))
    np.testing.assert_allclose(
        turn @ turn.transpose(0, 2, 1), np.broadcast_to(np.eye(3), (5, 3, 3)), atol=1e-12
    )
    np.testing.assert_allclose(np.linalg.det(turn), 1)
    np.testing.assert_allclose(rotations(np.array([[0, 0, np.pi / 2]]))[0] @ [1, 0, 0], [0, 1, 0], atol=1e-12)


def test_noise_has_the_stated_power_below_half_the_rate():
    rng = np.random.default_rng(0)
    zero, one = np.zeros((60, 1, 1), np.float32), np.ones((60, 1, 1), np.float32)
    assert coloured(rng, one, zero, 100, 1000).std() == pytest.approx(1, rel=0.05)
    full = coloured(rng, zero, one, 500, 5000)
    half = coloured(rng, zero, one, 100, 1000)
    assert full.std() == pytest.approx(1, rel=0.02)
    # what 100 Hz cannot hold is absent, not folded back
    power = np.abs(np.fft.rfft(full, axis=2)) ** 2
    below = np.fft.rfftfreq(5000, 1 / 500) < 50
    assert half.var() == pytest.approx(power[..., below].sum() / power.sum(), rel=0.05)


def test_mains_motion_and_dead_leads():
    rng = np.random.default_rng(0)
    hum = mains(rng, np.ones((3, 1, 1), np.float32), 500, 5000)
    peak = np.fft.rfftfreq(5000, 1 / 500)[np.abs(np.fft.rfft(hum[0, 0])).argmax()]
    assert peak == pytest.approx(50, abs=0.2)
    assert np.abs(mains(rng, np.ones((3, 1, 1), np.float32), 100, 1000)).max() < 0.4
    moved = np.abs(motion(rng, 400, 100, 1000)).max(axis=2) > 0
    assert moved.sum(axis=1).max() == 1
    assert 0.15 < moved.any(axis=1).mean() < 0.35
    dead = dead_leads(rng, 2000, 0.1)
    assert dead.sum(axis=1).max() == 1
    assert 0.08 < dead.any(axis=1).mean() < 0.12


def test_the_cohort_in_its_folder(folder):
    panel = panel_of(folder)
    assert panel.synthetic
    assert "synthetic" in panel.source
    assert panel.classes == ("CD", "HYP", "MI", "NORM", "STTC")
    norm = panel.label[:, panel.classes.index("NORM")]
    assert not panel.label[norm].sum(axis=1).max() > 1
    assert (panel.label.sum(axis=1) > 1).any()
    assert 0.3 < norm.mean() < 0.5
    assert panel.label.any(axis=0).all()
    counts = np.unique(panel.patient, return_counts=True)[1]
    assert len(counts) == 60
    assert 2 < counts.mean() < 4
    split = SPLITS.build({"name": "official"})(panel)
    assert split.counts["validation"]["patients"] == split.counts["test"]["patients"] == 6
    assert np.abs(panel.x).max() < 10
    # the loader of real data calls it synthetic too
    assert load("ptb-xl", folder, cache=folder.parent / "cache", progress=False).synthetic


def test_every_task_has_classes_that_occur(folder):
    for task in ("all", "diagnostic", "subdiagnostic", "form", "rhythm"):
        panel = panel_of(folder, task=task)
        assert len(panel.classes) >= 4
        assert panel.label.any(axis=0).mean() > 0.7
    single = panel_of(folder, task="medformer")
    assert set(np.unique(single.label)) == {0, 1, 2, 3, 4}
    assert SPLITS.build({"name": "per-class-order"})(single)


def test_the_wfdb_package_reads_the_records(folder):
    record = wfdb.rdrecord(str(folder / "records100/00000/00007_lr"), physical=False)
    assert record.sig_name == ["I", "II", "III", "AVR", "AVL", "AVF", "V1", "V2", "V3", "V4", "V5", "V6"]
    assert [c % 65536 for c in record.calc_checksum()] == [c % 65536 for c in record.checksum]
    panel = panel_of(folder)
    i = int(np.flatnonzero(panel.trial == 7)[0])
    np.testing.assert_array_equal(panel.store[panel.row[i]], record.d_signal.T)


def test_the_seed_decides_everything(tmp_path, folder):
    again = simulate(tmp_path / "again", patients=60, seed=3)
    other = simulate(tmp_path / "other", patients=60, seed=4)
    name = "records100/00000/00011_lr.dat"
    assert (again / name).read_bytes() == (folder / name).read_bytes()
    assert (again / "ptbxl_database.csv").read_bytes() == (folder / "ptbxl_database.csv").read_bytes()
    assert (other / name).read_bytes() != (folder / name).read_bytes()


def test_both_rates_hold_the_same_hearts():
    cohort = draw_cohort(10, 2, 0)
    slow, fast = (signals(cohort, slice(0, 5), rate, 0) for rate in (100, 500))
    for a, b in zip(slow, fast[:, :, ::5], strict=True):
        lead = int(a.std(axis=1).argmax())
        assert np.corrcoef(a[lead], b[lead])[0, 1] > 0.6


def test_simulated_on_first_use_and_kept(tmp_path):
    settings = {"patients": 12, "cache": tmp_path, "progress": False}
    first = load("ptb-xl-sim", **settings)
    written = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.dat")}
    assert len(written) == len(first)
    assert load("ptb-xl-sim", **settings).digest == first.digest
    assert written == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.dat")}
    assert load("ptb-xl-sim", seed=1, **settings).digest != first.digest
    assert load("ptb-xl-sim", rate=500, **settings).length == 5000


def test_a_thousand_records_in_far_less_than_ten_seconds(tmp_path):
    begin = time.process_time()
    simulate(tmp_path / "data", patients=330, seed=0)
    assert time.process_time() - begin < 10


def test_folders_and_settings_that_are_wrong(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataError, match="not empty"):
        simulate(tmp_path)
    with pytest.raises(DataError, match="at least 10"):
        simulate(tmp_path / "new", patients=3)
    with pytest.raises(DataError, match="cannot be written"):
        simulate(tmp_path / "file" / "below")
    with pytest.raises(ConfigError, match="patients"):
        load("ptb-xl-sim", patients=3)
    (tmp_path / "real").mkdir()
    for name in ("ptbxl_database.csv", "scp_statements.csv"):
        (tmp_path / "real" / name).write_text("")
    with pytest.raises(DataError, match=r"SYNTHETIC\.json is missing"):
        load("ptb-xl-sim", tmp_path / "real", cache=tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == {"file", "real"}


def test_counts_are_microvolts_and_stay_in_range():
    assert to_counts(np.array([1.2344, -50.0, 50.0], np.float32)).tolist() == [1234, -32767, 32767]
    assert WAVE["T"] == len(HEALTHY) - 1
