"""Several seeds of one run: ordinary runs from paired starts, scored together, and resumed."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from tests.conftest import TINY
from tsrep import Run, embed, load
from tsrep.errors import ConfigError, RunError
from tsrep.evaluation.scores import Scores
from tsrep.report.contents import read_run
from tsrep.report.rendering import PAGES
from tsrep.report.verdicts import verdicts
from tsrep.runs.build import new_encoder
from tsrep.runs.compare.conduct import compare
from tsrep.runs.compare.table import table_of
from tsrep.runs.config import configure, merged
from tsrep.runs.evaluate import evaluate
from tsrep.runs.fit import fit
from tsrep.runs.naming import run_name
from tsrep.runs.task import prepare, task_of
from tsrep.runs.trained import kept_models
from tsrep.studies.define.check import check_study
from tsrep.studies.define.definition import define
from tsrep.training.checkpoint import load_weights
from tsrep.training.hooks import Hook
from tsrep.training.interrupt import Interrupted

SEVERAL = merged(TINY, {"seeds": 3, "evaluation": {"seeds": None, "labels": [1.0], "protocols": ["knn"]}})
SEVERAL["training"] = TINY["training"] | {"epochs": 1}
ONE = SEVERAL | {"seeds": 1}


class StopAt(Hook):
    """Asks to stop at a step, counted over all seeds."""

    def __init__(self, step: int) -> None:
        self.left = step

    def on_step(self, step: int) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGINT)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_weights(folder / "encoder.safetensors")


def equal(one: dict[str, torch.Tensor], two: dict[str, torch.Tensor]) -> bool:
    return one.keys() == two.keys() and all(torch.equal(one[k], two[k]) for k in one)


@pytest.fixture(scope="module")
def whole(data_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three encoders, scored together."""
    del data_cache
    out = tmp_path_factory.mktemp("seeds") / "run"
    return fit(ONE, seeds=3, out=out, progress=False, evaluation=True).path


@pytest.fixture
def run(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "run"))


def test_a_seed_is_the_ordinary_run_of_that_seed(whole: Path, tmp_path: Path) -> None:
    alone = fit(configure(ONE | {"seed": 2}), out=tmp_path / "alone", progress=False)
    one = Run(f"{whole}@2")
    assert one.path == whole / "seeds" / "2"
    assert one.config == alone.config
    assert equal(weights(one.path), weights(alone.path))
    assert not equal(weights(one.path), weights(Run(f"{whole}@1").path))
    assert {p.name for p in one.path.iterdir()} == {p.name for p in alone.path.iterdir()} - {".lock"}


def test_controls_are_the_starts_of_the_encoders(whole: Path) -> None:
    run = Run(whole)
    prepared = prepare(run.config, progress=False)
    method, control = task_of(run.config).candidates(run, prepared)
    assert method.count == control.count == 3
    for k, one in enumerate(run.by_seed):
        start = new_encoder(one.config, prepared.panel, one.config.seed).state_dict()
        assert equal(control.model(k)[0].state_dict(), start)
        assert equal(method.model(k)[0].state_dict(), weights(one.path))


def test_scores_are_of_all_seeds_and_each_seed_has_its_own(run: Path) -> None:
    together = Scores.load(run).where(protocol="knn", unit="record")
    told = {s.role: s for s in together}
    assert told["method"].seeds == told["control"].seeds == 3
    gain = told["method"].gain
    assert gain is not None
    assert gain.covers == "patients and training seeds"
    alone = evaluate(f"{run}@1", seeds=1, progress=False).where(role="method", unit="record")
    assert alone.scores[0].seeds == 1
    # each seed goes with the label draw of its number; with all labels there is one
    assert told["method"].by_seed["auroc"][1] == pytest.approx(alone.scores[0].metrics["auroc"].value)
    both = table_of({"encoders": [str(run), f"{run}@1"]})
    found = compare(both, run.parent / "compared", progress=False)
    assert found.encoders == ["run", "run@1"]
    (pair,) = found.pairs
    assert pair.difference.covers == "patients and training seeds"
    assert {pair.difference.seeds, pair.difference.against_seeds} == {3, 1}


def test_where_one_encoder_is_wanted_it_is_the_first_unless_told(whole: Path) -> None:
    panel = load(Run(whole).config.dataset)
    first, second = embed(f"{whole}@0", panel).x, embed(f"{whole}@1", panel).x
    np.testing.assert_array_equal(embed(whole, panel).x, first)
    assert not np.array_equal(first, second)


def test_the_report_is_of_all_and_shows_the_first(whole: Path) -> None:
    contents = read_run(whole)
    assert verdicts(contents)[0].sentence.startswith("Training by comet")
    notes = " ".join(PAGES["panel"].caveats(contents))
    assert "is that of the first of 3 seeds" in notes
    assert "These are scores of one" not in notes
    assert contents.curves is not None
    assert contents.embeddings is not None


def test_a_stopped_run_resumes_whichever_seeds_are_unfinished(whole: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    stopped = out / "seeds" / "1"  # each takes seven steps or fewer
    with pytest.raises(Interrupted, match=f"{stopped} was stopped.*resume with: tsrep fit --resume {out}$"):
        fit(SEVERAL, out=out, progress=False, hooks=[StopAt(8)], illustrate=False)
    with pytest.raises(RunError, match=f"{stopped} has no encoder yet; .*--resume {out}$"):
        Run(out).encoder()
    fit(resume=out, progress=False, illustrate=False)
    for mine, theirs in zip(Run(out).folders, Run(whole).folders, strict=True):
        assert equal(weights(mine), weights(theirs))
    assert Run(out).provenance["seconds"] > 0


def test_a_seed_that_was_half_made_or_lost_is_made_again(run: Path, whole: Path) -> None:
    lost = run / "seeds" / "1"
    shutil.rmtree(lost)
    lost.mkdir()
    (lost / "provenance.json").write_text("{")  # killed before its configuration was there
    with pytest.raises(
        RunError, match=f"{lost} has no encoder yet; finish it with: tsrep fit --resume {run}"
    ):
        evaluate(run, progress=False)
    fit(resume=run, progress=False, illustrate=False)
    assert equal(weights(lost), weights(whole / "seeds" / "1"))


def test_weights_of_a_seed_that_has_lost_its_settings_are_kept(run: Path) -> None:
    (run / "seeds" / "1" / "config.yaml").unlink()
    with pytest.raises(RunError, match=f"^{run / 'seeds' / '1'} has no config.yaml.*restore it"):
        fit(resume=run, progress=False)
    assert (run / "seeds" / "1" / "encoder.safetensors").is_file()


def test_more_seeds_are_added_to_a_run(run: Path, tmp_path: Path) -> None:
    before = weights(run / "seeds" / "0")
    fit(resume=run, seeds=4, progress=False, illustrate=False)
    assert len(Run(run).folders) == 4
    assert equal(weights(run / "seeds" / "0"), before)
    with pytest.raises(RunError, match="has 4 seeds, not 2; give more"):
        fit(resume=run, seeds=2, progress=False)
    with pytest.raises(RunError, match="is a run of one seed; train several with: tsrep fit --config"):
        fit(resume=f"{run}@0", seeds=2, progress=False)


def test_a_broken_seed_is_named(run: Path) -> None:
    (run / "seeds" / "2" / "encoder.safetensors").write_bytes(b"broken")
    with pytest.raises(RunError, match=r"seeds/2/encoder\.safetensors"):
        evaluate(run, progress=False)


def test_a_seed_of_other_settings_is_named(run: Path) -> None:
    file = run / "seeds" / "2" / "config.yaml"
    values = yaml.safe_load(file.read_text())
    file.write_text(yaml.safe_dump(values | {"seed": 7}))
    with pytest.raises(
        RunError, match=r"seed in .*seeds/2/config.yaml is 7, but the run was started with 2; restore it"
    ):
        evaluate(run, progress=False)
    with pytest.raises(RunError, match=r"seed in .*seeds/2/config.yaml is 7"):
        fit(resume=run, progress=False)


@pytest.mark.parametrize("name", ["9", "3", "x", "-1", ""])
def test_a_seed_that_is_not_there_is_refused(whole: Path, name: str) -> None:
    with pytest.raises(RunError, match=f"has 3 encoders and no .*@{name}; give {whole}@0 to {whole}@2"):
        Run(f"{whole}@{name}")


def test_names_with_an_at_sign_stay_names(whole: Path, tmp_path: Path) -> None:
    named = Path(shutil.copytree(whole / "seeds" / "0", tmp_path / "net@3"))
    assert Run(named).path == named
    assert Run(f"{named}@0").path == named
    with pytest.raises(RunError, match="has 1 encoder and no"):
        Run(f"{named}@1")


def test_it_is_called_by_its_run_and_seed(whole: Path, tmp_path: Path) -> None:
    assert run_name(whole) == "run"
    assert run_name(whole / "seeds" / "2") == "run@2"
    assert run_name(tmp_path / "seeds" / "2") == "2"


def test_contradictions_are_refused() -> None:
    with pytest.raises(ConfigError, match="seeds is 0"):
        configure(SEVERAL | {"seeds": 0})


def test_a_study_trains_one_seed_a_run() -> None:
    values = {
        "study": "s",
        "question": "Which?",
        "config": SEVERAL | {"training": {"lr": {"float": [1e-4, 1e-2], "log": True}}},
    }
    with pytest.raises(ConfigError, match=r"config.seeds is 3, but a run of a trial has one seed"):
        check_study(define(values, "s.yaml"))


def test_each_seed_keeps_the_epochs_of_its_own_draws(tmp_path: Path) -> None:
    given = merged(SEVERAL, {"training": {"keep": "probe"}, "evaluation": {"labels": [1.0, 0.5]}})
    run = fit(given, seeds=2, out=tmp_path / "run", progress=False, illustrate=False, evaluation=True)
    told = Scores.load(run.path).where(role="method", unit="record")
    assert {score.seeds for score in told} == {2}
    method = task_of(run.config).candidates(run, prepare(run.config, progress=False))[0]
    assert [sorted(each) for each in method.of_draw] == [sorted(kept_models(one)) for one in run.by_seed]
