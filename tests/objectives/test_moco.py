"""MoCo: what is contrasted with what, and that copy and queue move as they should and when they should."""

from __future__ import annotations

import copy
import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.losses.literal import global_infonce, queue_contrast
from tsrep.encoders.dilated_conv import DilatedConv
from tsrep.encoders.encoder import Encoder
from tsrep.encoders.resnet1d import ResNet1d
from tsrep.objectives.moco import MoCo
from tsrep.objectives.momentum_queue import KeyQueue
from tsrep.objectives.objective import Objective
from tsrep.objectives.teacher import SlowCopies
from tsrep.registry import OBJECTIVES
from tsrep.rng import initial_weights, torch_generator
from tsrep.signals import Batch
from tsrep.testing import check_objective
from tsrep.training.averaging import Step, weight_average
from tsrep.training.settings import TrainingSettings

PLAIN = {"name": "compose", "views": []}
CHANNELS, TIME = 3, 24


@pytest.fixture(autouse=True)
def _same_weights() -> None:
    torch.manual_seed(0)


class Recorder(Encoder):
    """Returns its input, scaled, and remembers what it was given."""

    dim, stride, receptive_field, causal = CHANNELS, 1, 1, True

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))
        self.seen: list[tuple[Tensor, Tensor | None]] = []

    def forward(self, x: Tensor, keep: Tensor | None = None) -> Tensor:
        self.seen.append((x, keep))
        return x * self.scale


def make(encoder: Encoder, **settings: Any) -> MoCo:
    values = {"name": "moco", "hidden": 8, "projection": 5, "queue": 10} | settings
    made = OBJECTIVES.build(
        OBJECTIVES.entry("moco").settings.model_validate(values),
        dim=encoder.dim,
        channels=CHANNELS,
        covariates=settings.pop("covariates", 0),
    )
    assert isinstance(made, MoCo)
    made.attach(encoder)
    return made


def conv() -> DilatedConv:
    return DilatedConv(CHANNELS, hidden=4, dim=6, depth=2)


def a_batch(size: int = 4, *, key: int = 0, spacing: int = 7) -> Batch:
    n = torch.arange(size)
    x = torch.randn(size, CHANNELS, TIME, generator=torch_generator("signals", key))
    return Batch(x=x, label=n % 2, patient=n * 0, trial=n, sample=n, start=spacing * n + key)


def run(encoder: Encoder, objective: Objective, batch: Batch, key: int = 0) -> Tensor:
    terms = objective(encoder, batch, generator=torch_generator("moco", key))
    return torch.stack(list(terms.values())).sum()


def train(encoder: Encoder, objective: Objective, steps: range) -> None:
    parameters = [p for p in (*encoder.parameters(), *objective.parameters()) if p.requires_grad]
    optimizer = torch.optim.SGD(parameters, lr=0.1)
    for step in steps:
        optimizer.zero_grad()
        torch.autograd.backward(run(encoder, objective, a_batch(key=step), step))
        optimizer.step()
        objective.after_step()


def states(*modules: nn.Module) -> list[dict[str, Tensor]]:
    return [{name: value.clone() for name, value in module.state_dict().items()} for module in modules]


def assert_equal_states(one: list[dict[str, Tensor]], other: list[dict[str, Tensor]]) -> None:
    for mine, theirs in zip(one, other, strict=True):
        assert mine.keys() == theirs.keys()
        for name, value in mine.items():
            assert torch.equal(value, theirs[name]), name


@pytest.mark.parametrize("pooling", ["last", "mean", "max", "random-step"])
def test_loss_is_that_of_pooled_and_projected_pairs(pooling: str) -> None:
    encoder, batch = Recorder(), a_batch()
    objective = make(encoder, view=PLAIN, pooling=pooling, temperature=0.2, exclusion_zone=0)
    pools = {
        "last": [batch.x[..., -1]],
        "mean": [batch.x.mean(2)],
        "max": [batch.x.amax(2)],
        "random-step": list(batch.x.unbind(2)),
    }
    queue = objective.contrast.queue
    assert queue is not None
    value = run(encoder, objective, batch).item()
    expected = []
    for pooled in pools[pooling]:
        q = objective.head(pooled)
        expected.append(queue_contrast(q, q, queue.keys, temperature=0.2).item())
    assert min(abs(value - e) for e in expected) < 1e-6
    drawn = {round(run(encoder, objective, batch, key).item(), 5) for key in range(12)}
    assert (len(drawn) > 1) == (pooling == "random-step")


def test_keys_come_from_the_slow_copy() -> None:
    encoder = Recorder()
    objective = make(encoder, view=PLAIN, pooling="last", exclusion_zone=0)
    queue = objective.contrast.queue
    assert queue is not None
    slow_encoder, slow_head = objective.contrast.copies()
    with torch.no_grad():
        encoder.scale.fill_(2.0)
        objective.head[0].weight.mul_(-1)
    batch = a_batch()
    q, k = objective.head(2 * batch.x[..., -1]), slow_head(batch.x[..., -1])
    expected = queue_contrast(q, k, queue.keys, temperature=0.1)
    torch.testing.assert_close(run(encoder, objective, batch), expected)
    assert isinstance(slow_encoder, Recorder)


@pytest.mark.parametrize(("views", "altered"), [("both", True), ("key", False)])
def test_which_sides_are_altered_and_masked(views: str, altered: bool) -> None:
    encoder, batch = Recorder(), a_batch(40)
    objective = make(encoder, views=views, masked_steps=0.25)
    slow = objective.contrast.copies()[0]
    run(encoder, objective, batch)
    (query, keep), (key, key_keep) = encoder.seen[0], slow.seen[0]
    assert torch.equal(query, batch.x) != altered
    assert (keep is not None) == altered
    assert not torch.equal(key, batch.x)
    assert not torch.equal(key, query)
    assert key_keep.float().mean().item() == pytest.approx(0.75, abs=0.05)


def test_covariates_stay_as_they_are() -> None:
    encoder, batch = Recorder(), a_batch(20)
    objective = OBJECTIVES.build({"name": "moco"}, dim=CHANNELS, channels=CHANNELS, covariates=2)
    objective.attach(encoder)
    run(encoder, objective, batch)
    query = encoder.seen[0][0]
    assert torch.equal(query[:, :2], batch.x[:, :2])
    assert not torch.equal(query[:, 2:], batch.x[:, 2:])


def test_without_a_queue_the_batch_gives_the_negatives() -> None:
    encoder, batch = conv(), a_batch(6)
    objective = make(encoder, queue=0, exclusion_zone=0, view=PLAIN, pooling="mean", temperature=0.3)
    with torch.no_grad():
        objective.head[2].weight.add_(0.5)
    slow_encoder, slow_head = objective.contrast.copies()
    q, k = objective.head(encoder(batch.x).mean(2)), slow_head(slow_encoder(batch.x).mean(2))
    torch.testing.assert_close(run(encoder, objective, batch), global_infonce(q, k, temperature=0.3))
    assert not any("queue" in name for name in objective.state_dict())


@pytest.mark.parametrize("zone", [None, 0, 10, 1000])
def test_near_windows_of_a_record_are_no_negatives(zone: int | None) -> None:
    encoder = conv()
    objective = make(encoder, exclusion_zone=zone, view=PLAIN, pooling="mean", queue=12)
    seen: list[tuple[int, int]] = []
    for key in range(3):
        other = a_batch(key=50 * key)
        run(encoder, objective, replace(other, patient=other.patient + (key == 2)))
        objective.after_step()
        seen += [(int(key == 2), start) for start in other.start.tolist()]
    batch, queue = a_batch(key=20), objective.contrast.queue
    assert queue is not None
    limit = TIME if zone is None else zone
    allowed = torch.tensor(
        [[record == 1 or abs(start - own) >= limit for record, start in seen] for own in batch.start.tolist()]
    )
    slow_encoder, slow_head = objective.contrast.copies()
    q, k = objective.head(encoder(batch.x).mean(2)), slow_head(slow_encoder(batch.x).mean(2))
    expected = queue_contrast(q, k, queue.keys, temperature=0.1, allowed=allowed)
    torch.testing.assert_close(run(encoder, objective, batch), expected)


def test_in_the_batch_the_exclusion_zone_holds_too() -> None:
    encoder, batch = conv(), a_batch(5, spacing=5)
    alone = make(encoder, queue=0, exclusion_zone=100)
    assert run(encoder, alone, batch).item() == pytest.approx(0, abs=1e-6)
    other_patients = replace(batch, patient=torch.arange(5))
    assert run(encoder, alone, other_patients).item() > 0.1


@pytest.mark.parametrize(("size", "batch", "steps"), [(10, 4, 7), (10, 10, 2), (3, 8, 2), (10, 4, 1)])
def test_the_ring_holds_the_last_keys_with_unit_length(size: int, batch: int, steps: int) -> None:
    queue = KeyQueue(size, 5)
    assert torch.allclose(queue.keys.norm(dim=1), torch.ones(size), atol=1e-6)
    keys = torch.randn(steps * batch, 5, generator=torch_generator("keys")) * 7
    n = torch.arange(steps * batch)
    for part in n.split(batch):
        queue.enqueue(keys[part], torch.stack([part, 2 * part + 1], dim=1))
    order = queue.windows[:, 1].argsort(stable=True)[-min(size, len(n)) :]
    unit = keys / keys.norm(dim=1, keepdim=True)
    torch.testing.assert_close(queue.keys[order], unit[-size:])
    assert torch.equal(queue.windows[order, 0], n[-size:])
    assert torch.allclose(queue.keys.norm(dim=1), torch.ones(size), atol=1e-6)
    assert not torch.allclose(queue.keys.norm(dim=0), torch.ones(5), atol=1e-2)


def test_copies_follow_by_the_formula_and_take_buffers_as_they_are() -> None:
    fast = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))
    slow, expected = SlowCopies(fast), {n: p.clone() for n, p in fast.named_parameters()}
    generator = torch_generator("weights")
    for _ in range(5):
        with torch.no_grad():
            for parameter in fast.parameters():
                parameter.add_(torch.randn(parameter.shape, generator=generator))
        fast(torch.randn(8, 3, generator=generator))
        slow.follow(fast, momentum=0.9)
        expected = {n: 0.9 * expected[n] + 0.1 * p.detach() for n, p in fast.named_parameters()}
    for name, parameter in slow[0].named_parameters():
        torch.testing.assert_close(parameter, expected[name])
    for mine, theirs in zip(slow.buffers(), fast.buffers(), strict=True):
        assert torch.equal(mine, theirs)


def test_only_after_step_moves_anything() -> None:
    encoder = conv()
    objective = make(encoder)
    train(encoder, objective, range(3))
    before = states(encoder, objective)
    run(encoder, objective, a_batch(key=5))
    assert_equal_states(states(encoder, objective), before)
    objective.after_step()
    moved = {
        name for name, value in objective.state_dict().items() if not torch.equal(value, before[1][name])
    }
    assert {"contrast.queue.keys", "contrast.queue.pointer", "contrast.queue.windows"} <= moved


def test_evaluation_leaves_the_state_bit_identical() -> None:
    encoder = ResNet1d(CHANNELS, width=4, dim=6)
    objective = make(encoder)
    train(encoder, objective, range(3))
    encoder.eval(), objective.eval()
    before = states(encoder, objective)
    for key in range(3):
        run(encoder, objective, a_batch(key=key))
        objective.after_step()
    assert_equal_states(states(encoder, objective), before)


def test_a_stored_state_goes_on_as_if_it_had_not_stopped() -> None:
    encoder = conv()
    objective = make(encoder)
    train(encoder, objective, range(3))
    kept = copy.deepcopy(states(encoder, objective))
    train(encoder, objective, range(3, 7))
    other = conv()
    resumed = make(other)
    other.load_state_dict(kept[0])
    resumed.load_state_dict(kept[1])
    train(other, resumed, range(3, 7))
    assert_equal_states(states(encoder, objective), states(other, resumed))


def test_the_slow_copy_is_not_trained_and_never_in_training_mode() -> None:
    encoder = ResNet1d(CHANNELS, width=4, dim=6)
    objective = make(encoder)
    step = Step(encoder, objective).train()
    slow = objective.contrast.copies()
    assert not any(p.requires_grad for p in slow.parameters())
    assert not any(module.training for module in slow.modules())
    torch.autograd.backward(run(encoder, objective, a_batch()))
    assert all(p.grad is None for p in slow.parameters())
    assert len({id(p) for p in step.parameters()}) == sum(1 for _ in step.parameters())
    assert sum(1 for _ in step.parameters()) == 2 * sum(1 for _ in (*encoder.parameters(), *range(4)))


def test_running_averages_of_a_step_hold_the_queue() -> None:
    encoder = conv()
    objective = make(encoder)
    net = Step(encoder, objective)
    average = weight_average(net, TrainingSettings(average="ema", ema_decay=0.5))
    assert average is not None
    train(encoder, objective, range(3))
    average.update_parameters(net)
    train(encoder, objective, range(3, 5))
    average.update_parameters(net)
    held = average.module.objective
    assert isinstance(held, MoCo)
    assert_equal_states([dict(held.named_buffers())], [dict(objective.named_buffers())])
    assert not any(p.requires_grad for p in held.contrast.copies().parameters())
    assert math.isfinite(run(average.module.encoder, held.eval(), a_batch()).item())


def test_training_separates_samples() -> None:
    def waves(key: int) -> Batch:
        cycles = 0.02 + 0.4 * torch.rand(16, CHANNELS, 1, generator=torch_generator("waves", key))
        x = torch.sin(2 * math.pi * cycles * torch.arange(TIME))
        return replace(a_batch(16), x=x, patient=torch.arange(16))

    view = {"name": "jitter", "std": 0.2}
    with initial_weights(2):
        encoder = DilatedConv(CHANNELS, hidden=8, dim=12, depth=2)
        objective = make(encoder, queue=0, momentum=0.9, pooling="mean", view=view, hidden=32, projection=16)
    optimizer = torch.optim.Adam([*encoder.parameters(), *objective.head.parameters()], lr=0.01)
    before = run(encoder, objective.eval(), waves(99)).item()
    objective.train()
    for step in range(60):
        optimizer.zero_grad()
        torch.autograd.backward(run(encoder, objective, waves(step), step))
        optimizer.step()
        objective.after_step()
    assert run(encoder, objective.eval(), waves(99)).item() < 0.8 * before


def test_an_encoder_must_be_attached() -> None:
    objective = OBJECTIVES.build({"name": "moco"}, dim=CHANNELS, channels=CHANNELS, covariates=0)
    with pytest.raises(RuntimeError, match=r"call objective\.attach"):
        run(Recorder(), objective, a_batch())


def test_an_objective_that_keeps_the_encoder_is_caught() -> None:
    class Keeper(Objective):
        def attach(self, encoder: Encoder) -> None:
            self.own = encoder

        def forward(self, encoder: Encoder, batch: Batch, *, generator: torch.Generator) -> dict[str, Tensor]:
            return {"size": encoder(batch.x).float().square().mean()}

    with pytest.raises(AssertionError, match="trained twice"):
        check_objective(lambda **run: Keeper())


@pytest.mark.parametrize(
    "settings",
    [
        {"queue": 0},
        {"views": "key", "masked_steps": 0.5},
        {"pooling": "mean", "exclusion_zone": 0, "momentum": 0.0},
    ],
)
def test_settings_keep_the_promises(settings: dict[str, Any]) -> None:
    check_objective(lambda **run: OBJECTIVES.build({"name": "moco"} | settings, **run))
