"""Predictions in files are scored as those of encoders are: matched by name, by patients, beside controls."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

import tsrep
from tsrep.errors import ConfigError, DataError, RunError
from tsrep.evaluation.bootstrap import resample
from tsrep.evaluation.comparison import holm
from tsrep.evaluation.difference import difference_from_random, paired_difference
from tsrep.evaluation.predictions import Predictions
from tsrep.runs.ledger import Ledger
from tsrep.runs.score_file import seen
from tsrep.runs.score_file.result import ScoredFiles
from tsrep.signals.panel import Panel

CLASSES = ("A", "B", "C")
N, FAST = 150, {"n_bootstrap": 200}


class Cohort:
    """Records of patients with predictions of several qualities, as tables in a folder."""

    def __init__(self, folder: Path) -> None:
        rng = np.random.default_rng(3)
        self.folder = folder
        self.record = [f"r{i:03d}" for i in range(N)]
        self.patient = rng.integers(0, 60, N)
        self.flags = rng.random((N, 3)) < [0.4, 0.3, 0.2]
        self.label = rng.integers(0, 3, N)
        self.rng = rng

    def flat(self, effect: float) -> np.ndarray:
        """Multi-label probabilities in steps of a hundredth, so that there are ties."""
        logit = effect * self.flags + self.rng.normal(size=(N, 3))
        return np.round(1 / (1 + np.exp(-logit)), 2)

    def exclusive(self, effect: float) -> np.ndarray:
        raw = np.exp(effect * np.eye(3)[self.label] + self.rng.normal(size=(N, 3)))
        return raw / raw.sum(axis=1, keepdims=True)

    def write(self, name: str, prob: np.ndarray, prefix: str = "p_", **more: Any) -> Path:
        columns = {f"{prefix}{c}": prob[:, i] for i, c in enumerate(CLASSES)}
        return self.table(name, {"record": self.record, **more, **columns})

    def table(self, name: str, columns: dict[str, Any]) -> Path:
        path = self.folder / name
        pd.DataFrame(columns).to_csv(path, index=False)
        return path

    @property
    def with_flags(self) -> Path:
        columns = {c: self.flags[:, i].astype(int) for i, c in enumerate(CLASSES)}
        return self.table("flags.csv", {"record": self.record, "patient": self.patient, **columns})

    @property
    def with_label(self) -> Path:
        names = np.array(CLASSES)[self.label]
        return self.table("label.csv", {"record": self.record, "patient": self.patient, "label": names})

    def predictions(self, prob: np.ndarray, target: np.ndarray) -> Predictions:
        return Predictions(prob, target, self.patient, np.arange(N))


@pytest.fixture
def cohort(tmp_path: Path) -> Cohort:
    return Cohort(tmp_path)


def values(found: ScoredFiles, at: int = 0) -> dict[str, float]:
    return {name: each.value for name, each in found.scores.scores[at].metrics.items()}


def test_multilabel_points_are_those_of_scikit_learn_and_intervals_those_of_protocols(cohort: Cohort) -> None:
    prob = cohort.flat(1.0)
    found = tsrep.score(cohort.write("p.csv", prob), cohort.with_flags, **FAST)
    own = values(found)
    assert own["auroc"] == pytest.approx(roc_auc_score(cohort.flags, prob), abs=1e-12)
    assert own["auprc"] == pytest.approx(average_precision_score(cohort.flags, prob), abs=1e-12)
    assert own["f1"] == pytest.approx(f1_score(cohort.flags, prob >= 0.5, average="macro"), abs=1e-12)
    expected = resample([cohort.predictions(prob, cohort.flags)], **FAST).intervals()
    for name, each in expected.items():
        ours = found.score.metrics[name]
        assert (ours.low, ours.high) == pytest.approx((each.low, each.high), abs=1e-12)
    assert (found.score.n, found.score.patients) == (N, len(np.unique(cohort.patient)))
    assert found.contamination.status == "unknown"


def test_order_of_rows_columns_and_form_of_the_file_do_not_matter(cohort: Cohort) -> None:
    prob, order = cohort.exclusive(1.0), np.random.default_rng(0).permutation(N)
    plain = tsrep.score(cohort.write("p.csv", prob), cohort.with_label, **FAST)
    frame = pd.read_csv(cohort.folder / "p.csv", float_precision="round_trip").iloc[order, ::-1]
    frame.to_parquet(cohort.folder / "p.parquet")
    np.save(cohort.folder / "p.npy", prob[order])
    (cohort.folder / "ids.txt").write_text("\n".join(np.array(cohort.record)[order]))
    shuffled = tsrep.score(cohort.folder / "p.parquet", cohort.with_label, classes=CLASSES, **FAST)
    array = tsrep.score(
        cohort.folder / "p.npy", cohort.with_label, ids=cohort.folder / "ids.txt", classes=CLASSES, **FAST
    )
    bare = tsrep.score(cohort.write("q.csv", prob, prefix=""), cohort.with_label, **FAST)
    for other in (shuffled, array, bare):
        assert values(other) == pytest.approx(values(plain), abs=1e-12)
        assert other.score.metrics["auroc"].low == pytest.approx(plain.score.metrics["auroc"].low, abs=1e-12)


def test_differences_are_paired_and_adjusted_but_for_the_first(cohort: Cohort) -> None:
    good, bad, worse = (cohort.flat(effect) for effect in (1.5, 0.8, 0.2))
    controls = {"bad": cohort.write("bad.csv", bad), "worse": cohort.write("worse.csv", worse)}
    found = tsrep.score(cohort.write("good.csv", good), cohort.with_flags, controls=controls, **FAST)
    one, two = (resample([cohort.predictions(p, cohort.flags)], **FAST) for p in (good, bad))
    expected = paired_difference(one, two)["auroc"]
    first = found.contrasts[0]
    assert (first.control, first.of, first.primary) == ("bad", "macro average", True)
    assert first.difference.low == pytest.approx(expected.low, abs=1e-12)
    assert [(c.control, c.of) for c in found.contrasts[1:]] == [
        ("worse", "macro average"), *((name, c) for c in CLASSES for name in controls)
    ]  # fmt: skip
    p = [c.difference.p for c in found.contrasts]
    np.testing.assert_allclose([c.adjusted_p for c in found.contrasts], holm(p, primary=0))
    assert found.score.difference["auroc"] == first.difference
    alone = found.by_class[1].metrics["good"]["auroc"].value
    assert alone == pytest.approx(roc_auc_score(cohort.flags[:, 1], good[:, 1]), abs=1e-12)


def test_seeds_are_the_second_level(cohort: Cohort) -> None:
    probs = [cohort.flat(1.0) for _ in range(3)]
    files = [cohort.write(f"s{k}.csv", prob) for k, prob in enumerate(probs)]
    found = tsrep.score(files, cohort.with_flags, **FAST)
    resampled = resample([cohort.predictions(p, cohort.flags) for p in probs], **FAST)
    assert found.score.covers == "patients and training seeds"
    assert found.score.metrics["auroc"].low == pytest.approx(resampled.intervals()["auroc"].low, abs=1e-12)
    one = resample([cohort.predictions(probs[0], cohort.flags)], **FAST)
    single = tsrep.score(files[0], cohort.with_flags, controls={"many": files[1:]}, **FAST)
    many = resample([cohort.predictions(p, cohort.flags) for p in probs[1:]], **FAST)
    expected = difference_from_random(one, many)["auroc"]
    assert single.contrasts[0].difference.high == pytest.approx(expected.high, abs=1e-12)
    assert single.contrasts[0].difference.covers == "patients and seeds of many"


def test_windows_become_records(cohort: Cohort) -> None:
    windows = np.stack([cohort.exclusive(0.7) for _ in range(2)])
    twice = {"record": cohort.record * 2, "window": np.repeat([0, 1], N)}
    columns = {f"p_{c}": windows[..., i].ravel() for i, c in enumerate(CLASSES)}
    path = cohort.table("w.csv", {**twice, **columns})
    found = tsrep.score(path, cohort.with_label, **FAST)
    mean = tsrep.score(cohort.write("m.csv", windows.mean(axis=0)), cohort.with_label, **FAST)
    assert (found.score.n, found.score.unit) == (N, "record")
    assert values(found) == pytest.approx(values(mean), abs=1e-12)
    each = tsrep.score(path, cohort.with_label, units="windows", **FAST)
    assert (each.score.n, each.score.unit) == (2 * N, "window")
    flat, label = windows.reshape(-1, 3), np.tile(cohort.label, 2)
    assert values(each)["auroc"] == pytest.approx(roc_auc_score(label, flat, multi_class="ovr"), abs=1e-12)


def test_logits_and_a_single_column_of_two_classes(cohort: Cohort) -> None:
    logit = cohort.rng.normal(size=(N, 3))
    raw = tsrep.score(cohort.write("l.csv", logit), cohort.with_label, logits=True, **FAST)
    soft = np.exp(logit) / np.exp(logit).sum(axis=1, keepdims=True)
    assert values(raw) == pytest.approx(
        values(tsrep.score(cohort.write("s.csv", soft), cohort.with_label, **FAST)), abs=1e-9
    )
    sick, p = cohort.flags[:, 0].astype(int), cohort.flat(1.0)[:, 0]
    truth = cohort.table("two.csv", {"record": cohort.record, "patient": cohort.patient, "label": sick})
    one = tsrep.score(cohort.table("one.csv", {"record": cohort.record, "p_1": p}), truth, **FAST)
    both = cohort.table("both.csv", {"record": cohort.record, "p_0": 1 - p, "p_1": p})
    assert (one.classes, one.by_class) == (("0", "1"), ())
    assert values(one) == pytest.approx(values(tsrep.score(both, truth, **FAST)), abs=1e-12)
    flag = cohort.table("flag.csv", {"record": cohort.record, "patient": cohort.patient, "MI": sick})
    alone = tsrep.score(cohort.table("mi.csv", {"record": cohort.record, "p_MI": p}), flag, **FAST)
    assert values(alone)["auroc"] == pytest.approx(roc_auc_score(sick, p), abs=1e-12)


def test_a_class_that_the_truth_lacks_stays_in_the_class_set(cohort: Cohort) -> None:
    path = cohort.write("p.csv", cohort.exclusive(1.0))
    only = cohort.label < 2
    names = np.array(CLASSES)[cohort.label][only]
    truth = cohort.table(
        "ab.csv",
        {"record": np.array(cohort.record)[only], "patient": cohort.patient[only], "label": names},
    )
    found = tsrep.score(path, truth, **FAST)
    assert (found.classes, found.score.classes_scored) == (CLASSES, 2)
    assert np.isnan(found.by_class[2].metrics["p"]["auroc"].value)
    assert found.counts.extra == N - only.sum()
    assert json.loads(found.to_json())["by_class"][2]["metrics"]["p"]["auroc"]["value"] is None


def test_records_without_a_prediction(cohort: Cohort) -> None:
    prob = cohort.flat(1.0)
    gone = prob.copy()
    gone[:5] = np.nan
    path = cohort.write("gone.csv", gone)
    with pytest.raises(DataError, match=r"5 of 150 records of the truth have no prediction .*\(r000, r001"):
        tsrep.score(path, cohort.with_flags)
    dropped = tsrep.score(path, cohort.with_flags, missing="drop", **FAST)
    assert (dropped.score.n, dropped.counts.missing) == (N - 5, 5)
    assert "5 of 150 records of the truth have no prediction and are left out." in dropped.scores.notes
    worst = tsrep.score(path, cohort.with_flags, missing="worst", **FAST)
    filled = prob.copy()
    filled[:5] = cohort.flags.mean(axis=0)
    assert values(worst) == pytest.approx(
        values(tsrep.score(cohort.write("filled.csv", filled), cohort.with_flags, **FAST)), abs=1e-12
    )
    # a record that one method lacks is left out of all
    both = tsrep.score(
        cohort.write("p.csv", prob), cohort.with_flags, controls=[path], missing="drop", **FAST
    )
    assert [score.n for score in both.scores] == [N - 5, N - 5]


def test_records_whose_labels_are_not_wholly_known_are_left_out(cohort: Cohort) -> None:
    flat, exclusive = cohort.write("p.csv", cohort.flat(1.0)), cohort.write("q.csv", cohort.exclusive(1.0))
    for path, truth, column in ((flat, cohort.with_flags, "B"), (exclusive, cohort.with_label, "label")):
        frame = pd.read_csv(truth, dtype=str)
        whole = tsrep.score(path, truth, where={"record": "r007"}, n_bootstrap=2)
        assert whole.score.n == 1
        frame.loc[[0, 3], column] = ""
        frame.to_csv(truth, index=False)
        found = tsrep.score(path, truth, **FAST)
        frame.drop([0, 3]).to_csv(truth, index=False)
        assert values(found) == values(tsrep.score(path, truth, **FAST))
        assert found.scores.notes[0].startswith("2 records of the truth lack a label")


def test_thresholds_change_decisions_alone(cohort: Cohort) -> None:
    prob = cohort.flat(1.0)
    path = cohort.write("p.csv", prob)
    chosen = [{"value": 0.3}, {"value": 0.4}, {"value": 0.6}]
    given = {"head": {"classes": CLASSES, "thresholds": {"classes": chosen}}}
    (cohort.folder / "p.json").write_text(json.dumps(given))
    (cohort.folder / "mine.json").write_text(json.dumps({"A": 0.3, "B": 0.4, "C": 0.6}))
    plain = values(tsrep.score(path, cohort.with_flags, **FAST))
    moved = tsrep.score(path, cohort.with_flags, thresholds="sidecar", **FAST)
    wanted = f1_score(cohort.flags, prob >= [0.3, 0.4, 0.6], average="macro")
    assert values(moved)["f1"] == pytest.approx(wanted, abs=1e-12)
    assert moved.score.metrics["f1"].low < wanted < moved.score.metrics["f1"].high
    assert all(values(moved)[name] == plain[name] for name in ("auroc", "auprc", "brier", "ece"))
    mine = tsrep.score(path, cohort.with_flags, thresholds=str(cohort.folder / "mine.json"), **FAST)
    assert values(mine) == values(moved)
    # validation records of other patients choose, and those scored do not
    half = cohort.patient < 30
    fold = np.where(half, 9, 10)
    columns = {c: cohort.flags[:, i].astype(int) for i, c in enumerate(CLASSES)}
    truth = cohort.table(
        "folds.csv", {"record": cohort.record, "patient": cohort.patient, "fold": fold, **columns}
    )
    pd.read_csv(path)[half].to_csv(cohort.folder / "validation.csv", index=False)
    found = tsrep.score(
        path, truth, where={"fold": "10"}, thresholds_from=cohort.folder / "validation.csv", **FAST
    )
    best = [_best(prob[half, c], cohort.flags[half, c]) for c in range(3)]
    hard = prob[~half] >= best
    assert values(found)["f1"] == pytest.approx(
        f1_score(cohort.flags[~half], hard, average="macro"), abs=1e-12
    )
    with pytest.raises(ConfigError, match="thresholds are not taken from the scored part"):
        tsrep.score(path, truth, thresholds_from=path)


def _best(prob: np.ndarray, flags: np.ndarray) -> float:
    """The highest threshold with the largest F1."""
    return float(max(np.unique(prob), key=lambda t: (round(f1_score(flags, prob >= t), 12), t)))


def test_patients_may_be_unknown_when_that_is_said(cohort: Cohort) -> None:
    path = cohort.write("p.csv", cohort.flat(1.0))
    bare = cohort.table(
        "bare.csv", {"record": cohort.record, **{c: cohort.flags[:, i] for i, c in enumerate(CLASSES)}}
    )
    with pytest.raises(DataError, match=r"which records belong to one patient.*--no-patients"):
        tsrep.score(path, bare)
    found = tsrep.score(path, bare, patient=None, **FAST)
    assert (found.score.covers, found.score.patients) == ("records", 0)
    assert found.score.notes[0].startswith("Records were resampled as if each were of another patient")
    alone = cohort.table(
        "alone.csv",
        {"record": cohort.record, "patient": np.arange(N), "label": np.array(CLASSES)[cohort.label]},
    )
    assert (
        "Every patient has one record."
        in tsrep.score(cohort.write("q.csv", cohort.exclusive(1.0)), alone, **FAST).scores.notes
    )


def test_ptb_xl_tables_are_a_truth(shared_path: Any, tmp_path: Path) -> None:
    root = shared_path("data/ptb-xl")
    frame = pd.read_csv(root / "ptbxl_database.csv").query("strat_fold == 10")
    rng = np.random.default_rng(0)
    classes = ("CD", "HYP", "MI", "NORM", "STTC")
    prob = {f"p_{c}": rng.random(len(frame)) for c in classes}
    for names in (frame.ecg_id, frame.ecg_id.map("{:05d}".format), frame.filename_hr):
        pd.DataFrame({"record": names, **prob}).to_csv(tmp_path / "p.csv", index=False)
        found = tsrep.score(tmp_path / "p.csv", "ptb-xl:super", root=root, where={"strat_fold": "10"}, **FAST)
        assert (found.classes, found.counts.missing) == (classes, 0)
    assert found.counts.scored + found.counts.extra == len(frame)  # some have no class of this task
    normal = found.by_class[classes.index("NORM")]
    assert normal.positives == frame.scp_codes.str.contains("'NORM'").sum()


def test_recordings_that_the_encoder_has_seen(cohort: Cohort, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = np.random.default_rng(1).integers(-500, 500, (N, 2, 1000)).astype(np.int16)
    records = Panel.from_store(
        counts, sfreq=100.0, channels=("II", "V2"), unit="mV", modality="ecg", gain=np.float32(0.001),
        label=np.zeros((N, 0), bool), classes=(), trial=np.arange(N), patient=cohort.patient,
        record_names=tuple(cohort.record),
    )  # fmt: skip
    loaded = SimpleNamespace(
        ledger=Ledger.of(records, index=np.array([4])),
        reference="runs/a",
        contract=SimpleNamespace(trained_on=SimpleNamespace(sources=())),
    )
    monkeypatch.setattr(seen, "load", lambda *_, **__: records)
    monkeypatch.setattr(seen, "resolve", lambda _: SimpleNamespace(open=lambda: loaded))
    path, truth = cohort.write("p.csv", cohort.flat(1.0)), cohort.with_flags
    signals = {"encoder": "runs/a", "recordings": "wfdb"}
    found = tsrep.score(path, truth, **signals, **FAST)
    assert (found.contamination.status, found.contamination.left_out, found.score.n) == ("seen", 1, N - 1)
    without = pd.read_csv(truth).drop(4)
    without.to_csv(truth, index=False)
    assert values(found) == values(tsrep.score(path, truth, **FAST))
    loaded.ledger = Ledger.of(records, index=np.arange(20))
    with pytest.raises(RunError, match="was trained on 19 of the 149 records to be scored"):
        tsrep.score(path, truth, **signals)
    kept = tsrep.score(path, truth, seen="keep", **signals, **FAST)
    assert (kept.contamination.kept, kept.score.n) == (True, N - 1)
    with pytest.raises(ConfigError, match="give both --encoder and --recordings"):
        tsrep.score(path, truth, encoder="runs/a")
