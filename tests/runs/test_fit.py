"""Run folders: what fit leaves, refuses and resumes."""

from __future__ import annotations

import json
import os
import shutil
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tests.conftest import TINY
from tsrep.datasets import load
from tsrep.datasets.synthetic.simulation import simulate
from tsrep.errors import ConfigError, ContractError, DataError, RunError
from tsrep.registry import OBJECTIVES
from tsrep.runs.batches import with_sampler
from tsrep.runs.build import new_encoder, new_objective
from tsrep.runs.config import configure, merged
from tsrep.runs.embed import embed
from tsrep.runs.evaluate import evaluate
from tsrep.runs.fit import fit
from tsrep.runs.folder import Run
from tsrep.runs.task import prepare, task_of
from tsrep.training.checkpoint import load_weights
from tsrep.training.hooks import Hook
from tsrep.training.interrupt import Interrupted


def test_a_run_folder_holds_everything(tiny_run: Path) -> None:
    names = {path.name for path in tiny_run.iterdir()}
    assert {
        "config.yaml",
        "encoder.safetensors",
        "state.pt",
        "metrics.jsonl",
        "embeddings.npz",
        "examples.npz",
        "traces.npz",
        "provenance.json",
        "split.json",
    } <= names
    assert not any(name.endswith(".part") for name in names)
    facts = json.loads((tiny_run / "provenance.json").read_text())
    assert facts["data"]["synthetic"] is True
    assert facts["training"]["epochs"] == 2
    assert {"torch", "numpy", "tsrep", "python"} <= facts["versions"].keys()


def test_no_patient_is_in_two_parts_of_the_embeddings(tiny_run: Path) -> None:
    with np.load(tiny_run / "embeddings.npz") as stored:
        part, patient = stored["part"], stored["patient"]
        assert stored["x"].shape == stored["x_random"].shape == (len(part), 16)
    parts = [set(patient[part == k].tolist()) for k in range(3)]
    assert parts[0]
    assert parts[1]
    assert parts[2]
    assert sum(map(len, parts)) == len(set().union(*parts))


def test_examples_are_of_training_patients(tiny_run: Path) -> None:
    with np.load(tiny_run / "embeddings.npz") as stored:
        training = set(stored["patient"][stored["part"] == 0].tolist())
    with np.load(tiny_run / "examples.npz") as examples:
        assert set(examples["patient"].tolist()) <= training
        assert examples["x"].shape[1:] == (12, 1000)


def test_outlines_are_of_test_records(tiny_run: Path) -> None:
    with np.load(tiny_run / "embeddings.npz") as stored:
        of_test = set(stored["trial"][stored["part"] == 2].tolist())
    with np.load(tiny_run / "traces.npz") as traces:
        assert set(traces["trial"].tolist()) == of_test
        assert traces["outline"].shape == (len(of_test), 2, 500)
        assert float(traces["seconds"]) == 10


def test_the_stored_encoder_gives_the_stored_embeddings(tiny_run: Path) -> None:
    run = Run(tiny_run)
    panel = load(run.config.dataset)
    mine = embed(run, panel)
    with np.load(tiny_run / "embeddings.npz") as stored:
        for trial in stored["trial"][:5]:
            expected = stored["x"][stored["trial"] == trial][0]
            np.testing.assert_allclose(
                mine.x[mine.ids["trial"] == trial].mean(axis=0), expected, rtol=1e-4, atol=1e-5
            )


def test_the_same_seed_gives_the_same_weights_and_another_does_not(tiny_run: Path, tmp_path: Path) -> None:
    same = load_weights(fit(TINY, out=tmp_path / "same", progress=False).path / "encoder.safetensors")
    other = load_weights(
        fit(TINY | {"seed": 1}, out=tmp_path / "other", progress=False).path / "encoder.safetensors"
    )
    first = load_weights(tiny_run / "encoder.safetensors")
    assert all(torch.equal(first[k], same[k]) for k in first)
    assert not all(torch.equal(first[k], other[k]) for k in first)


class Stop(Hook):
    def on_step(self, step: int) -> None:
        if step == 5:
            os.kill(os.getpid(), signal.SIGINT)


def test_a_stopped_fit_resumes_to_the_same_encoder(tiny_run: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    with pytest.raises(Interrupted, match=f"tsrep fit --resume {out}"):
        fit(TINY, out=out, progress=False, hooks=[Stop()])
    with pytest.raises(RunError, match="has no encoder yet; finish it with: tsrep fit --resume"):
        Run(out).encoder()
    resumed = load_weights(fit(resume=out, progress=False).path / "encoder.safetensors")
    whole = load_weights(tiny_run / "encoder.safetensors")
    assert all(torch.equal(whole[k], resumed[k]) for k in whole)


def test_a_compiled_run_resumes_where_nothing_compiles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled: list[nn.Module] = []

    def compile_encoder(encoder: nn.Module) -> None:
        compiled.append(encoder)

    monkeypatch.setattr(nn.Module, "compile", compile_encoder)
    monkeypatch.setattr("tsrep.training.auto.compile_fault", lambda _device: "")
    out, asked = tmp_path / "run", merged(TINY, {"training": {"compile": True}})
    with pytest.raises(Interrupted):
        fit(asked, out=out, progress=False, hooks=[Stop()])
    assert len(compiled) == 1
    monkeypatch.setattr("tsrep.training.auto.compile_fault", lambda _device: "no C++ compiler")
    run = fit(resume=out, progress=False)
    assert run.finished
    assert len(compiled) == 1
    assert run.config.training.compiled


def test_a_run_knows_how_its_training_ended(tmp_path: Path) -> None:
    run = fit(TINY, out=tmp_path / "run", progress=False)
    assert run.provenance["training"]["epochs"] == 2
    assert run.provenance["seconds"] > 0


def test_fit_does_not_touch_the_global_generators(tmp_path: Path) -> None:
    before = torch.get_rng_state()
    legacy = np.random.get_state()[1].copy()  # noqa: NPY002  # the legacy state is what must not move
    fit(TINY | {"training": {"epochs": 1, "batch_size": 64}}, out=tmp_path / "run", progress=False)
    assert torch.equal(before, torch.get_rng_state())
    assert (legacy == np.random.get_state()[1]).all()  # noqa: NPY002  # likewise


def test_a_taken_folder_is_refused_and_left_alone(tiny_run: Path) -> None:
    before = sorted((p.name, p.stat().st_mtime_ns) for p in tiny_run.iterdir())
    with pytest.raises(RunError, match="is not empty; give another --out"):
        fit(TINY, out=tiny_run, progress=False)
    assert before == sorted((p.name, p.stat().st_mtime_ns) for p in tiny_run.iterdir())


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"window": {"seconds": 10.0}}, ConfigError, "no two samples of a trial"),
        (
            {"window": {"seconds": 10.0}, "objective": "clocs"},
            ConfigError,
            "needs several samples of a patient, but each has one; shorten window.seconds or add records",
        ),
        (
            {"sampler": {"name": "trial-wise"}, "training": {"batch_size": 8}},
            ConfigError,
            "objective comet contrasts patients, but each batch is of one patient; raise training.batch_size",
        ),
        (
            {"objective": {"name": "simclr", "loss": "w-mse"}},
            ConfigError,
            "groups of 256 samples, but the largest batch has 64; set training.batch_size to 256 or "
            "objective.projection to 32",
        ),
        (
            {"objective": {"name": "cpc", "ahead": 200}, "encoder": "causal-tcn"},
            ConfigError,
            "sequences of 125 steps, too short",
        ),
        ({"objective": {"name": "masked-patches", "patch": 64}}, ConfigError, "fewer than two patches of 64"),
        (
            {"objective": {"name": "masked-patches", "patch": 16}},
            ConfigError,
            "do not divide samples of 125; set window.steps to 112, or objective.patch to 25",
        ),
        ({"window": {"seconds": 60.0}}, DataError, "does not fit samples of 1000 steps"),
        ({"root": "/nowhere", "dataset": "ptb-xl"}, DataError, "/nowhere"),
    ],
)
def test_what_does_not_go_together_writes_nothing(
    change: dict[str, Any], error: type[Exception], message: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=message):
        fit(TINY | change, out=tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "name", [name for name in OBJECTIVES.names() if not OBJECTIVES.entry(name).cls.forecasts]
)
def test_every_objective_can_begin_on_the_simulated_cohort_as_it_comes(name: str) -> None:
    needed = {"sepclr": {"controls": ["NORM"]}}
    values = {"dataset": {"name": "ptb-xl-sim", "patients": 40}, "objective": {"name": name}}
    task = task_of(configure(merged(values, {"objective": needed.get(name, {})})))
    prepared = task.prepare(progress=False)
    task = task_of(with_sampler(task.config, prepared.panel))
    encoder = new_encoder(task.config, prepared.panel, 0)
    objective = new_objective(task.config, encoder, prepared.panel, 0)
    task.refuse_unmet_needs(encoder, objective, prepared)


def test_a_training_part_of_one_patient_is_refused_where_patients_are_contrasted(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(24, 2, 100)).astype(np.float32))
    rows = [f"{k},p{k // 8},{'ab'[k % 2]}" for k in range(24)]
    (tmp_path / "x.csv").write_text("\n".join(["record,patient,label", *rows]))
    own = {"name": "arrays", "array": "x.npy", "table": "x.csv", "patient": "patient", "label": "label"}
    settings = TINY | {
        "dataset": own | {"sfreq": 100.0},
        "root": str(tmp_path),
        "window": {"steps": 25},
        "split": {"name": "patients", "validation": ["p1"], "test": ["p2"]},
    }
    for name in ("comet", "clocs", "comet-masked"):
        with pytest.raises(ConfigError, match=f"{name} needs at least two training patients; add patients"):
            fit(settings | {"objective": name}, out=tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


def test_only_training_patients_decide_the_scale(tiny_run: Path) -> None:
    config = Run(tiny_run).config
    prepared = prepare(config, progress=False)
    train = prepared.panel.select(prepared.split.train).x
    assert abs(float(train.mean())) < 1e-4
    assert float(train.std()) == pytest.approx(1, abs=1e-4)


def test_recordings_of_another_rate_are_converted_and_others_refused(tiny_run: Path) -> None:
    panel = load({"name": "ptb-xl-sim", "patients": 20, "records_per_patient": 1.0, "rate": 500})
    found = embed(tiny_run, panel)
    assert found.x.shape == (20 * 8, 16)  # windows of 1.25 s of ten, and two poolings of eight numbers
    assert any("500" in note and "100 Hz" in note for note in found.notes)
    with pytest.raises(ContractError, match="lack V6"):
        embed(tiny_run, replace(panel, channels=(*panel.channels[:-1], "X")))
    with pytest.raises(RunError, match="was trained on labelled records, and what is to be embedded"):
        embed(tiny_run, load("seasonal-sim"))


def test_an_unfinished_run_is_not_embedded(tiny_run: Path, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text((tiny_run / "config.yaml").read_text())
    for name in ("provenance.json", "manifest.json"):
        shutil.copy(tiny_run / name, tmp_path)
    with pytest.raises(RunError, match="has no encoder yet; finish it with: tsrep fit --resume"):
        embed(tmp_path, load(Run(tiny_run).config.dataset))


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RunError, match="cannot be written"):
        fit(TINY, out=tmp_path / "file" / "run", progress=False)
    with pytest.raises(RunError, match="file is a file; give another --out"):
        fit(TINY, out=tmp_path / "file", progress=False)


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_a_missing_device_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such CUDA device here"):
        fit(TINY | {"device": "cuda"}, out=tmp_path / "run", progress=False)


def test_data_that_moved_are_found_by_root(tmp_path: Path) -> None:
    simulate(tmp_path / "a", patients=60, records_per_patient=1.0)
    settings = TINY | {"dataset": "ptb-xl", "root": str(tmp_path / "a")}
    run = fit(settings, out=tmp_path / "run", progress=False)
    assert Path(run.config.root).is_absolute()
    (tmp_path / "a").rename(tmp_path / "b")
    with pytest.raises(DataError, match="no folder"):
        evaluate(run, protocols=["knn"], labels=[1.0], seeds=1, progress=False)
    assert evaluate(run, protocols=["knn"], labels=[1.0], seeds=1, root=tmp_path / "b", progress=False)


def test_levels_that_are_off_need_nothing(tmp_path: Path) -> None:
    whole = TINY | {"window": {"seconds": 10.0}, "dataset": {"name": "ptb-xl-sim", "patients": 60}}
    off = {"name": "comet", "trial_weight": 0.0}
    run = fit(
        whole | {"objective": off, "training": {"epochs": 1, "batch_size": 64}},
        out=tmp_path / "run",
        progress=False,
    )
    assert run.finished


def test_a_validation_part_that_cannot_choose_is_refused(tmp_path: Path) -> None:
    panel = load(TINY["dataset"])
    norm = np.flatnonzero(panel.label[:, panel.classes.index("NORM")])
    patients = [int(p) for p in np.unique(panel.patient[norm])[:2]]
    settings = TINY | {"split": {"name": "patients", "validation": patients}}
    chosen = settings | {"training": {**TINY["training"], "keep": "probe"}}
    with pytest.raises(ConfigError, match="no probe can choose the epoch"):
        fit(chosen, out=tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()
    assert fit(settings, out=tmp_path / "run", progress=False).finished  # nothing is to be chosen


def test_a_folder_that_is_no_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="is not a run folder"):
        Run(tmp_path)


def test_a_run_whose_weights_do_not_fit_is_refused(tiny_run: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(tiny_run, copy)
    text = (copy / "config.yaml").read_text().replace("hidden: 4", "hidden: 5")
    (copy / "config.yaml").write_text(text)
    with pytest.raises(
        RunError, match=r"encoder.hidden in .*config.yaml is 5, but the run was started with 4"
    ):
        Run(copy).encoder()
    shutil.copy(tiny_run / "config.yaml", copy)
    (copy / "encoder.safetensors").write_bytes(b"rubbish")
    with pytest.raises(RunError, match=r"encoder.safetensors is not as it was written"):
        Run(copy).encoder()


def test_the_configuration_in_the_folder_is_complete(tiny_run: Path) -> None:
    assert Run(tiny_run).config == configure(TINY)


def test_a_last_batch_too_small_to_whiten_costs_nothing_but_itself(tmp_path: Path) -> None:
    loss = {"objective": {"name": "simclr", "projection": 16, "loss": "w-mse"}}
    run = fit(TINY | loss, out=tmp_path / "run", progress=False)
    rows = [json.loads(line) for line in (run.path / "metrics.jsonl").read_text().splitlines()]
    assert all(row["difference"] > 0 for row in rows if "difference" in row)


def test_low_temperatures_are_told_before_training() -> None:
    form = {"name": "paper", "temperature": 0.02}
    low = (
        ({"name": "simclr", "loss": {"name": "dcl", "temperature": 0.02}}, "objective.loss.temperature"),
        ({"name": "comet", "temperature": 0.02}, "objective.temperature"),
        ({"name": "autotcl", "form": form, "crop": 100}, "objective.form.temperature"),
    )
    prepared = prepare(configure(TINY), progress=False)
    for objective, where in low:
        (told,) = task_of(configure(TINY | {"objective": objective})).warnings(prepared)
        assert told.startswith(f"{where} is 0.02, below 0.03")
    usual = {"name": "simclr", "temperature": "learned", "loss": {"name": "nt-xent", "temperature": 0.03}}
    assert not [*task_of(configure(TINY | {"objective": usual})).warnings(prepared)]
