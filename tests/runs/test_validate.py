"""Heads of each cohort on all others: planted differences between cohorts, and none where there are none."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

import tsrep
import tsrep.runs.compare.entrant
import tsrep.runs.compare.scoring
from tsrep.errors import TsrepError
from tsrep.evaluation.comparison import holm
from tsrep.evaluation.labels.linear_probe import fit_probe
from tsrep.registry import DATASETS
from tsrep.report.validate import page_of, summary
from tsrep.report.validate_tables import pair_table
from tsrep.runs.compare.entrant import Entrant
from tsrep.runs.compare.table import data_entry, table_of
from tsrep.runs.loaded_encoder import LoadedEncoder
from tsrep.runs.references.python import PythonReference
from tsrep.runs.task import read_data
from tsrep.runs.validate.conduct import validate
from tsrep.runs.validate.validation import ALL, OTHERS, Validation

STEPS = 200
ENCODERS = '''
import torch
from torch import nn


class Moments(nn.Module):
    """Amplitude and mean of two channels; of standardised ones how far they step."""

    def __init__(self, how):
        super().__init__()
        self.mix = nn.Linear(2 if how == "record" else 4, 2 if how == "record" else 4, bias=False)
        nn.init.eye_(self.mix.weight)
        self.how, self.name, self.licence, self.parameters_from = how, f"moments-{how}", "MIT", "a file"
        self.sources = ()
        self.contract = {
            "modality": "ecg", "channels": ("I", "II"), "sfreq": 100.0, "unit": "mV", "filter": [],
            "window": {"steps": 200}, "missing_values": "interpolate", "standardise": {"how": how},
            "output": {"dim": self.mix.out_features, "stride": None, "time": False, "causal": False},
        }

    def forward(self, x):
        steps = x.diff(dim=-1).abs().mean(-1)
        return self.mix(steps if self.how == "record" else torch.cat([x.std(-1), x.mean(-1)], 1))


def plain():
    return Moments("none")


def standardised():
    return Moments("record")
'''


def signals(rng: np.random.Generator, label: np.ndarray, *, shortcut: bool) -> np.ndarray:
    """Recordings whose class shows weakly in an amplitude, and where a shortcut is planted in a mean."""
    n = len(label)
    x = rng.normal(size=(n, 2, STEPS)) * np.exp(0.5 * label[:, None, None] + 0.5 * rng.normal(size=(n, 1, 1)))
    x[:, 1] += (3.0 * label + rng.normal(size=n))[:, None] if shortcut else 1.5 + 2 * rng.normal(size=(n, 1))
    return x.astype(np.float32)


def write_cohort(
    folder: Path, seed: int, patients: int = 250, *, shortcut: bool = False, third: bool = False
) -> None:
    rng = np.random.default_rng(seed)
    label = np.arange(patients) % 2
    names = np.where(label, "MI", "NORM").astype(object)
    if third:
        names[::5] = "HYP"  # a class that not all cohorts have
    folder.mkdir()
    np.save(folder / "records.npy", signals(rng, label, shortcut=shortcut))
    rows = [f"{folder.name}{k},{name}" for k, name in enumerate(names)]
    (folder / "records.csv").write_text("\n".join(["patient,label", *rows]) + "\n")


def cohort(folder: Path, name: str, **changes: Any) -> dict[str, Any]:
    own = {"name": "arrays", "root": folder / name, "title": name, "sfreq": 100, "unit": "mV"}
    return own | {"channels": ["I", "II"], "split": {"name": "stratified", "test": 0.4}} | changes


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("validate")
    (folder / "encoders.py").write_text(ENCODERS)
    write_cohort(folder / "tied", 0, shortcut=True, third=True)
    write_cohort(folder / "free", 1, third=True)
    write_cohort(folder / "fair", 2, 240)
    return folder


Run = Callable[..., Validation]


@pytest.fixture(scope="module")
def run(place: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    def validated(
        *cohorts: Any, out: Path | None = None, encoder: str = "plain", **changes: Any
    ) -> Validation:
        settings: dict[str, Any] = {
            "encoders": [{"ref": f"{place}/encoders.py:{encoder}", "name": "moments"}],
            "datasets": [cohort(place, each) if isinstance(each, str) else each for each in cohorts],
            "evaluation": {"n_bootstrap": 100, "probe": {"C": [1.0]}},
            "policies": {"any_modality": True},
            "device": "cpu",
        }
        table = table_of(settings | changes)
        return validate(table, out or tmp_path_factory.mktemp("out"), progress=False)

    return validated


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("page")


@pytest.fixture(scope="module")
def found(run: Run, folder: Path) -> Validation:
    return run("tied", "free", "fair", out=folder)


def drop(found: Validation, fitted_on: str, dataset: str, encoder: str = "moments") -> Any:
    place = encoder, fitted_on, dataset
    return next(d.difference for d in found.drops if (d.encoder, d.fitted_on, d.dataset) == place)


def value(found: Validation, fitted_on: str, dataset: str, encoder: str = "moments") -> float:
    each = found.find(encoder, fitted_on, dataset)
    assert each is not None
    return each.score.value


@pytest.mark.long
def test_shortcut_of_one_cohort_shows_as_a_drop_and_nothing_else_does(found: Validation) -> None:
    for away in ("free", "fair"):
        assert drop(found, "tied", away).low > 0.1
    for here, there in (("free", "fair"), ("fair", "free")):
        assert drop(found, here, there).low < 0 < drop(found, here, there).high
        assert value(found, here, there) > value(found, "tied", there) + 0.05


def test_classes_are_those_of_all_cohorts(found: Validation) -> None:
    assert found.classes == ("MI", "NORM")
    assert found.excluded == {"HYP": "not known in fair"}
    assert [c.parts["test"][0] for c in found.cohorts] == [80, 80, 96]
    assert sum(found.cohorts[0].positives.values()) == 80
    assert sum(found.cohorts[0].parts["train"]) < 2 * 0.4 * 250


def test_a_class_of_two_cohorts_has_a_table_of_its_own_and_no_verdict(found: Validation) -> None:
    assert found.pair_classes == {("tied", "free"): ("HYP", "MI", "NORM")}
    places = {(e.cell.fitted_on, e.cell.dataset) for e in found.pairs}
    assert places == {("tied", "free"), ("free", "tied")}
    for each in found.pairs:
        (score,) = found.by_class_of_pairs[each.cell.encoder, each.cell.fitted_on, each.cell.dataset]
        assert (score.name, score.positive, score.records) == ("HYP", 20, 100)
        one = each.predictions
        target = one.target == found.classes_of_pair(each.cell.fitted_on, each.cell.dataset).index("HYP")
        assert score.auroc.value == pytest.approx(roc_auc_score(target, one.prob[:, 0]))
    table = pair_table(found)
    assert [row[2].text for row in table.rows] == ["all 3 of the two", "HYP"] * 2
    assert table.rows[0][5].text == f"{found.pairs[0].score.value:.3f}"
    assert table.caption in page_of(found).html()


def test_a_cell_is_a_head_of_one_cohort_on_the_other(found: Validation, place: Path) -> None:
    asked = table_of(
        {
            "encoders": [f"{place}/encoders.py:plain"],
            "datasets": [cohort(place, "free"), cohort(place, "fair")],
            "policies": {"any_modality": True},
            "device": "cpu",
        }
    )
    entrant = Entrant.open(asked.encoders[0])
    free, fair = (entrant.sees(entry, asked) for entry in asked.datasets)
    x = {s: entrant.encoders[0].vectors(s.shown.prepared.panel) for s in (free, fair)}
    panel, train = free.shown.prepared.panel, free.evaluation.split.train
    assert panel.classes == ("HYP", "MI", "NORM")  # of which the list of all cohorts lacks the first
    train = train[panel.label[train] > 0]
    probe = fit_probe(x[free][train], panel.label[train] - 1, 2, C=(1.0,))
    test, target = fair.evaluation.split.test, fair.shown.prepared.panel.label
    expected = roc_auc_score(target[test], probe.predict(x[fair][test])[:, 1])
    assert value(found, "free", "fair") == pytest.approx(expected, abs=1e-6)


def test_refitted_heads_are_the_diagonal_and_others_leave_one_out(found: Validation) -> None:
    inside = {(e.cell.fitted_on, e.cell.dataset): e.cell.inside for e in found.cells}
    internal = {(n, n) for n in found.datasets} | {(ALL, n) for n in found.datasets}
    assert {place for place, why in inside.items() if why} == internal
    assert {(OTHERS, name) for name in found.datasets} <= set(inside)
    assert value(found, OTHERS, "fair") != value(found, "free", "fair")
    assert value(found, ALL, "fair") not in (value(found, OTHERS, "fair"), value(found, "fair", "fair"))


def test_heads_of_all_cohorts_on_one_without_a_training_part_are_those_of_all_others(
    found: Validation,
) -> None:
    kept = tuple(e for e in found.cells if (e.cell.fitted_on, e.cell.dataset) != (ALL, "fair"))
    without = replace(found, cells=kept)
    assert value(without, ALL, "fair") == value(found, OTHERS, "fair")
    assert value(without, ALL, "free") == value(found, ALL, "free")


def test_one_family_of_verdicts_on_external_cohorts(found: Validation) -> None:
    assert len(found.verdicts) == 3 * 2 + 3
    assert {v.encoder for v in found.verdicts} == {"moments"}
    np.testing.assert_array_equal(
        [v.adjusted_p for v in found.verdicts], holm([v.difference.p for v in found.verdicts])
    )
    assert {v.difference.covers for v in found.verdicts} == {"patients and random initialisations"}
    assert all(v.difference.against_seeds == 5 for v in found.verdicts)


def test_controls_stand_beside_encoders_and_absent_ones_are_told(found: Validation) -> None:
    assert found.methods == ["moments", "amplitude and spectrum"]
    assert value(found, "free", "fair", "amplitude and spectrum") > 0.6
    assert any(note.startswith("Without the control age and sex") for note in found.notes)
    for each in found.cells:
        assert each.of("baseline") is not None


def test_rates_of_classes(found: Validation) -> None:
    scores = found.by_class["moments", "tied", "free"]
    each = found.find("moments", "tied", "free")
    assert each is not None
    one = each.predictions
    for k, score in enumerate(scores):
        true = one.target == k
        assert (score.records, score.positive) == (len(true), true.sum())
        assert score.in_the_large.value == pytest.approx(one.prob[:, k].mean() - true.mean())
        error = (one.prob[:, k] - true).std(ddof=1) / np.sqrt(len(true))
        width = score.in_the_large.high - score.in_the_large.low
        assert width == pytest.approx(2 * 1.98 * error, rel=0.3)
        assert score.auroc.value == pytest.approx(roc_auc_score(true, one.prob[:, k]))


def test_page_json_and_rows(found: Validation, folder: Path) -> None:
    page = page_of(found).html()
    for told in (
        "Classifier transferred",
        "Head refitted",
        "internal",
        "all others",
        "HYP (not known in fair",
    ):
        assert told in page
    assert "Synthetic data" not in page
    assert "moments from tied to free" in summary(found)
    stored = json.loads((folder / "validation.json").read_text())
    assert stored["format"] == "tsrep.validation/1"
    assert [pair["classes"] for pair in stored["pairs"]] == [["HYP", "MI", "NORM"]] * 4
    assert len(stored["cells"]) == len(found.cells) == 2 * (9 + 3 + 3)
    rows = list(csv.DictReader(io.StringIO((folder / "validation.csv").read_text())))
    columns = ("encoder", "row", "head_fitted_on", "scored_on", "classes_of", "class", "metric")
    places = {tuple(each[name] for name in columns): each for each in rows}
    assert len(places) == len(rows)
    row = places["moments", "moments", "tied", "free", "all cohorts", "macro average", "auroc"]
    assert float(row["value"]) == value(found, "tied", "free")
    assert float(row["drop"]) == drop(found, "tied", "free").value
    assert (row["external"], row["why_not_external"]) == ("True", "")
    row = places["moments", "moments", "tied", "free", "two cohorts", "HYP", "auroc"]
    assert float(row["value"]) == found.by_class_of_pairs["moments", "tied", "free"][0].auroc.value
    assert (row["verdict"], row["drop"]) == ("", "")


def test_what_was_scored_is_not_scored_again(
    found: Validation, folder: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(folder, tmp_path / "again")
    monkeypatch.setattr(tsrep.runs.compare.scoring, "_scored", None)
    again = run("tied", "free", "fair", out=tmp_path / "again")
    assert again.to_json() == found.to_json()


def test_gain_of_a_device_changes_nothing_where_recordings_are_standardised(place: Path, run: Run) -> None:
    loud = cohort(place, "fair", scale=2.0, title="loud")
    found = run("fair", loud, encoder="standardised")
    assert value(found, "fair", "fair") != 0.5
    for fitted_on, dataset in (("fair", "loud"), ("loud", "fair"), ("loud", "loud")):
        assert value(found, fitted_on, dataset) == pytest.approx(value(found, "fair", "fair"), abs=1e-6)
    rates = found.by_class["moments", "fair", "loud"]
    assert rates[0].stated == pytest.approx(found.by_class["moments", "fair", "fair"][0].stated, abs=1e-5)


def test_cohort_of_the_same_hospital_that_is_only_scored(
    place: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DATASETS.entry("arrays").cls, "kin", ("the County Hospital",))
    read: list[Any] = []

    def reading(data: Any, *others: Any, **options: Any) -> Any:
        read.append(data.root.name)
        return read_data(data, *others, **options)

    monkeypatch.setattr(tsrep.runs.compare.entrant, "read_data", reading)
    found = run("free", cohort(place, "fair", use="test", split=None))
    assert read == ["free", "fair"]
    assert [place[1:] for place in found.by_class] == [("free", "free"), ("free", "fair")]
    assert found.cohorts[1].parts == {"train": (0, 0), "validation": (0, 0), "test": (240, 240)}
    assert [v.dataset for v in found.verdicts] == ["free to fair, near external"]
    page = page_of(found).html()
    assert "less may be lost than elsewhere: fair and free are both of the County Hospital." in page
    near = [row["near_external"] for row in csv.DictReader(io.StringIO(found.to_csv()))]
    assert set(near) == {"", "fair and free are both of the County Hospital"}


@pytest.mark.parametrize(("copies", "kept"), [(30, False), (240, True)])
def test_recordings_of_two_cohorts(place: Path, run: Run, tmp_path: Path, copies: int, kept: bool) -> None:
    write_cohort(tmp_path / "mixed", 3, 240)
    x, other = np.load(tmp_path / "mixed/records.npy"), np.load(place / "free/records.npy")
    x[:copies] = other[:copies]
    np.save(tmp_path / "mixed/records.npy", x)
    found = run("free", cohort(tmp_path, "mixed", use="test", split=None))
    each = found.find("moments", "free", "mixed")
    assert each is not None
    if kept:
        assert each.cell.inside.endswith("scored recordings are in free")
        assert (len(found.verdicts), found.cohorts[1].parts["test"][0]) == (0, 240)
        assert "Not external: moments on mixed" in page_of(found).html()
    else:
        assert not each.cell.inside
        assert 240 - copies <= found.cohorts[1].parts["test"][0] < 240
        assert any("that free fits on: left out" in note for note in found.notes)


def flags(folder: Path, name: str) -> dict[str, Any]:
    """A cohort whose recordings may have several classes."""
    write_cohort(folder / name, 5, 60)
    rows = [f"p{k},{k % 2},{(k + 1) % 2}" for k in range(60)]
    (folder / name / "records.csv").write_text("\n".join(["patient,MI,NORM", *rows]) + "\n")
    return cohort(folder, name, label=["MI", "NORM"])


def other_classes(folder: Path, name: str) -> dict[str, Any]:
    write_cohort(folder / name, 6, 60)
    text = (folder / name / "records.csv").read_text()
    (folder / name / "records.csv").write_text(text.replace("MI", "A").replace("NORM", "B"))
    return cohort(folder, name)


def one_patient(folder: Path, name: str) -> dict[str, Any]:
    write_cohort(folder / name, 7, 60)
    lines = (folder / name / "records.csv").read_text().splitlines()
    rows = [f"same,{line.partition(',')[2]}" for line in lines[1:]]
    (folder / name / "records.csv").write_text("\n".join([lines[0], *rows]) + "\n")
    return cohort(folder, name, use="test", split=None)


def of_another_unit(folder: Path, name: str) -> dict[str, Any]:
    write_cohort(folder / name, 8, 60)
    return cohort(folder, name, unit="g")


def of_few(folder: Path, name: str) -> dict[str, Any]:
    write_cohort(folder / name, 9, 60)
    return cohort(folder, name)


def without_test_part(folder: Path, name: str) -> dict[str, Any]:
    write_cohort(folder / name, 10, 60)
    return cohort(folder, name, split={"name": "stratified", "test": 0})


@pytest.mark.parametrize(
    ("other", "changes", "message"),
    [
        (without_test_part, {}, "odd: there is no test part to score"),
        (None, {}, "1 data set to validate on"),
        (flags, {}, "choose tasks of one kind"),
        (other_classes, {}, "no class in common"),
        (one_patient, {}, "has 1 patient to be scored"),
        (of_another_unit, {}, "odd: "),
        (of_few, {}, "nearest: NORM 12 in odd; MI 12 in odd"),
        (of_few, {"protocols": ["probe", "knn"]}, "under one protocol"),
        (of_few, {"labels": [1.0, 0.5]}, "leave labels out"),
        (of_few, {"label_seeds": 4}, "4 random initialisations do not tell how far they differ; give 5 or"),
    ],
)
def test_refusals(
    run: Run,
    tmp_path: Path,
    other: Callable[[Path, str], Mapping[str, Any]] | None,
    changes: dict[str, Any],
    message: str,
) -> None:
    cohorts = ["free", *([] if other is None else [other(tmp_path, "odd")])]
    with pytest.raises(TsrepError, match=message) as raised:
        run(*cohorts, out=tmp_path / "out", **changes)
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "out").exists()


def test_the_table_that_is_kept_names_no_patient(place: Path, run: Run, tmp_path: Path) -> None:
    names = [[f"free{k}" for k in range(250) if k % 8 // 2 in some] for some in ((0, 1), (2,))]
    listed = {"name": "patients", "test": names[0], "validation": names[1]}
    run(cohort(place, "free", split=listed), cohort(place, "fair", use="test", split=None), out=tmp_path)
    kept = (tmp_path / "table.yaml").read_text()
    assert not any(name in kept for name in names[0])
    assert f"{len(names[0])} patients, SHA-256 " in kept
    assert f"{len(names[1])} patients, SHA-256 " in kept
    with pytest.raises(TsrepError, match="split") as raised:
        tsrep.validate(tmp_path / "table.yaml", out=tmp_path / "again", progress=False)
    assert "\n" not in str(raised.value)


def test_nothing_to_fit_on(run: Run, place: Path) -> None:
    both = [cohort(place, name, use="test", split=None) for name in ("free", "fair")]
    with pytest.raises(TsrepError, match="no head can be fitted"):
        run(*both)
    with pytest.raises(TsrepError, match="use tsrep validate"):
        tsrep.compare([f"{place}/encoders.py:plain"], both, progress=False)


def test_data_sets_by_file(place: Path, tmp_path: Path) -> None:
    (tmp_path / "hospital.yaml").write_text("name: arrays\nroot: here\nsfreq: 100\nuse: test\n")
    entry = data_entry(str(tmp_path / "hospital.yaml"))
    assert (entry.called, entry.root, entry.use) == ("hospital", tmp_path / "here", "test")
    (tmp_path / "config.yaml").write_text(
        "dataset: {name: arrays, sfreq: 100}\nroot: /data\nsplit: {name: stratified}\nencoder: resnet1d\n"
    )
    entry = data_entry(str(tmp_path / "config.yaml"), place)
    assert (entry.called, entry.root) == (f"data of {tmp_path.name}", place)
    assert (dict(entry.dataset), entry.split) == ({"name": "arrays", "sfreq": 100}, {"name": "stratified"})
    (tmp_path / "empty.yaml").write_text("root: here\n")
    with pytest.raises(TsrepError, match=r"empty\.yaml does not say its name"):
        data_entry(str(tmp_path / "empty.yaml"))


def test_simulated_cohorts_are_said_to_be(found: Validation) -> None:
    simulated = replace(found, cohorts=tuple(replace(c, synthetic=True) for c in found.cohorts))
    assert "Synthetic data" in page_of(simulated).html()
    assert summary(simulated).startswith("SYNTHETIC DATA")


def test_cohort_that_the_encoder_was_trained_on_is_not_external(
    run: Run, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = cohort(place, "free")
    settings = {key: own[key] for key in ("sfreq", "unit", "channels")}
    told = {"data": {"digest": tsrep.load("arrays", own["root"], **settings).digest}}
    opened = PythonReference.open

    def trained(kind: PythonReference, text: str) -> LoadedEncoder:
        return replace(opened(kind, text), provenance=told, recipe={"split": own["split"]})

    monkeypatch.setattr(PythonReference, "open", trained)
    found = run(cohort(place, "free", split=None), "fair")
    cells = [each.cell for each in found.cells if each.cell.encoder == "moments"]
    inside = {(cell.fitted_on, cell.dataset): cell.inside for cell in cells}
    assert inside["fair", "free"] == "moments was trained on it"
    assert [v.dataset for v in found.verdicts] == ["free to fair"]
    assert {d.encoder for d in found.drops if d.fitted_on == "fair"} == {"amplitude and spectrum"}
