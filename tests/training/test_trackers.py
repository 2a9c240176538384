"""Numbers of a training reach a tracker, and nothing leaves the machine unless it shall."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tsrep.errors import ConfigError
from tsrep.registry import TRACKERS
from tsrep.runs.config import configure, plain
from tsrep.runs.trained_by import trained_by
from tsrep.training.trackers.tracker import Tracking, require_tracker, tracking

LINES: list[dict[str, Any]] = [
    {"kind": "train", "epoch": 1, "step": 5, "loss": 1.5, "terms": {"patient": 0.5}},
    {"kind": "validation", "epoch": 1, "step": 5, "loss": 2.5, "score": 0.75, "score_name": "auroc"},
]
TOLD = [
    ({"train/loss": 1.5, "train/terms/patient": 0.5}, 5),
    ({"validation/loss": 2.5, "validation/score": 0.75}, 5),
]


class Told:
    """A tracker that keeps what it is told."""

    package = "json"

    def __init__(self) -> None:
        self.lines: list[tuple[dict[str, float], int]] = []
        self.closed = 0

    def log(self, numbers: Any, step: int) -> None:
        self.lines.append((dict(numbers), step))

    def close(self) -> None:
        self.closed += 1


def followed(hook: Tracking) -> None:
    for line in LINES:
        hook.on_record(line)
    hook.on_end()


def settings(name: str, **more: Any) -> Any:
    return TRACKERS.entry(name).settings(name=name, **more)


def test_every_number_is_told_under_its_kind() -> None:
    tracker = Told()
    followed(Tracking(tracker))
    assert (tracker.lines, tracker.closed) == (TOLD, 1)


def test_wandb_is_offline_unless_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    begun: list[dict[str, Any]] = []
    logged: list[dict[str, float]] = []
    run = SimpleNamespace(log=logged.append, finish=lambda: logged.append({}))
    stub = ModuleType("wandb")
    stub.init = lambda **options: begun.append(options) or run  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "wandb", stub)
    followed(tracking(settings("wandb"), tmp_path / "one", {"seed": 3, "root": "/home/me"}))
    assert begun[0]["mode"] == "offline"
    assert (begun[0]["dir"], begun[0]["name"]) == (str(tmp_path / "one"), "one")
    assert begun[0]["config"] == {"seed": 3}  # without the place of the data
    assert logged == [{**numbers, "step": step} for numbers, step in TOLD] + [{}]
    tracking(settings("wandb", mode="online"), tmp_path, {})
    assert begun[1]["mode"] == "online"


def test_mlflow_stays_in_the_folder_unless_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    made: list[Any] = []

    class Client:
        def __init__(self, uri: str) -> None:
            self.uri, self.told, self.params = uri, [], {}
            made.append(self)

        def get_experiment_by_name(self, name: str) -> None:
            return None

        def create_experiment(self, name: str) -> str:
            return name

        def create_run(self, place: str, run_name: str) -> Any:
            return SimpleNamespace(info=SimpleNamespace(run_id=f"{place}/{run_name}"))

        def log_param(self, run: str, name: str, value: str) -> None:
            self.params[name] = value

        def log_metric(self, run: str, name: str, value: float, step: int) -> None:
            self.told.append((name, value, step))

        def set_terminated(self, run: str) -> None:
            self.told.append(run)

    stub = ModuleType("mlflow")
    stub.MlflowClient = Client  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "mlflow", stub)
    followed(tracking(settings("mlflow"), tmp_path / "one", {"training": {"lr": 0.1}}))
    assert made[0].uri == f"sqlite:///{tmp_path}/one/mlflow.db"
    assert made[0].params == {"training.lr": "0.1"}
    assert made[0].told[1] == ("train/terms/patient", 0.5, 5)
    assert made[0].told[-1] == "tsrep/one"
    tracking(settings("mlflow", uri="http://server"), tmp_path, {})
    assert made[1].uri == "http://server"


def test_tensorboard_writes_events(tmp_path: Path) -> None:
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    followed(tracking(settings("tensorboard"), tmp_path, {}))
    found = events.EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert sorted(found.Tags()["scalars"]) == sorted(name for numbers, _ in TOLD for name in numbers)
    assert [(each.step, each.value) for each in found.Scalars("validation/score")] == [(5, 0.75)]


def test_a_tracker_that_is_not_installed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tsrep.training.trackers.tracker.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"needs the package wandb; install it or leave"):
        require_tracker(settings("wandb"))


def test_weights_do_not_depend_on_who_watches() -> None:
    config = configure({"tracking": {"name": "mlflow", "experiment": "x"}})
    assert plain(config)["tracking"] == {"name": "mlflow", "uri": None, "experiment": "x"}
    assert trained_by(config) == trained_by(configure())
    with pytest.raises(ConfigError, match="unknown tracker 'tensorbord'; did you mean 'tensorboard'"):
        configure({"tracking": "tensorbord"})
