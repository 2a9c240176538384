"""Runs that forecast end to end: windows, phases, resuming, what is frozen, and what is scored."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import tsrep
from tests.runs.test_series_runs import write_series
from tsrep.errors import ConfigError, DataError, RunError
from tsrep.evaluation.forecasts.conformal import Conformal
from tsrep.evaluation.forecasts.coverage import Coverage
from tsrep.evaluation.protocols import forecast as protocol
from tsrep.runs.config import configure, merged
from tsrep.runs.evaluate import evaluate
from tsrep.runs.fit import fit
from tsrep.runs.prepare_series import PreparedSeries
from tsrep.runs.task import prepare
from tsrep.training.hooks import Hook
from tsrep.training.interrupt import Interrupted

LOOKBACK, HORIZON = 24, 6
SMALL: dict[str, Any] = {
    "dataset": {"name": "series-csv"},
    "encoder": {"name": "causal-tcn", "hidden": 4, "dim": 5, "depth": 2},
    "objective": {"name": "forecast", "lookback": LOOKBACK, "horizon": HORIZON},
    "training": {"epochs": 2, "batch_size": 64, "log_every": 1},
    "evaluation": {"seeds": 2, "forecast": {"n_bootstrap": 100}},
}
CONTRAST = {"contrast": "simclr", "weight": 0.5}


def settings(root: Path, **changes: Any) -> dict[str, Any]:
    return merged(merged(SMALL, {"root": str(root)}), changes)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_series(tmp_path_factory.mktemp("series"))


def weights(run: tsrep.Run) -> dict[str, torch.Tensor]:
    from tsrep.training.checkpoint import load_weights

    return load_weights(run.path / "weights.safetensors")


def equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_every_window_of_a_part_is_a_sample(root: Path) -> None:
    """Training windows lie in their part; of the others only the targets do, at every step."""
    prepared = prepare(configure(settings(root)), progress=False)
    assert isinstance(prepared, PreparedSeries)
    train, validation = (stop - start for start, stop in (prepared.spans.train, prepared.spans.validation))
    assert len(prepared.split.train) == train - LOOKBACK - HORIZON + 1
    assert len(prepared.split.validation) == validation - HORIZON + 1
    held = prepared.panel.select(prepared.split.validation)
    assert held.start.min() + LOOKBACK == prepared.spans.validation[0]
    assert held.start.max() + LOOKBACK + HORIZON == prepared.spans.validation[1]
    assert prepared.panel.select(prepared.split.train).start.max() + LOOKBACK + HORIZON == train


@pytest.mark.parametrize(("hop", "held"), [(5, 5), (8, 7), (24, 23)])
def test_windows_that_choose_begin_at_every_step_of_a_season(root: Path, hop: int, held: int) -> None:
    """Else a model that knows some hours of the day alone would be chosen."""
    prepared = prepare(configure(settings(root, window={"hop_steps": hop})), progress=False)
    training, chosen = (
        np.unique(np.diff(prepared.panel.start[part]))
        for part in (prepared.split.train, prepared.split.validation)
    )
    assert (training.tolist(), chosen.tolist()) == ([hop], [held])


def test_a_run_tells_that_it_trains_on_some_steps_of_a_season(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = "training windows every 8 steps begin at 3 of the 24 steps of a season alone"
    for hop, said in ((7, False), (8, True)):
        fit(settings(root, window={"hop_steps": hop}, training={"epochs": 1}), out=tmp_path / f"run{hop}")
        assert (told in capsys.readouterr().err) == said


def test_a_run_gives_back_its_forecaster(root: Path, tmp_path: Path) -> None:
    run = fit(settings(root), out=tmp_path / "run", progress=False)
    prepared = prepare(run.config, progress=False)
    held = prepared.panel.select(prepared.split.validation)
    x = torch.from_numpy(held.take(np.arange(len(held))))
    covariates = prepared.panel.covariates
    past, ahead, target = x[..., :LOOKBACK], x[:, :covariates, LOOKBACK:], x[:, covariates:, LOOKBACK:]
    with torch.no_grad():
        error = (run.forecaster()(past, ahead) - target).square().mean()
    logged = [json.loads(line) for line in (run.path / "metrics.jsonl").read_text().splitlines()]
    best = max(record["score"] for record in logged if record["kind"] == "validation" and record["epoch"])
    assert float(error) == pytest.approx(-best, rel=1e-5)


def test_two_phases_train_the_encoder_by_the_contrast_first(root: Path, tmp_path: Path) -> None:
    config = settings(
        root,
        objective=CONTRAST | {"weight": 0.0, "frozen": True},
        pretrain={"epochs": 1, "batch_size": 64, "log_every": 1},
    )
    run = fit(config, out=tmp_path / "run", progress=False)
    start = fit(
        settings(root, objective={"frozen": True}, training={"epochs": 1}),
        out=tmp_path / "start",
        progress=False,
    )
    from tsrep.training.checkpoint import load_weights

    first = load_weights(run.path / "pretrain" / "encoder.safetensors")
    assert equal(first, run.encoder().state_dict())  # frozen since
    assert not equal(first, start.encoder().state_dict())
    terms = json.loads((run.path / "pretrain" / "metrics.jsonl").read_text().splitlines()[1])["terms"]
    assert set(terms) == {"contrast contrast"}


def test_the_test_part_tells_how_often_intervals_hold(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As counted by hand from the forecasts of every window; validation scores leave it as it is."""
    run = fit(settings(root), out=tmp_path / "run", progress=False)
    path, kept = run.path / "coverage.json", run.path / "intervals.npz"
    evaluate(run, part="validation", seeds=1, progress=False)
    assert not path.exists()
    asked = count_windows(monkeypatch)
    evaluate(run, seeds=1, progress=False)
    found, conformal = Coverage.load(path), Conformal.load(kept)

    prepared = prepare(run.config, progress=False)
    assert isinstance(prepared, PreparedSeries)
    (series,), (start, stop) = prepared.instances, prepared.spans.test
    steps = np.arange(start - 1, stop - HORIZON)
    assert found.windows == len(steps)
    assert set(asked) == set(steps.tolist())
    assert len(asked) <= len(steps) + 4  # no second pass, but for the examples
    x, known = torch.from_numpy(series.x), len(series.covariates)
    past = torch.stack([x[:, step - LOOKBACK + 1 : step + 1] for step in steps])
    ahead = torch.stack([x[:known, step + 1 : step + 1 + HORIZON] for step in steps])
    with torch.no_grad():
        said = run.forecaster()(past, ahead).transpose(1, 2).numpy()
    truth = np.stack([series.values[:, step + 1 : step + 1 + HORIZON].T for step in steps])
    assert found.levels == (0.5, 0.8, 0.9, 0.95, 0.99)
    for i, level in enumerate(found.levels):
        low, high = conformal.interval(said, level)
        inside = (low <= truth) & (truth <= high)
        assert found.share[i] == pytest.approx(inside.mean(), abs=2 / inside.size)  # float32 at the ends
        width = float((high - low).mean())
        assert found.width[i] == pytest.approx(width if np.isfinite(width) else np.nan, rel=1e-4, nan_ok=True)
    kept.write_bytes(b"broken")
    evaluate(run, seeds=1, progress=False)
    np.testing.assert_array_equal(Conformal.load(kept).radius, conformal.radius)
    np.testing.assert_array_equal(Coverage.load(path).share, found.share)


def count_windows(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Steps that the trained forecaster is asked to forecast from."""
    asked: list[int] = []
    plain = protocol.forecast_of

    def forecast_of(*given: Any) -> Any:
        said = plain(*given)

        def counting(instance: int, steps: Any) -> Any:
            asked.extend(steps.tolist())
            return said(instance, steps)

        return counting

    monkeypatch.setattr(protocol, "forecast_of", forecast_of)
    return asked


class StopAt(Hook):
    """Asks to stop after so many steps, as Ctrl-C does."""

    def __init__(self, step: int) -> None:
        self.left = step

    def on_step(self, step: int) -> None:
        import os
        import signal

        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("stop", [3, 9])  # in the first phase, in the second
def test_a_run_of_two_phases_resumes_to_the_same_weights(root: Path, tmp_path: Path, stop: int) -> None:
    config = settings(
        root,
        objective={"contrast": "moco", "weight": 0.3, "schedule": "linear"},
        pretrain={"epochs": 1, "batch_size": 64},
    )
    whole = fit(config, out=tmp_path / "whole", progress=False)
    with pytest.raises(Interrupted, match="tsrep fit --resume"):
        fit(config, out=tmp_path / "cut", progress=False, hooks=[StopAt(stop)])
    resumed = fit(resume=tmp_path / "cut", progress=False)
    assert equal(weights(whole), weights(resumed))


CELLS = list(
    itertools.product(
        [None, "simclr", "moco", "ts2vec", "cost", "autotcl"],
        [
            {"name": "lstm", "hidden": 4, "dim": 5},
            {"name": "causal-tcn", "hidden": 4, "dim": 5, "depth": 2},
            {"name": "dilated-conv", "hidden": 4, "dim": 5, "depth": 2},
            {"name": "transformer", "width": 8, "depth": 1, "heads": 2},
            {"name": "informer", "width": 8, "layers": 1, "heads": 2, "dim": 5, "feedforward": 8},
            {"name": "patch-transformer", "width": 8, "depth": 1, "heads": 2, "patch": 4, "stride": 2},
        ],
    )
)


@pytest.mark.parametrize(("cell", "contrast", "encoder"), [(i, *cell) for i, cell in enumerate(CELLS)])
def test_contrasts_backbones_heads_and_norms_go_together(
    root: Path, tmp_path: Path, cell: int, contrast: str | None, encoder: dict[str, Any]
) -> None:
    """Each pair takes two steps; heads and norms take turns."""
    heads = ["flatten", "last-state", "decoder", "position-wise"]
    head = heads[cell % (3 if encoder["name"] == "patch-transformer" else 4)]
    norm = ["none", "mean-std", "last", "revin"][cell // 2 % 4]
    trunk = {"trunk": {"name": "dilated-conv", "hidden": 4, "dim": 4, "depth": 1}}
    chosen = {"name": contrast} | (trunk if contrast == "autotcl" else {}) if contrast else None
    mixing = "mixed" if cell % 2 else "independent"
    changed = {"head": head, "norm": norm, "mixing": mixing, "contrast": chosen, "weight": 0.5}
    objective = merged(SMALL["objective"], changed)
    config = merged(
        settings(root, training={"epochs": 1, "batch_size": 12, "log_every": 99}, window={"hop_steps": 20}),
        {"encoder": encoder, "objective": objective},
    )
    run = fit(config, out=tmp_path / "run", progress=False, illustrate=False)
    past = torch.zeros(2, 9, LOOKBACK)
    assert torch.isfinite(run.forecaster()(past, torch.zeros(2, 7, HORIZON))).all()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"window": {"steps": 48}}, "window.steps has no effect on objective forecast"),
        ({"pretrain": {"epochs": 1}}, "set objective.contrast or leave pretrain out"),
        (
            {"dataset": {"name": "ptb-xl-sim"}, "training": {"keep": "loss"}},
            "forecasts a series, and ptb-xl-sim is a panel",
        ),
    ],
)
def test_settings_that_do_not_go_together_are_refused(
    root: Path, changes: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ConfigError, match=sentence):
        configure(merged(settings(root), changes))


def test_a_first_phase_that_cannot_learn_is_refused_before_anything_is_written(
    root: Path, tmp_path: Path
) -> None:
    contrast = {"name": "simclr", "projection": 32, "loss": "w-mse"}
    changes = {"objective": {"contrast": contrast, "weight": 0.0}, "pretrain": {"epochs": 1, "batch_size": 8}}
    with pytest.raises(ConfigError, match=r"set pretrain\.batch_size to 64 or objective\.contrast"):
        fit(settings(root, **changes, encoder=SMALL["encoder"]), out=tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


def test_a_series_shorter_than_two_samples_is_refused(root: Path) -> None:
    config = configure(settings(root, objective={"lookback": 420}))
    with pytest.raises(DataError, match=r"the training part of series .* 420 steps, fewer than the 427"):
        prepare(config, progress=False)


def test_a_run_by_another_objective_makes_no_forecasts(root: Path, tmp_path: Path) -> None:
    scored = {"forecast": {"horizons": [6], "context": 12}}
    changes = {"objective": {"name": "ts2vec"}, "window": {"steps": 24}, "evaluation": scored}
    run = fit(settings(root, **changes), out=tmp_path / "run", progress=False)
    with pytest.raises(RunError, match="trained by ts2vec, which makes no forecasts"):
        run.forecaster()


@pytest.mark.usefixtures("plain_reports")
def test_an_encoder_trained_by_the_contrast_alone_is_scored_by_a_ridge(root: Path, tmp_path: Path) -> None:
    config = settings(root, objective=CONTRAST | {"weight": 1.0})
    run = tsrep.fit(config, out=tmp_path / "run", progress=False)
    scores = tsrep.evaluate(run, progress=False)
    assert set(scores.methods) >= {"forecast", "random initialisation", "ridge-nlinear"}
    assert not (run.path / "intervals.npz").exists()
    with pytest.raises(RunError, match="trained by its contrast alone"):
        run.forecaster()


@pytest.mark.parametrize("content", ["", "[]", '{"versions": {}}', "{"])
def test_a_broken_provenance_is_one_sentence(root: Path, tmp_path: Path, content: str) -> None:
    run = fit(settings(root, training={"epochs": 1}), out=tmp_path / "run", progress=False)
    (run.path / "provenance.json").write_text(content)
    with pytest.raises(RunError, match=r"provenance\.json is not as it was written"):
        tsrep.Run(run.path).forecaster()
