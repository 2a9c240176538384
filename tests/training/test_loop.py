"""The training loop: exact resume, choice of weights, averages, schedule, divergence."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.panels import make_panel
from tsrep.encoders.dilated_conv import DilatedConv
from tsrep.encoders.encoder import Encoder
from tsrep.encoders.s4d import S4D
from tsrep.errors import ConfigError, RunError
from tsrep.inspect.curves import read_curves
from tsrep.objectives.objective import Objective
from tsrep.objectives.tf_c import TfC
from tsrep.registry import SAMPLERS
from tsrep.sampling.batches import PanelTensors
from tsrep.signals import Batch
from tsrep.training import loop
from tsrep.training.checkpoint import kept_file, load_state, load_weights
from tsrep.training.hooks import Hook
from tsrep.training.interrupt import Interrupted
from tsrep.training.loop import Outcome, Part, Trainer
from tsrep.training.settings import TrainingSettings, learning_rate


class Denoise(Objective):
    """Predict the mean of a noisy sample: random draws, a head, and a buffer that moves."""

    def __init__(self, dim: int, explode_after: int | None = None) -> None:
        super().__init__()
        self.head = nn.Linear(dim, 1)
        self.explode_after = explode_after
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))

    def forward(self, encoder: Encoder, batch: Batch, *, generator: torch.Generator) -> dict[str, Tensor]:
        noisy = batch.x + 0.1 * torch.randn(batch.x.shape, generator=generator)
        guess = self.head(encoder(noisy).mean(dim=2))[:, 0]
        loss = (guess - batch.x.mean(dim=(1, 2))).square().mean()
        if self.explode_after is not None and int(self.count) >= self.explode_after:
            loss = loss / 0.0
        return {"error": loss, "size": 1e-3 * self.head.weight.square().sum()}

    def after_step(self) -> None:
        self.count += 1


class StopAt(Hook):
    """Asks for a stop at a step, as Ctrl-C would."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_step(self, step: int) -> None:
        if step == self.step:
            import os

            os.kill(os.getpid(), signal.SIGINT)


def trainer(folder: Path, *hooks: Hook, explode_after: int | None = None, **settings: Any) -> Trainer:
    folder.mkdir(exist_ok=True)
    torch.manual_seed(0)
    encoder = DilatedConv(channels=2, hidden=4, dim=6, depth=2)
    panel = make_panel(records=30)
    scales = panel.windows(20)

    def part(index: np.ndarray) -> Part:
        chosen = scales.select(index)
        sampler = SAMPLERS.build({"name": "random"}, panel=chosen, batch_size=8, seed=3, rank=0, world=1)
        return Part(PanelTensors(chosen), sampler)

    values = {"epochs": 4, "batch_size": 8, "lr": 0.01, "log_every": 3, "save_seconds": 1e9} | settings
    return Trainer(
        encoder,
        Denoise(6, explode_after),
        part(np.arange(40)),
        part(np.arange(40, 60)),
        TrainingSettings(**values),
        seed=3,
        folder=folder,
        hooks=hooks,
    )


@pytest.mark.parametrize("decay", [1.0, 0.5])
def test_slow_parameters_of_an_encoder_of_the_objective_move_slowly_too(tmp_path: Path, decay: float) -> None:
    usual = trainer(tmp_path, layer_decay=decay, keep="loss")
    encoder, objective = S4D(2, width=4, dim=6, depth=1), TfC(6, 2, hidden=4, projection=4)
    objective.attach(encoder)
    assert isinstance(objective.frequency, S4D)
    made = replace(usual, encoder=encoder, objective=objective)
    made.optimizer.set_rate(made.settings.lr)
    group_of = {id(p): group for group in made.optimizer.param_groups for p in group["params"]}
    for each in (encoder, objective.frequency):
        (slow,) = each.slow_parameters()
        for parameter in slow.parameters:
            group = group_of[id(parameter)]
            assert group["weight_decay"] == 0
            assert group["lr"] <= slow.most_rate < made.settings.lr


def run(folder: Path, *hooks: Hook, **settings: Any) -> Outcome:
    return trainer(folder, *hooks, **{"keep": "loss"} | settings).run()


def log(folder: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    timing = {"seconds", "samples_per_s"}
    return [{k: v for k, v in line.items() if k not in timing} for line in lines]


@pytest.mark.parametrize("average", ["ema", "uniform", "none"])
@pytest.mark.parametrize("stops", [[1], [4, 5], [7, 13, 20]])
def test_a_stopped_and_resumed_run_equals_an_unbroken_one(
    tmp_path: Path, average: str, stops: list[int]
) -> None:
    whole = run(tmp_path / "whole", average=average)
    for step in stops:
        with pytest.raises(Interrupted):
            run(tmp_path / "broken", StopAt(step), average=average)
    broken = run(tmp_path / "broken", average=average)
    assert (broken.steps, broken.epoch, broken.value) == (whole.steps, whole.epoch, whole.value)
    assert whole.steps == 20
    for name in ("weights.safetensors", "state.pt"):
        weights = [_tensors(tmp_path / which / name) for which in ("whole", "broken")]
        assert weights[0].keys() == weights[1].keys()
        for key in weights[0]:
            assert torch.equal(weights[0][key], weights[1][key]), key
    assert log(tmp_path / "whole") == log(tmp_path / "broken")


def test_a_run_killed_before_it_saved_starts_from_its_last_state(tmp_path: Path) -> None:
    whole = run(tmp_path / "whole")

    class Die(Hook):
        def on_step(self, step: int) -> None:
            if step == 12:
                raise MemoryError("as if killed")

    with pytest.raises(MemoryError):
        run(tmp_path / "killed", Die())
    assert (tmp_path / "killed" / "state.pt").exists()
    assert run(tmp_path / "killed").value == whole.value
    assert log(tmp_path / "whole") == log(tmp_path / "killed")


@pytest.mark.parametrize(("seconds", "states"), [(1e9, 2), (0.0, 22)])
def test_a_state_is_written_at_validations_and_when_it_is_due(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float, states: int
) -> None:
    written: list[int] = []
    monkeypatch.setattr(loop, "save_state", lambda path, position, **parts: written.append(position.step))
    run(tmp_path, save_seconds=seconds, validate_every=3)  # four epochs of five steps
    assert len(written) == states
    assert {15, 20} <= set(written)


def test_a_log_cut_back_and_cut_back_again_holds_whole_lines(tmp_path: Path) -> None:
    class Die(Hook):
        def on_step(self, step: int) -> None:
            if step == 9:
                raise MemoryError("as if killed")

    with pytest.raises(MemoryError):
        run(tmp_path, Die(), log_every=1)
    with pytest.raises(Interrupted):
        run(tmp_path, StopAt(6), log_every=1)
    run(tmp_path, log_every=1)
    assert [line["step"] for line in log(tmp_path) if line["kind"] == "train"] == list(range(1, 21))


@pytest.mark.parametrize(
    ("every", "steps"),
    [(1000, [5, 10, 15, 20]), (20, [5, 10, 15, 20]), (7, [5, 7, 14, 20]), (4, [4, 8, 12, 16, 20])],
)
def test_an_epoch_without_a_line_logs_its_last_step(tmp_path: Path, every: int, steps: list[int]) -> None:
    """Four epochs of five steps, unbroken and resumed."""
    run(tmp_path / "whole", log_every=every)
    with pytest.raises(Interrupted):
        run(tmp_path / "broken", StopAt(8), log_every=every)
    run(tmp_path / "broken", log_every=every)
    lines = [line for line in log(tmp_path / "whole") if line["kind"] == "train"]
    assert [line["step"] for line in lines] == steps
    assert [line["epoch"] for line in lines] == [-(-step // 5) for step in steps]
    assert log(tmp_path / "whole") == log(tmp_path / "broken")


def test_a_run_of_fewer_steps_than_lines_are_apart_has_a_curve(tmp_path: Path) -> None:
    run(tmp_path, epochs=1, log_every=10)
    curves = read_curves(tmp_path / "metrics.jsonl")
    assert curves.step.tolist() == [5]
    assert np.isfinite([curves.loss, curves.lr, curves.terms["error"]]).all()


def test_without_a_defined_score_the_last_weights_are_kept(tmp_path: Path) -> None:
    one = trainer(tmp_path, keep="score")
    one.score = lambda *_: {"": float("nan")}
    outcome = one.run()
    assert (outcome.epoch, outcome.value) == (4, None)
    assert "NaN" not in (tmp_path / "metrics.jsonl").read_text()


def test_a_state_of_more_processes_is_not_resumed_by_one(tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        run(tmp_path, StopAt(3))
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    state["position"]["world"] = 2
    torch.save(state, tmp_path / "state.pt")
    with pytest.raises(RunError, match=r"trained by 2 process\(es\); resume it with as many"):
        run(tmp_path)


def test_a_finished_run_does_nothing_more(tmp_path: Path) -> None:
    first = run(tmp_path)
    state = (tmp_path / "state.pt").read_bytes()
    again = run(tmp_path)
    assert (again.steps, again.value) == (first.steps, first.value)
    assert (tmp_path / "state.pt").read_bytes() == state


def test_the_state_file_is_data_only(tmp_path: Path) -> None:
    run(tmp_path, epochs=1)
    content = torch.load(tmp_path / "state.pt", weights_only=True)
    assert content["position"]["step"] == 5


def test_the_average_is_kept_and_counts_the_start_only_on_request(tmp_path: Path) -> None:
    seen: list[Tensor] = []

    class Watch(Hook):
        def __init__(self, who: Callable[[], Trainer]) -> None:
            self.who = who

        def on_step(self, step: int) -> None:
            seen.append(self.who().net.objective.head.bias.detach().clone())

    for average in ("uniform", "uniform-with-start"):
        seen.clear()
        holder: list[Trainer] = []
        one = trainer(
            tmp_path / average,
            Watch(lambda holder=holder: holder[0]),
            average=average,
            keep="last",
            epochs=2,
        )
        holder.append(one)
        start = one.net.objective.head.bias.detach().clone()
        one.run()
        mean = torch.stack(seen if average == "uniform" else [start, *seen]).mean(dim=0)
        torch.testing.assert_close(one.net.objective.head.bias, mean)


def test_weights_are_chosen_on_the_validation_part(tmp_path: Path) -> None:
    scores = iter([0.9, 0.2, 0.7, 0.4])
    kept: list[Tensor] = []

    def score(encoder: Encoder, _objective: nn.Module) -> dict[str, float]:
        kept.append(next(encoder.parameters()).detach().clone())
        return {"": 0.0 if len(kept) == 1 else next(scores)}

    one = trainer(tmp_path, keep="score")
    one.score = score
    outcome = one.run()
    assert (outcome.epoch, outcome.value) == (1, 0.9)
    assert torch.equal(next(one.net.encoder.parameters()), kept[1])


def test_early_stopping_counts_validations_without_a_better_one(tmp_path: Path) -> None:
    scores = iter([0, 0.5, 0.6, 0.4, 0.5, 0.55, 0.9])
    one = trainer(tmp_path, keep="score", patience=2, epochs=9)
    one.score = lambda *_: {"": next(scores)}
    outcome = one.run()
    assert (outcome.epoch, outcome.epochs) == (2, 4)


EACH = {"all": [0.1, 0.9, 0.2, 0.3], "some": [0.5, 0.4, 0.6, 0.1], "few": [0.2, 0.2, 0.2, 0.2]}


def scored_by_each(folder: Path, *hooks: Hook, **settings: Any) -> Trainer:
    """A trainer whose validations of epochs 1 to 4 score as ``EACH`` says."""
    one = trainer(folder, *hooks, keep="probe", **settings)
    one.score = lambda *_: {
        name: [0.0, *values][min(one.position.epoch, 4) if one.position.step else 0]
        for name, values in EACH.items()
    }
    return one


def test_each_of_several_scores_keeps_its_own_epoch(tmp_path: Path) -> None:
    weights: dict[int, Tensor] = {}

    class Watch(Hook):
        def on_record(self, record: dict[str, Any]) -> None:
            if record["kind"] == "validation":
                average = one.average.module.encoder
                weights[record["epoch"]] = next(average.parameters()).detach().clone()

    one = scored_by_each(tmp_path, Watch())
    outcome = one.run()
    assert (outcome.epoch, outcome.value) == (2, 0.9)
    assert outcome.kept == {"all": 2, "some": 3, "few": 1}
    assert sorted(path.stem for path in (tmp_path / "kept").iterdir()) == ["1", "3"]
    assert torch.equal(next(one.net.encoder.parameters()), weights[2])
    name = "encoder." + next(iter(one.net.encoder.state_dict()))
    for epoch in (1, 3):
        assert torch.equal(load_weights(kept_file(tmp_path, epoch))[name], weights[epoch])


def test_weights_of_several_scores_outlive_an_interruption(tmp_path: Path) -> None:
    whole = scored_by_each(tmp_path / "whole").run()
    for step in (7, 13, 18):
        with pytest.raises(Interrupted):
            scored_by_each(tmp_path / "broken", StopAt(step)).run()
    assert scored_by_each(tmp_path / "broken").run().kept == whole.kept
    for name in ("weights.safetensors", "kept/1.safetensors", "kept/3.safetensors"):
        one, other = (_tensors(tmp_path / which / name) for which in ("whole", "broken"))
        assert all(torch.equal(one[key], other[key]) for key in one)


def test_training_stops_when_no_score_keeps_anything_new(tmp_path: Path) -> None:
    one = scored_by_each(tmp_path, patience=2, epochs=9)  # the second of three improves until epoch 3
    assert one.run().epochs == 5


@pytest.mark.parametrize(
    ("settings", "asked"),
    [
        ({"keep": "last"}, 0),
        ({"keep": "loss"}, 0),
        ({"keep": "last", "log_score": True}, 5),
        ({"keep": "score"}, 5),
    ],
)
def test_a_score_that_chooses_nothing_is_computed_on_request_alone(
    tmp_path: Path, settings: dict[str, Any], asked: int
) -> None:
    one, calls = trainer(tmp_path, **settings), []
    one.score = lambda *_: calls.append(0) or {"": 0.5}
    one.run()
    assert len(calls) == asked


def test_the_last_epoch_is_kept_by_default_and_cannot_stop_early(tmp_path: Path) -> None:
    assert trainer(tmp_path).run().epoch == 4
    with pytest.raises(ConfigError, match="patience is 3, but keep is last, which no validation changes"):
        TrainingSettings(patience=3)


def test_divergence_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"the error is not finite by step 9; lower training\.lr"):
        run(tmp_path, explode_after=6)


def test_divergence_is_noticed_before_the_score_is_asked_for(tmp_path: Path) -> None:
    one = trainer(tmp_path, explode_after=4, epochs=3, log_every=4, keep="score")
    losses = []

    def score(*_: object) -> dict[str, float]:
        losses.append(one.position.epoch)
        return {"": 0.0}

    one.score = score
    with pytest.raises(RunError, match=r"the validation error is not finite"):
        one.run()
    assert len(losses) == 1


def test_validation_leaves_weights_and_buffers_alone(tmp_path: Path) -> None:
    one = trainer(tmp_path, average="none", keep="loss")
    before = {k: v.clone() for k, v in one.net.state_dict().items()}
    one._began = 0.0
    one._validate(0)
    assert all(torch.equal(before[k], v) for k, v in one.net.state_dict().items())


def test_bfloat16_autocast_trains(tmp_path: Path) -> None:
    assert run(tmp_path, amp=True, epochs=1).steps == 5


def test_a_stop_during_the_last_validation_is_honoured(tmp_path: Path) -> None:
    def interrupted(encoder: Encoder, objective: Objective) -> dict[str, float]:
        if validated.append(0) or len(validated) == 5:  # before training and after each of four epochs
            signal.raise_signal(signal.SIGINT)
        return {"": 0.0}

    validated: list[int] = []
    one = trainer(tmp_path, keep="score")
    one.score = interrupted
    with pytest.raises(Interrupted, match="stopped after step 20 of 20, with the state saved"):
        one.run()
    assert trainer(tmp_path, keep="score").run().epochs == 4


def test_a_log_that_is_shorter_than_the_state_says_is_gone_on_with(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(Interrupted):
        run(tmp_path, StopAt(12))
    log = tmp_path / "metrics.jsonl"
    whole = log.read_bytes()
    log.write_bytes(whole[:-30])
    run(tmp_path)
    assert "lacks 30 bytes that were logged before" in capsys.readouterr().err
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["step"] for line in lines if line["kind"] == "train"][-1] == 18


def test_a_state_with_an_unknown_field_is_refused(tmp_path: Path) -> None:
    path, before = tmp_path / "state.pt", torch.nn.Linear(2, 2)
    position = {"epoch": 1, "kept": {}, "unknown": 3}
    for content, told in (
        ({"format": 3, "position": position}, "cannot be read as the state of a training .*unknown"),
        ({"format": 4}, r"by a newer tsrep \(format 4, this one reads 3\); update tsrep"),
        ({"position": position}, "it lacks format"),
    ):
        torch.save(content, path)
        with pytest.raises(RunError, match=told):
            load_state(path, net=before)


def test_a_foreign_or_broken_state_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.pt"
    path.write_bytes(b"not a state")
    with pytest.raises(RunError, match="cannot be read as the state of a training"):
        load_state(path)
    with pytest.raises(RunError, match="cannot be read as weights"):
        load_weights(path)


def test_the_rate_warms_up_then_falls_to_zero() -> None:
    settings = TrainingSettings(lr=1.0, warmup=0.1)
    rates = [learning_rate(settings, step, 100) for step in range(100)]
    np.testing.assert_allclose(rates[:10], np.arange(1, 11) / 10)
    assert rates[10] == 1.0
    assert rates[55] == pytest.approx(0.5)
    assert all(a >= b for a, b in pairwise(rates[9:]))
    constant = TrainingSettings(lr=1.0, warmup=0, schedule="constant")
    assert {learning_rate(constant, step, 10) for step in range(10)} == {1.0}


def _tensors(path: Path) -> dict[str, Tensor]:
    if path.suffix == ".safetensors":
        return load_weights(path)
    content = torch.load(path, weights_only=True)
    flat: dict[str, Tensor] = {}

    def walk(name: str, value: Any) -> None:
        if isinstance(value, Tensor):
            flat[name] = value
        elif isinstance(value, dict):
            for key, inner in value.items():
                walk(f"{name}/{key}", inner)

    walk("", {k: v for k, v in content.items() if k != "position"})
    return flat
