"""Encoders on data that they were not trained on: scored in folders of their own, and told as such."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

import tsrep
from tests.conftest import TINY
from tsrep.errors import ConfigError, RunError
from tsrep.evaluation.scores import RANDOM_INIT, Scores
from tsrep.report import summarise
from tsrep.runs.evaluate import evaluate
from tsrep.runs.evaluate_other import evaluate_other
from tsrep.runs.evaluate_other_panel import candidates
from tsrep.runs.fit import fit
from tsrep.runs.manifest import changing
from tsrep.runs.other_data import OtherData
from tsrep.runs.references.reference import resolve
from tsrep.runs.shown import shown_to

OTHER = {"name": "ptb-xl-sim", "patients": 50, "records_per_patient": 1.0, "seed": 3}
OWN = TINY["dataset"]
QUICK: dict[str, Any] = {"protocols": ("probe",), "labels": (1.0,), "progress": False}


@pytest.fixture
def run(tiny_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_run, tmp_path / "run"))


@pytest.fixture(scope="module")
def other(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the scores of a run on other data, with its report."""
    folder = tmp_path_factory.mktemp("other") / "scores"
    tsrep.evaluate(tiny_run, OTHER, out=folder, labels=(1.0, 0.5), progress=False)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_scores_on_other_data_have_a_folder_of_their_own(run: Path, tmp_path: Path) -> None:
    before = contents(run)
    folder, scores = evaluate_other(run, OTHER, out=tmp_path / "out", **QUICK)
    assert contents(run) == before
    assert {"evaluation.yaml", "provenance.json", "split.json", "scores.json", "predictions.npz"} <= {
        path.name for path in folder.iterdir()
    }
    assert list((folder / "head").glob("probe-*.safetensors"))
    assert {score.data for score in scores} == {"other data"}
    assert {score.role for score in scores} == {"method", "control", "baseline"}
    assert Scores.load(folder).to_json() == scores.to_json()


def test_what_was_scored_is_told(other: Path, tiny_run: Path) -> None:
    facts = json.loads((other / "provenance.json").read_text())
    loaded = tsrep.load_encoder(tiny_run)
    assert facts["encoder"]["weights"] == [loaded.weights]
    assert facts["encoder"]["contract"] == loaded.contract.digest
    assert facts["whose"] == "other data"
    assert facts["conversion"] == []
    assert facts["contamination"]["status"] == "none"
    recipe = yaml.safe_load((other / "evaluation.yaml").read_text())
    assert recipe["encoder"] == str(tiny_run)
    assert recipe["dataset"]["seed"] == OTHER["seed"]
    page = (other / "report.html").read_text()
    for words in ("trained on synthetic ECG", "other data: ", "none was needed", f"The encoder {tiny_run}"):
        assert words in page
    assert "Nothing was logged yet" not in page


@pytest.mark.long
def test_own_data_named_as_others_give_the_numbers_of_the_run(run: Path, tmp_path: Path) -> None:
    settings = QUICK | {"protocols": ("probe", "knn", "finetune"), "labels": (1.0, 0.1)}
    own = evaluate(run, **settings)
    folder, named = evaluate_other(run, OWN, out=tmp_path / "out", **settings)
    assert {score.data for score in named} == {"own data"}
    assert {score.contamination["status"] for score in named} == {"own-split"}
    ours = {score.identity: (score.metrics, score.by_seed, score.difference) for score in own}
    assert {score.identity: (score.metrics, score.by_seed, score.difference) for score in named} == ours
    for key, predictions in own.predictions.items():
        np.testing.assert_array_equal(predictions.prob, named.predictions[key].prob)
    one, two = ((at / "head" / "default.json").read_text() for at in (run, folder))
    assert one == two


def test_own_recordings_divided_otherwise_are_refused(run: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"was trained on these recordings .*divided otherwise"):
        evaluate_other(run, OWN, split={"name": "stratified", "seed": 5}, out=tmp_path / "out", **QUICK)
    (run / "split.json").write_text(json.dumps({"digest": "another"}))
    with pytest.raises(RunError, match=r"split\.json is not as it was written"):
        evaluate_other(run, OWN, out=tmp_path / "out", **QUICK)
    assert not (tmp_path / "out").exists()


def test_controls_are_random_initialisations_on_the_same_windows(tiny_run: Path) -> None:
    loaded = tsrep.load_encoder(tiny_run)
    data = OtherData.of(loaded, OTHER)
    shown = shown_to(loaded, data, progress=False)
    method, control = candidates([loaded], data, shown)
    assert (method.name, control.name, control.count) == ("comet", RANDOM_INIT, 5)
    starts = [control.model(k)[0].state_dict() for k in range(2)]
    untrained = [loaded.untrained(k).state_dict() for k in range(2)]
    for start, expected in zip(starts, untrained, strict=True):
        assert all((start[name] == expected[name]).all() for name in expected)
    assert method.weights == loaded.weights
    first, again = method.model(0)[0], method.model(0)[0]
    assert first is not again  # protocols that train get a copy


def test_seeds_of_a_run_are_scored_together(tmp_path: Path) -> None:
    settings = TINY | {"seeds": 2, "training": {"epochs": 1, "batch_size": 64}}
    settings["evaluation"] = {key: value for key, value in TINY["evaluation"].items() if key != "seeds"}
    run = fit(settings, out=tmp_path / "two", illustrate=False, progress=False)
    folder, scores = evaluate_other(run, OTHER, out=tmp_path / "out", **QUICK)
    ours = next(score for score in scores if score.role == "method")
    assert ours.seeds == 2
    assert len(json.loads((folder / "provenance.json").read_text())["encoder"]["weights"]) == 2


def test_more_is_added_and_another_encoder_is_refused(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    evaluate_other(run, OTHER, out=out, **QUICK)
    _, both = evaluate_other(run, OTHER, out=out, **QUICK | {"protocols": ("knn",)})
    assert {score.protocol for score in both} == {"probe", "knn"}
    with pytest.raises(RunError, match="has scores of other data; give another --out"):
        evaluate_other(run, OTHER | {"seed": 4}, out=out, **QUICK)
    facts = json.loads((out / "provenance.json").read_text())
    facts["encoder"]["weights"] = ["another"]
    with changing(out, "provenance.json"):
        (out / "provenance.json").write_text(json.dumps(facts))
    with pytest.raises(RunError, match="has scores of another encoder; give another --out"):
        evaluate_other(run, OTHER, out=out, **QUICK)
    with pytest.raises(RunError, match="holds something else than an evaluation"):
        evaluate_other(run, OTHER, out=run, **QUICK)


def test_settings_are_those_given_else_of_the_run(tiny_run: Path) -> None:
    loaded = tsrep.load_encoder(tiny_run)
    data = OtherData.of(
        loaded, OTHER, assignments=("dataset.patients=40", "evaluation.probe.C=[1.0]"), root="here"
    )
    assert data.dataset.patients == 40
    assert data.evaluation.of("probe").C == (1.0,)
    assert data.evaluation.n_bootstrap == TINY["evaluation"]["n_bootstrap"]
    assert data.root is not None
    assert data.root.is_absolute()
    assert OtherData.of(loaded, OTHER | {"root": "here"}).root == data.root
    assert OtherData.of(loaded, "ptb-xl-sim", assignments=("dataset.root=here",)).root == data.root
    with pytest.raises(ConfigError, match=r"^root is there and dataset\.root is here; give one of them$"):
        OtherData.of(loaded, OTHER | {"root": "here"}, root="there")
    with pytest.raises(ConfigError, match="is not about other data; set dataset, split, evaluation"):
        OtherData.of(loaded, OTHER, assignments=("training.epochs=2",))
    with pytest.raises(ConfigError, match=r"unknown setting dataset\.patient; did you mean 'patients'"):
        OtherData.of(loaded, OTHER | {"patient": 3})
    with pytest.raises(ConfigError, match="unknown dataset 'ptb-xl-sin'"):
        OtherData.of(loaded, "ptb-xl-sin")


def test_what_does_not_go_together_is_refused_before_anything_is_written(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(RunError, match="was trained on labelled records, and ettm1 is a series"):
        evaluate_other(run, "ettm1", out=out, progress=False)
    with pytest.raises(ConfigError, match="protocol forecast does not score ptb-xl-sim"):
        evaluate_other(run, OTHER, protocols=("forecast",), out=out, progress=False)
    with pytest.raises(ConfigError, match=r"evaluation\.labels"):
        evaluate_other(run, OTHER, labels=(2.0,), out=out, progress=False)
    assert not out.exists()


def test_folders_are_named_after_encoder_and_data(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(run.parent)
    folders = [evaluate_other(each, OTHER, **QUICK)[0] for each in ("run", "run", "run/encoder.safetensors")]
    names = ["run-on-ptb-xl-sim-1", "run-on-ptb-xl-sim-2", "encoder.safetensors-on-ptb-xl-sim-1"]
    assert folders == [Path("runs") / name for name in names]
    assert resolve("run").run.path == Path("run")


def test_a_refusal_on_the_way_leaves_the_folder_as_it_was(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _ = evaluate_other(run, OTHER, out=tmp_path / "out", **QUICK)
    before = contents(folder)
    monkeypatch.setattr("tsrep.runs.evaluate_other_panel.outcome", _refuse)
    for out in (folder, tmp_path / "new"):
        with pytest.raises(RunError, match="on the way"):
            evaluate_other(run, OTHER, out=out, **QUICK | {"protocols": ("knn",)})
    assert contents(folder) == before
    assert not (tmp_path / "new").exists()


def _refuse(*_: object) -> None:
    raise RunError("refused on the way")


def test_recordings_that_are_left_out_are_told(tiny_run: Path, tmp_path: Path) -> None:
    records = shown_to(tsrep.load_encoder(tiny_run), OtherData.of(tsrep.load_encoder(tiny_run), OTHER))
    names = np.array(records.prepared.records.record_names)
    x = np.random.default_rng(0).normal(size=(len(names), 3))
    np.savez(tmp_path / "some.npz", record=names[3:], x=x[3:])
    folder, scores = tsrep.api.scored(f"features:{tmp_path}/some.npz", OTHER, out=tmp_path / "out", **QUICK)
    told = (
        f"3 of {len(names)} recordings are left out; the first is {names[0]}: some.npz has no vector for it"
    )
    assert told in scores.notes
    page = (folder / "report.html").read_text()
    assert f"{told}." in page
    assert "fit --resume" not in page
    assert f"{told}." in summarise(folder)
    for name in ("scores.json", "predictions.npz"):
        (folder / name).unlink()
    again = f"tsrep evaluate features:{tmp_path}/some.npz --dataset ptb-xl-sim --out {folder}"
    assert f"No scores yet: {again}" in summarise(folder)
