"""Encoders by data sets by fractions of labels, with verdicts, on planted differences."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tsrep.runs.compare.entrant
import tsrep.runs.compare.scoring
from tsrep.errors import ConfigError, RunError
from tsrep.evaluation.bootstrap import Interval, resample
from tsrep.evaluation.comparison import compare_methods, holm
from tsrep.evaluation.difference import paired_difference
from tsrep.evaluation.protocols.labels import evaluate_features
from tsrep.evaluation.protocols.probe import LinearProbe
from tsrep.report.compare import (
    caveats,
    headline,
    page_of,
    sentences,
    summary,
    write_comparison,
)
from tsrep.runs.compare.cells import Scored
from tsrep.runs.compare.comparison import Comparison
from tsrep.runs.compare.conduct import compare
from tsrep.runs.compare.entrant import Entrant, ledger_of
from tsrep.runs.compare.table import EncoderEntry, Table, distinct_names, read_table, table_of
from tsrep.runs.compare.verdicts import against_random, between_encoders
from tsrep.runs.fit import fit

ENCODERS = '''
import torch
from torch import nn


class Amplitudes(nn.Module):
    """One weighted sum of the amplitudes and means of two channels."""

    def __init__(self, name, weights, steps=100):
        super().__init__()
        self.mix = nn.Linear(4, 1, bias=False)
        with torch.no_grad():
            self.mix.weight.copy_(torch.tensor([weights]))
        self.name, self.licence, self.parameters_from = name, "MIT", "a file"
        self.sources = ("CinC-2021",)
        self.contract = {
            "modality": "ecg", "channels": ("I", "II"), "sfreq": 100.0, "unit": "mV", "filter": [],
            "window": {"steps": steps}, "missing_values": "interpolate", "standardise": {"how": "none"},
            "output": {"dim": 1, "stride": None, "time": False, "causal": False},
        }

    def forward(self, x):
        return self.mix(torch.cat([x.std(-1), x.mean(-1)], 1))


def sharp():
    return Amplitudes("sharp", [1.0, 0.0, 0.0, 0.0])


def blind():
    return Amplitudes("blind", [0.0, 0.0, 0.0, 1.0])


def nearly():
    return Amplitudes("nearly", [1.0, 0.1, 0.0, 0.0])


def whole():
    return Amplitudes("whole", [1.0, 0.0, 0.0, 0.0], steps=200)


def dull():
    return Amplitudes("dull", [0.1, 0.0, 0.0, 1.0])


def same_name():
    return sharp()
'''


def write_data(folder: Path, seed: int, patients: int) -> None:
    """Recordings whose class is the amplitude of the first channel, a patient each."""
    rng = np.random.default_rng(seed)
    label = np.arange(patients) % 2
    amplitude = np.stack([np.exp(1.2 * label + 0.5 * rng.normal(size=patients)), np.ones(patients)], 1)
    x = amplitude[..., None] * rng.normal(size=(patients, 2, 200))
    folder.mkdir()
    np.save(folder / "records.npy", x.astype(np.float32))
    rows = [f"p{k},{'MI' if on else 'NORM'}" for k, on in enumerate(label)]
    (folder / "records.csv").write_text("\n".join(["patient,label", *rows]) + "\n")


def data(folder: Path, title: str) -> dict[str, Any]:
    return {
        "name": "arrays",
        "root": folder / title,
        "title": title,
        "sfreq": 100,
        "unit": "mV",
        "channels": ["I", "II"],
        "split": {"name": "stratified"},
    }


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compare")
    (folder / "encoders.py").write_text(ENCODERS)
    write_data(folder / "A", 0, 200)
    write_data(folder / "B", 1, 190)
    return folder


@pytest.fixture(scope="module")
def table(place: Path) -> Callable[..., Table]:
    def made(*names: str, **changes: Any) -> Table:
        values: dict[str, Any] = {
            "encoders": [f"{place}/encoders.py:{name}" for name in names],
            "datasets": [data(place, "A"), data(place, "B")],
            "labels": [1.0, 0.5],
            "label_seeds": 2,
            "evaluation": {"n_bootstrap": 200, "probe": {"C": [1.0]}},
            "policies": {"any_modality": True},
            "device": "cpu",
        }
        return table_of(values | changes)

    return made


@pytest.fixture(scope="module")
def found(table: Callable[..., Table], tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    return compare(table("sharp", "blind", "nearly"), tmp_path_factory.mktemp("found"), progress=False)


def test_every_cell_is_scored(found: Comparison) -> None:
    assert (found.encoders, found.datasets) == (["sharp", "blind", "nearly"], ["A", "B"])
    assert found.columns == [(1.0, "all"), (0.5, "patient")]
    assert len(found.cells) == 3 * 2 * 2
    for each in found.cells:
        control = each.of("control")
        assert control is not None
        assert control.seeds == 5
        assert each.of("baseline") is not None
        assert (each.cell.own, each.cell.seen) == (False, "unknown")
        assert not each.cell.marked
        assert each.score.data == "other data"


def test_scores_are_those_of_the_features(found: Comparison, table: Callable[..., Table]) -> None:
    asked = table("sharp")
    sight = Entrant.open(asked.encoders[0]).sees(asked.datasets[0], asked)
    panel, split = sight.shown.prepared.panel, sight.evaluation.split
    x = panel.take(np.arange(len(panel))).std(axis=2, ddof=1)[:, :1]
    by_hand = evaluate_features(
        {"sharp": x}, panel, split, protocols=[LinearProbe(C=(1.0,))], fractions=(1.0,), n_bootstrap=200
    )
    score = found.find("sharp", "A", "probe", 1.0, "all")
    assert score is not None
    (expected,) = (s for s in by_hand.where(method="sharp", unit="record"))
    assert score.score.metrics["auroc"].value == pytest.approx(expected.metrics["auroc"].value, abs=1e-6)
    assert score.score.metrics["auroc"].low == pytest.approx(expected.metrics["auroc"].low, abs=1e-6)


def test_planted_differences_are_found_and_no_others(found: Comparison) -> None:
    words = {(v.dataset, frozenset((v.encoder, v.against))): (v.encoder, v.word) for v in found.pairs}
    assert len(found.pairs) == 6
    for dataset in ("A", "B"):
        assert words[dataset, frozenset(("sharp", "blind"))] == ("sharp", "better")
        assert words[dataset, frozenset(("nearly", "blind"))] == ("nearly", "better")
        assert words[dataset, frozenset(("sharp", "nearly"))][1] == "not significant"


def test_differences_are_those_of_the_project(found: Comparison) -> None:
    on_a = {e.cell.encoder: e for e in found.leading if e.cell.dataset == "A"}
    methods = {name: e.predictions.each for name, e in on_a.items()}
    (direct,) = compare_methods(methods, [("sharp", "blind")], n_bootstrap=200)
    (own,) = [v for v in found.pairs if {v.encoder, v.against} == {"sharp", "blind"} and v.dataset == "A"]
    assert own.difference == direct.difference
    adjusted = holm([v.difference.p for v in found.pairs])
    np.testing.assert_array_equal([v.adjusted_p for v in found.pairs], adjusted)
    gains = holm([v.difference.p for v in found.gains])
    np.testing.assert_array_equal([v.adjusted_p for v in found.gains], gains)
    assert len(found.gains) == 6
    assert {v.difference.covers for v in found.gains} == {"patients and random initialisations"}


def test_primary_contrast_is_not_corrected(found: Comparison) -> None:
    gains = against_random(found.leading, "blind")
    (primary,) = [v for v in gains if v.primary]
    assert (primary.encoder, primary.dataset, primary.adjusted_p) == ("blind", "A", primary.difference.p)
    others = holm([v.difference.p for v in gains if not v.primary])
    np.testing.assert_array_equal([v.adjusted_p for v in gains if not v.primary], others)


def test_primary_contrast_is_of_the_first_data_set_or_of_none(found: Comparison) -> None:
    marked = [
        replace(each, cell=replace(each.cell, marked=True)) if each.cell.place[:2] == ("blind", "A") else each
        for each in found.leading
    ]
    gains = against_random(marked, "blind")
    assert not any(v.primary for v in gains)
    np.testing.assert_array_equal([v.adjusted_p for v in gains], holm([v.difference.p for v in gains]))


def test_methods_of_other_numbers_of_encoders_in_any_order(
    table: Callable[..., Table], place: Path, tmp_path: Path
) -> None:
    def pairs(out: str, *entries: Sequence[str]) -> dict[frozenset[str], Any]:
        named = [
            {"refs": [f"{place}/encoders.py:{name}" for name in names], "name": str(len(names))}
            for names in entries
        ]
        asked = table(encoders=named, datasets=[data(place, "A")], labels=[1.0])
        found = compare(asked, tmp_path / out, progress=False).pairs
        return {frozenset((v.encoder, v.against)): v.difference for v in found}

    rows = ["sharp", "nearly", "blind"], ["same_name", "dull"], ["whole"]
    found = pairs("one", *rows)
    again = pairs("two", *(list(reversed(names)) for names in rows))
    assert set(found) == {frozenset(two) for two in (("3", "2"), ("3", "1"), ("2", "1"))}
    for names, difference in found.items():
        assert difference.covers == "patients and training seeds"
        assert difference.p == pytest.approx(again[names].p)


def test_pairs_with_few_labels_alone_cover_their_draws(
    table: Callable[..., Table], place: Path, tmp_path: Path
) -> None:
    asked = table(
        encoders=[
            f"{place}/encoders.py:sharp",
            {"refs": [f"{place}/encoders.py:{name}" for name in ("blind", "nearly", "dull")], "name": "more"},
        ],
        datasets=[data(place, "A")],
        labels=[0.5],
        subsample_by=["sample", "patient"],
    )
    found = compare(asked, tmp_path, progress=False)
    assert [v.encoder for v in found.gains] == ["sharp", "more"]
    (pair,) = found.pairs
    assert {pair.encoder, pair.against} == {"sharp", "more"}
    assert pair.difference.covers == "patients, training seeds and label draws"
    values = [found.rankings["A"].values[name].value for name in (pair.encoder, pair.against)]
    assert pair.difference.value == pytest.approx(values[0] - values[1])
    told = [line for line in found.lines() if line.get("verdict")]
    assert {line["subsample_by"] for line in told} == {found.columns[0][1]}


def test_rows_that_were_trained_on_take_no_part(found: Comparison) -> None:
    marked = [
        replace(each, cell=replace(each.cell, marked=True)) if each.cell.encoder == "sharp" else each
        for each in found.cells
    ]
    seen = Comparison(tuple(marked), found.costs, found.about)
    assert {v.encoder for v in seen.gains} == {"blind", "nearly"}
    assert {v.encoder for v in seen.pairs} | {v.against for v in seen.pairs} == {"blind", "nearly"}
    assert "on A nearly is ahead" in headline(seen)
    assert "Trained on recordings that are scored (†seen), so in no comparison: sharp." in caveats(seen)


def test_finished_cells_are_not_scored_again(
    table: Callable[..., Table], place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small: dict[str, Any] = {"datasets": [data(place, "A")]}
    first = compare(table("sharp", **small), tmp_path, progress=False)
    scored: list[str] = []
    real = tsrep.runs.compare.scoring.outcome

    def counted(protocol: Any, candidates: Any, evaluation: Any) -> Any:
        scored.append(candidates[0].name)
        return real(protocol, candidates, evaluation)

    monkeypatch.setattr(tsrep.runs.compare.scoring, "outcome", counted)
    again = compare(table("sharp", **small), tmp_path, progress=False)
    assert scored == []
    assert [e.scores.to_json() for e in again.cells] == [e.scores.to_json() for e in first.cells]
    grown = compare(table("sharp", "blind", **small), tmp_path, progress=False)
    assert scored == ["blind"] * 2
    assert len(grown.cells) == 4
    small["evaluation"] = {"n_bootstrap": 300, "probe": {"C": [1.0]}}
    compare(table("sharp", **small), tmp_path, progress=False)
    assert len(scored) == 4


def test_interrupted_comparison_resumes(
    table: Callable[..., Table], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = tsrep.runs.compare.scoring.outcome, [0]

    def stopping(*given: Any) -> Any:
        calls[0] += 1
        if calls[0] == 2:
            raise KeyboardInterrupt
        return real(*given)

    monkeypatch.setattr(tsrep.runs.compare.scoring, "outcome", stopping)
    with pytest.raises(KeyboardInterrupt):
        compare(table("sharp", labels=[1.0]), tmp_path, progress=False)
    assert len(list(tmp_path.glob("cells/*/cell.json"))) == 1
    assert not (tmp_path / "comparison.json").exists()
    assert len(compare(table("sharp", labels=[1.0]), tmp_path, progress=False).cells) == 2
    assert calls[0] == 3


def test_renamed_row_keeps_its_cells(table: Callable[..., Table], place: Path, tmp_path: Path) -> None:
    small: dict[str, Any] = {"datasets": [data(place, "A")], "labels": [1.0]}
    compare(table("sharp", **small), tmp_path, progress=False)
    before = sorted(path.stat().st_mtime_ns for path in tmp_path.glob("cells/*/cell.json"))
    named = table(encoders=[{"ref": f"{place}/encoders.py:sharp", "name": "amplitude"}], **small)
    found = compare(named, tmp_path, progress=False)
    assert found.encoders == ["amplitude"]
    assert found.cells[0].score.method == "amplitude"
    assert len(found.cells[0].predictions)
    assert sorted(path.stat().st_mtime_ns for path in tmp_path.glob("cells/*/cell.json")) == before


def test_several_encoders_of_a_method(table: Callable[..., Table], place: Path, tmp_path: Path) -> None:
    refs = [f"{place}/encoders.py:{name}" for name in ("sharp", "nearly")]
    other = [f"{place}/encoders.py:{name}" for name in ("blind", "same_name")]
    asked = table(
        encoders=[{"refs": refs, "name": "method"}, {"refs": other, "name": "mixed"}],
        datasets=[data(place, "A")],
        labels=[1.0],
    )
    found = compare(asked, tmp_path, progress=False)
    (gain,) = [v for v in found.gains if v.encoder == "method"]
    assert gain.difference.covers == "patients and training seeds"
    assert [len(each.predictions.each) for each in found.cells] == [2, 2]
    (pair,) = found.pairs
    assert pair.difference.covers == "patients and training seeds"
    method, mixed = (
        resample(each.predictions.each, n_bootstrap=200, names=["auroc"]).crossed(1) for each in found.cells
    )
    assert pair.difference == paired_difference(method, mixed)["auroc"]


def test_encoders_of_other_windows_are_compared_on_the_same_recordings(
    table: Callable[..., Table], place: Path, tmp_path: Path
) -> None:
    found = compare(
        table("sharp", "whole", datasets=[data(place, "A")], labels=[1.0]), tmp_path, progress=False
    )
    one, two = (each.predictions for each in found.leading)
    np.testing.assert_array_equal(np.sort(one.trial), np.sort(two.trial))
    (pair,) = found.pairs
    assert pair.n == len(one)


def test_what_has_no_weights_has_no_random_initialisation(
    table: Callable[..., Table], place: Path, tmp_path: Path
) -> None:
    x = np.load(place / "A" / "records.npy").std(axis=2)
    np.savez(tmp_path / "amplitudes.npz", record=[str(k) for k in range(len(x))], x=x)
    asked = table("sharp", datasets=[data(place, "A")])
    vectors = {"ref": f"features:{tmp_path}/amplitudes.npz", "name": "elsewhere"}
    signal = {"ref": "random:identity", "name": "the signal"}
    entries = (*asked.encoders, vectors, signal)
    found = compare(
        table(encoders=entries, datasets=[data(place, "A")], labels=[1.0]), tmp_path / "out", progress=False
    )
    for each in found.leading[1:]:
        assert (each.of("control"), each.score.gain) == (None, None)
    assert [v.encoder for v in found.gains] == ["sharp"]
    assert ("elsewhere", "A") not in found.costs
    assert any(
        said.endswith("without a gain over random initialisations: elsewhere and the signal.")
        for said in caveats(found)
    )


def test_files_hold_every_cell(found: Comparison, tmp_path: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(found.to_csv())))
    assert len(rows) == sum(len(s.metrics) for each in found.cells for s in each.scores if s.unit == "record")
    first = found.cells[0]
    of_first = {(r["role"], r["metric"]): r for r in rows if r["key"] == first.cell.key}
    own, random = of_first["method", first.score.metric], of_first["control", first.score.metric]
    assert float(own["value"]) == first.score.value
    assert float(own["gain"]) == pytest.approx(float(own["value"]) - float(random["value"]))
    assert own["verdict"]
    assert not random["verdict"]
    content = json.loads(found.to_json())
    assert [cell["key"] for cell in content["cells"]] == [each.cell.key for each in found.cells]
    assert {each["verdict"] for each in content["between encoders"]} == {"better", "not significant"}
    page = write_comparison(found, tmp_path).read_text()
    assert (tmp_path / "comparison.png").read_bytes().startswith(b"\x89PNG")
    for told in (headline(found), *sentences(found), "Encoders", "MIT"):
        assert told in page


def test_page_says_what_is_significant(found: Comparison) -> None:
    assert headline(found).startswith("3 encoders on 2 data sets: on A ")
    told = sentences(found)
    assert any(each.startswith("Significant between encoders: ") and "6 pairs" in each for each in told)
    assert any("sharp above blind on A (difference +" in each for each in told)
    assert "Whether scored recordings were trained on is unknown: sharp, blind and nearly." in caveats(found)


def test_cost_of_an_encoder(found: Comparison) -> None:
    cost = found.costs["sharp", "A"]
    assert cost.parameters == 4
    assert cost.gflop == pytest.approx(2 * 4 * 10 / 1e9)  # a product and a sum for each weight, ten windows
    assert cost.megabytes == pytest.approx(16e-6)
    assert cost.seconds > 0


def test_encoders_of_one_name_are_called_as_their_folders(tmp_path: Path) -> None:
    for name in ("here/run", "there/run", "there/other"):
        (tmp_path / name).mkdir(parents=True)

    def named(*refs: Any) -> list[str]:
        return distinct_names(table_of({"encoders": refs}).encoders, ["simclr"] * len(refs))

    runs = [str(tmp_path / name) for name in ("here/run", "there/run", "there/other")]
    assert named(runs[0]) == ["simclr"]
    assert named(runs[0], runs[2], "hub:o/n@v1") == ["run", "other", "hub:o/n@v1"]
    assert named(*runs) == [*runs[:2], "other"]
    assert named(runs[0], {"ref": runs[1], "name": "mine"}) == ["simclr", "mine"]
    assert named({"refs": runs[:2]}, runs[2]) == ["run, run", "other"]


def test_same_encoder_or_name_twice_is_refused(table: Callable[..., Table], place: Path) -> None:
    with pytest.raises(ConfigError, match=r"encoders.py:sharp is in the table twice"):
        table("sharp", "sharp")
    taken = table(encoders=[{"ref": "random:identity", "name": f"{place}/encoders.py:sharp"}]).encoders
    both = (*table("sharp", "same_name").encoders, *taken)
    found = distinct_names((*both[:2], taken[0].model_copy(update={"name": "x"})), ["sharp", "sharp", ""])
    assert found == ["encoders.py:sharp", "encoders.py:same_name", "x"]
    other = [*both[:2], *table(encoders=[{"ref": "b", "name": "encoders.py:sharp"}]).encoders, *taken]
    with pytest.raises(ConfigError, match=r"two encoders are called \S+:sharp; give one another name"):
        distinct_names(other, ["sharp", "sharp", "", ""])
    with pytest.raises(ConfigError, match="two encoders are called x"):
        table(encoders=[{"ref": "a", "name": "x"}, {"ref": "b", "name": "x"}])


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"datasets": ["ptb-xlsim"]}, "unknown dataset 'ptb-xlsim'; did you mean 'ptb-xl-sim'"),
        ({"datasets": ["etth1"]}, "etth1 is a series without labels"),
        ({"datasets": ["ptb-xl-sim", "ptb-xl-sim"]}, "two data sets are called ptb-xl-sim; give one a title"),
        ({"protocols": ["prob"]}, "unknown protocol 'prob'; did you mean 'probe'"),
        ({"encoder": []}, "unknown setting encoder; did you mean 'encoders'"),
        ({"labels": [0]}, "labels.0 is 0: it must be greater than 0"),
        ({"encoders": []}, "encoders is .*too short"),
    ],
)
def test_faults_of_a_table_are_told(table: Callable[..., Table], changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        table("sharp", **changes)


def test_primary_must_be_in_the_table(table: Callable[..., Table], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="primary is sharpe, which is none of sharp"):
        compare(table("sharp", primary="sharpe"), tmp_path, progress=False)


def test_unpinned_reference_is_warned_of() -> None:
    asked = table_of({"encoders": ["hub:o/n", "hub:o/m@v1", {"ref": "x.py:load", "variant": "benchmark"}]})
    assert asked.warnings == ["hub:o/n may change; pin it with hub:o/n@REVISION"]
    assert asked.encoders[2].refs == ("x.py:load@benchmark",)
    assert table_of({"encoders": [Path("runs") / "a"]}).encoders[0].refs == (str(Path("runs") / "a"),)


def test_table_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "table.yaml"
    path.write_text("encoders: [runs/a]\ndatasets:\n  - {name: ptb-xl-sim, patients: 40, root: data}\n")
    read = read_table(path, {"label_seeds": 3})
    assert read.datasets[0].root == tmp_path / "data"
    assert read.datasets[0].dataset == {"name": "ptb-xl-sim", "patients": 40}
    assert read.label_seeds == 3
    path.write_text("[1, 2]")
    with pytest.raises(ConfigError, match="holds a list, not settings by name; fix it"):
        read_table(path)
    path.write_text("encoders: [")
    with pytest.raises(ConfigError, match="is not valid YAML; fix it"):
        read_table(path)


def test_stored_predictions_are_compared_without_data(found: Comparison, tmp_path: Path) -> None:
    folders = []
    for name in ("sharp", "blind"):
        each = found.find(name, "A", "probe", 1.0, "all")
        assert each is not None
        each.scores.save(tmp_path / name)
        folders.append(str(tmp_path / name))
    stored = compare(table_of({"encoders": folders}), tmp_path / "out", progress=False)
    assert stored.encoders == ["sharp", "blind"]
    (pair,) = stored.pairs
    (own,) = [v for v in found.pairs if {v.encoder, v.against} == {"sharp", "blind"} and v.dataset == "A"]
    assert pair.difference.value == own.difference.value
    assert stored.costs == {}
    write_comparison(stored, tmp_path / "out")
    with pytest.raises(ConfigError, match="primary is sharpe, which is none of sharp, blind"):
        compare(table_of({"encoders": folders, "primary": "sharpe"}), tmp_path / "other", progress=False)
    for name, value in (("labels", [0.5]), ("protocols", ["knn"]), ("label_seeds", 7)):
        with pytest.raises(ConfigError, match=f"{name} .*says how to score encoders on data"):
            compare(table_of({"encoders": folders, name: value}), tmp_path / "other", progress=False)


def test_stored_runs_of_several_seeds_are_compared_over_seeds(
    table: Callable[..., Table], place: Path, tmp_path: Path
) -> None:
    refs = {"a": ["sharp", "nearly"], "b": ["blind", "same_name"]}
    asked = table(
        encoders=[
            {"refs": [f"{place}/encoders.py:{each}" for each in names], "name": name}
            for name, names in refs.items()
        ],
        datasets=[data(place, "A")],
        labels=[1.0],
    )
    found = compare(asked, tmp_path / "out", progress=False)
    for each in found.cells:
        each.scores.save(tmp_path / each.cell.encoder)
    folders = [str(tmp_path / name) for name in refs]
    stored = compare(table_of({"encoders": folders}), tmp_path / "stored", progress=False)
    (own,), (pair,) = found.pairs, stored.pairs
    assert pair.difference.covers == own.difference.covers == "patients and training seeds"
    assert pair.difference.value == pytest.approx(own.difference.value)


def test_stored_runs_with_other_labels_are_refused(found: Comparison, tmp_path: Path) -> None:
    for name, fraction, by in (("one", 1.0, "all"), ("two", 0.5, "patient")):
        each = found.find("sharp", "A", "probe", fraction, by)
        assert each is not None
        kept = found.find("sharp", "A", "probe", 1.0, "all")
        assert kept is not None
        replace(each.scores, predictions={each.score.key: kept.predictions}).save(tmp_path / name)
    folders = [str(tmp_path / name) for name in ("one", "two")]
    with pytest.raises(RunError, match=r"two was scored with 1 draw of 50 % of labels by patient, and one"):
        compare(table_of({"encoders": folders}), tmp_path / "out", progress=False)


def test_credit_that_is_not_defined_is_refused_where_cells_are_kept(
    table: Callable[..., Table], place: Path, tmp_path: Path
) -> None:
    small: dict[str, Any] = {"datasets": [data(place, "A")], "labels": [1.0]}
    compare(table("sharp", **small), tmp_path, progress=False)
    asked = table("sharp", **small, evaluation={"n_bootstrap": 200, "credit": "challenge-2021"})
    with pytest.raises(ConfigError, match=r"evaluation\.credit challenge-2021"):
        compare(asked, tmp_path, progress=False)


def test_predictions_on_other_recordings_are_refused(found: Comparison, tmp_path: Path) -> None:
    for name, dataset in (("one", "A"), ("two", "B")):
        each = found.find("sharp", dataset, "probe", 1.0, "all")
        assert each is not None
        each.scores.save(tmp_path / name)
    path = tmp_path / "two" / "scores.json"
    with pytest.raises(RunError, match=r"two was scored on other recordings than one .*--dataset"):
        compare(table_of({"encoders": [str(tmp_path / "one"), str(tmp_path / "two")]}), tmp_path / "out")
    for name, digest in (("one", "a"), ("two", "b")):
        (tmp_path / name / "provenance.json").write_text(json.dumps({"data": {"digest": digest}}))
    with pytest.raises(RunError, match="two was scored on other data than one"):
        compare(table_of({"encoders": [str(tmp_path / "one"), str(tmp_path / "two")]}), tmp_path / "out")
    (tmp_path / "two" / "provenance.json").unlink()
    (tmp_path / "two" / "predictions.npz").unlink()
    with pytest.raises(RunError, match=r"two has no predictions\.npz"):
        compare(table_of({"encoders": [str(tmp_path / "one"), str(tmp_path / "two")]}), tmp_path / "out")
    path.unlink()
    with pytest.raises(ConfigError, match=r"two holds no scores.json.*or give --dataset"):
        compare(table_of({"encoders": [str(tmp_path / "one"), str(tmp_path / "two")]}), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def without(each: Scored, kept: slice) -> Scored:
    """A cell that was scored on some of its records."""
    all_of_them = each.predictions
    parts = {n: getattr(all_of_them, n)[kept] for n in ("prob", "target", "patient", "trial")}
    return replace(
        each, scores=replace(each.scores, predictions={each.score.key: replace(all_of_them, **parts)})
    )


def test_pairs_and_ranks_use_recordings_that_all_were_scored_on(found: Comparison) -> None:
    one, two = (e for e in found.leading if e.cell.dataset == "A" and e.cell.encoder in ("sharp", "blind"))
    total = one.score.n
    (pair,) = between_encoders([one, without(two, slice(total - 3))], n_bootstrap=200)
    assert pair.n == total - 3
    flattered = replace(two.score, metrics=two.score.metrics | {"auroc": Interval(1.0, 1.0, 1.0)})
    ahead = replace(two, scores=replace(two.scores, scores=(flattered, *two.scores.scores[1:])))
    apart = Comparison((without(ahead, slice(total - 3)), one), {}, found.about, n_bootstrap=200)
    assert list(apart.rankings["A"].values) == ["sharp", "blind"]
    (pair,) = apart.pairs
    assert (pair.encoder, pair.against, pair.word) == ("sharp", "blind", "better")
    kept = without(one, slice(total - 3)).predictions
    assert apart.rankings["A"].values["sharp"].value == resample([kept], n_bootstrap=2).value["auroc"]
    assert f"on the {total - 3} recordings that all are scored on" in headline(apart)
    assert any(f"ranked on the {total - 3} of all" in said for said in caveats(apart))


def test_tables_of_text_say_of_which_protocol_they_are(found: Comparison) -> None:
    told = summary(found).splitlines()
    titles = [line for line in told if line.endswith((": A", ": B"))]
    assert len(titles) == len(set(titles)) == len(found.protocols) * len(found.datasets)


def test_encoders_on_other_numbers_of_label_draws_are_told_not_to_pair(found: Comparison) -> None:
    one, two = (e for e in found.leading if e.cell.dataset == "A" and e.cell.encoder in ("sharp", "blind"))
    drawn = replace(two.predictions, fits=np.stack([two.predictions.prob] * 2)[None])
    other = replace(two, scores=replace(two.scores, predictions={two.score.key: drawn}))
    apart = Comparison((one, other), {}, found.about, n_bootstrap=50)
    assert [pair.word for pair in apart.pairs] == ["no interval"]
    (said,) = (line for line in caveats(apart) if line.startswith("Not compared"))
    assert said.endswith("different numbers of label draws: sharp and blind on A.")

    def of_one_class(each: Scored) -> Scored:
        held = replace(each.predictions, target=np.zeros_like(each.predictions.target))
        return replace(each, scores=replace(each.scores, predictions={each.score.key: held}))

    undefined = Comparison((of_one_class(one), of_one_class(two)), {}, found.about, n_bootstrap=50)
    assert not any(line.startswith("Not compared") for line in caveats(undefined))


def test_encoders_without_a_recording_in_common(found: Comparison) -> None:
    one, two = (e for e in found.leading if e.cell.dataset == "A" and e.cell.encoder in ("sharp", "blind"))
    half = one.score.n // 2
    cells = without(one, slice(half)), without(two, slice(half, None))
    apart = Comparison(cells, {}, found.about, n_bootstrap=50)
    assert [(pair.n, pair.word) for pair in apart.pairs] == [(0, "no interval")]
    assert "on A nothing is defined, as no class of the 0 recordings" in headline(apart)
    assert "no interval" in summary(apart)
    single = Comparison((without(one, slice(1)), two), {}, found.about, n_bootstrap=50)
    assert "no class of the 1 recording that all are scored on has both values" in headline(single)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run, a copy of it without a ledger, its data, the same in another order, and others."""
    folder = tmp_path_factory.mktemp("trained")
    rng, label = np.random.default_rng(0), np.arange(80) % 2
    x = (100 * (1 + label)[:, None, None] * rng.normal(size=(80, 2, 256))).astype(np.int16)
    other = (100 * rng.normal(size=x.shape)).astype(np.int16)
    order = np.arange(80)
    for name, stored, rows in (("own", x, order), ("copies", x[::-1], order[::-1]), ("new", other, order)):
        (folder / name).mkdir()
        np.save(folder / name / "records.npy", stored)
        lines = [f"{'MI' if label[row] else 'NORM'},{row}" for row in rows]
        (folder / name / "records.csv").write_text("\n".join(["label,patient", *lines]) + "\n")
    entry = data(folder, "own") | {"scale": 0.001}
    config = {
        "dataset": {key: each for key, each in entry.items() if key not in ("root", "title", "split")},
        "root": str(folder / "own"),
        "split": {"name": "stratified", "seed": 0},
        "window": {"seconds": 1.28},
        "encoder": {"name": "dilated-conv", "hidden": 4, "dim": 8, "depth": 2},
        "objective": {"name": "simclr"},
        "training": {"epochs": 1, "batch_size": 64},
    }
    fit(config, out=folder / "run", evaluation=False, progress=False)
    shutil.copytree(folder / "run", folder / "unknown")
    (folder / "unknown" / "fingerprints.safetensors").unlink()
    return folder


def of_trained(folder: Path, encoders: Sequence[Any], seeds: Mapping[str, int]) -> Table:
    split = {"name": "stratified"}
    return table_of(
        {
            "encoders": encoders,
            "datasets": [
                data(folder, name) | {"scale": 0.001, "split": split | {"seed": seed}}
                for name, seed in seeds.items()
            ],
            "label_seeds": 1,
            "evaluation": {"n_bootstrap": 100, "probe": {"C": [1.0]}},
        }
    )


def test_recordings_that_an_encoder_was_trained_on_are_found(trained: Path, tmp_path: Path) -> None:
    encoders = [{"ref": str(trained / "run"), "name": "own"}, "random:identity"]
    found = compare(
        of_trained(trained, encoders, {"own": 0, "copies": 1, "new": 0}), tmp_path, progress=False
    )
    cells = {each.cell.dataset: each.cell for each in found.cells if each.cell.encoder == "own"}
    assert {name: (cell.own, cell.seen, cell.marked) for name, cell in cells.items()} == {
        "own": (True, "own-split", False),
        "copies": (False, "seen", True),
        "new": (False, "none", False),
    }
    assert {v.dataset for v in found.gains if v.encoder == "own"} == {"own", "new"}
    assert {v.dataset for v in found.pairs} == {"own", "new"}
    page = write_comparison(found, tmp_path).read_text()
    for told in ("†seen", "in no comparison: own on copies.", "seen, marked"):
        assert told in page


def test_cells_are_not_shared_by_encoders_that_have_seen_other_things(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tsrep.runs.compare.entrant, "MOST", 2.0)  # recordings are left out, however many
    names = ("run", "unknown")
    found = [
        compare(
            of_trained(trained, [str(trained / name) for name in order], {"copies": 1}),
            tmp_path / order[0],
            progress=False,
        )
        for order in (names, names[::-1])
    ]
    one, other = ({each.cell.encoder: each for each in each_order.cells} for each_order in found)
    assert set(one) == set(names)
    for name in names:
        assert one[name].scores.to_json() == other[name].scores.to_json()
        assert one[name].cell == other[name].cell
    assert one["run"].score.n == one["unknown"].score.n - one["run"].cell.left_out
    assert (one["run"].cell.seen, one["unknown"].cell.seen) == ("seen", "unknown")
    assert "seen, left out" in page_of(found[0]).html()
    both = Entrant.open(found_entry(trained, "run", "unknown"))
    mixed = ledger_of(both.encoders)
    assert mixed is not None
    assert len(mixed) > 0
    assert not mixed.complete


def found_entry(folder: Path, *names: str) -> EncoderEntry:
    """One entry of several runs."""
    return EncoderEntry(refs=tuple(str(folder / name) for name in names))


def test_simulated_signals_are_called_so(found: Comparison) -> None:
    assert "Synthetic data" not in page_of(found).html()
    marked = tuple(
        replace(each, cell=replace(each.cell, synthetic=each.cell.dataset == "B")) for each in found.cells
    )
    simulated = Comparison(marked, found.costs, found.about)
    assert "The signals of B were simulated" in page_of(simulated).html()
    assert summary(simulated).startswith("SYNTHETIC DATA: the signals of B were simulated.")
