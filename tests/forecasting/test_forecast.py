"""The joint objective: its error, its share of a contrast, what it may see and what it leaves alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tsrep.encoders.encoder import Encoder
from tsrep.errors import ConfigError
from tsrep.forecasting.joint_objective import Forecast
from tsrep.forecasting.mixing_weight import scheduled
from tsrep.objectives.forecaster import Forecaster
from tsrep.registry import ENCODERS, OBJECTIVES
from tsrep.rng import torch_generator
from tsrep.signals import Batch, Panel
from tsrep.testing import check_objective

COVARIATES, CHANNELS = 2, 3
SMALL = {"lookback": 24, "horizon": 6, "norm": "last"}
FLOOR = {"name": "identity"}
TCN = {"name": "causal-tcn", "hidden": 4, "dim": 5, "depth": 2}


def make(encoder: dict[str, Any] = FLOOR, **settings: Any) -> tuple[Encoder, Forecast]:
    chosen = OBJECTIVES.entry("forecast").settings.model_validate(SMALL | settings)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        seen = Forecast.encoder_channels(chosen, COVARIATES + CHANNELS, COVARIATES)
        built: Encoder = ENCODERS.build(encoder, channels=seen)
        objective: Forecast = OBJECTIVES.build(
            chosen,
            dim=built.dim,
            stride=built.stride,
            channels=COVARIATES + CHANNELS,
            covariates=COVARIATES,
        )
        objective.attach(built)
    return built, objective


def a_batch(size: int = 5, *, key: int = 0) -> Batch:
    x = torch.randn(size, COVARIATES + CHANNELS, 30, generator=torch_generator("forecast test", key))
    ids = torch.arange(size)
    zeros = torch.zeros_like(ids)
    return Batch(x=x, label=zeros, patient=zeros, trial=ids, sample=ids, start=40 * ids)


def terms(encoder: Encoder, objective: Forecast, batch: Batch) -> dict[str, Tensor]:
    return objective(encoder, batch, generator=torch_generator("forecast test"))


def predicted(encoder: Encoder, objective: Forecast, batch: Batch) -> Tensor:
    past, ahead, _ = objective.look_backs.cut(batch.x)
    return Forecaster(encoder, objective).eval()(past, ahead)


def test_it_keeps_the_promises_of_an_objective() -> None:
    def whole(**run: Any) -> Forecast:
        built: Forecast = OBJECTIVES.build(
            {"name": "forecast", "lookback": 48, "horizon": 16, "mixing": "mixed"}, **run
        )
        return built

    check_objective(whole)


def test_the_error_is_the_mean_square_over_what_is_there() -> None:
    encoder, objective = make()
    batch = a_batch()
    batch.x[0, COVARIATES, 26:] = float("nan")
    target = batch.x[:, COVARIATES:, 24:]
    errors = (predicted(encoder, objective, batch) - target).square()
    torch.testing.assert_close(terms(encoder, objective, batch)["mse"], errors[~target.isnan()].mean())


def test_an_identity_with_a_flat_head_is_nlinear() -> None:
    encoder, objective = make()
    linear = objective.head.layers[-1]  # type: ignore[index, union-attr]  # the flatten head's only layer
    past, _, _ = objective.look_backs.cut(a_batch().x)
    values = past[:, COVARIATES:]
    last = values[..., -1:]
    torch.testing.assert_close(predicted(encoder, objective, a_batch()), last + linear(values - last))


def test_independent_channels_do_not_see_each_other_and_mixed_ones_do() -> None:
    batch, other = a_batch(), a_batch()
    other.x[:, -1, :24] += torch.randn(24, generator=torch_generator("other"))
    for mixing, same in (("independent", True), ("mixed", False)):
        encoder, objective = make(TCN, mixing=mixing)
        one, two = (predicted(encoder, objective, b)[:, 0] for b in (batch, other))
        assert torch.equal(one, two) == same


@pytest.mark.parametrize("calendar", [False, True])
def test_covariates_are_seen_only_where_they_are_shown(calendar: bool) -> None:
    encoder, objective = make(TCN, calendar=calendar, mixing="mixed")
    batch, other = a_batch(), a_batch()
    other.x[:, :COVARIATES] += 1
    one, two = (predicted(encoder, objective, b) for b in (batch, other))
    assert torch.equal(one, two) != calendar


def test_no_forecast_rests_on_the_future() -> None:
    encoder, objective = make(TCN, contrast="simclr", weight=0.5)
    batch, other = a_batch(), a_batch()
    other.x[..., 24:] += 5
    assert torch.equal(predicted(encoder, objective, batch), predicted(encoder, objective, other))
    objective.train()
    one, two = (terms(encoder, objective, b) for b in (batch, other))
    assert torch.equal(one["contrast contrast"], two["contrast contrast"])


def test_the_loss_is_shared_between_error_and_contrast() -> None:
    batch = a_batch()
    (encoder, alone), (_, joint), (_, contrast) = (
        make(TCN),
        make(TCN, contrast="simclr", weight=0.25),
        make(TCN, contrast="simclr", weight=1.0),
    )
    error, both, other = (terms(encoder, each, batch) for each in (alone, joint, contrast))
    assert set(other) == {"contrast contrast"}
    torch.testing.assert_close(both["mse"], 0.75 * error["mse"])
    torch.testing.assert_close(both["contrast contrast"], 0.25 * other["contrast contrast"])


def test_without_a_share_a_contrast_changes_nothing() -> None:
    """Weights, terms and draws are those of the error alone, bit for bit."""
    (encoder, alone), (_, joint) = make(TCN), make(TCN, contrast="simclr", weight=0.0)
    assert alone.state_dict().keys() == joint.state_dict().keys()
    assert all(torch.equal(a, b) for a, b in zip(alone.parameters(), joint.parameters(), strict=True))
    assert torch.equal(*(terms(encoder, each, a_batch())["mse"] for each in (alone, joint)))


def test_in_evaluation_only_the_error_counts() -> None:
    encoder, objective = make(TCN, contrast="simclr", weight=0.5)
    before = {name: value.clone() for name, value in objective.state_dict().items()}
    found = terms(encoder, objective.eval(), a_batch())
    assert set(found) == {"mse"}
    torch.testing.assert_close(found["mse"], terms(encoder, make(TCN)[1], a_batch())["mse"])
    assert all(torch.equal(value, before[name]) for name, value in objective.state_dict().items())


def test_a_frozen_encoder_gets_no_gradient_and_the_head_does() -> None:
    encoder, objective = make(TCN, frozen=True)
    terms(encoder, objective, a_batch())["mse"].backward()
    assert all(p.grad is None for p in encoder.parameters())
    assert all(p.grad is not None for p in objective.head.parameters())


def test_gradients_of_both_terms_are_compared() -> None:
    encoder, objective = make(TCN, contrast="simclr", weight=0.5)
    found = objective.diagnostics(encoder, a_batch(), generator=torch_generator("forecast test"))
    both = terms(encoder, objective, a_batch())

    def gradient(name: str) -> Tensor:
        parts = torch.autograd.grad(both[name], list(encoder.parameters()), retain_graph=True)
        return torch.cat([part.flatten() for part in parts])

    error, contrast = gradient("mse"), gradient("contrast contrast")
    torch.testing.assert_close(found["gradient ratio"], contrast.norm() / error.norm())
    cosine = torch.cosine_similarity(error, contrast, dim=0)
    torch.testing.assert_close(found["gradient cosine"], cosine, atol=1e-5, rtol=1e-4)


def test_the_inner_optimisation_of_a_contrast_is_on_the_look_backs() -> None:
    encoder, objective = make(TCN, contrast={"name": "autotcl", "trunk": TCN}, weight=0.5)
    (inner,) = objective.inner_optimisations()
    batch, other = a_batch(), a_batch()
    other.x[..., 24:] = 0
    losses = [inner.loss(encoder, b, generator=torch_generator("inner")) for b in (batch, other)]
    assert all(torch.equal(losses[0][name], losses[1][name]) for name in losses[0])


def test_rows_of_a_contrast_are_told_apart_by_channel() -> None:
    _, objective = make(TCN, contrast="simclr", weight=0.5)
    batch = a_batch()
    rows = objective.look_backs.rows(batch)
    assert rows.x.shape == (5 * CHANNELS, 1, 24)
    assert rows.start.tolist() == [start for start in range(0, 200, 40) for _ in range(CHANNELS)]
    assert rows.patient.tolist() == list(range(CHANNELS)) * 5


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("constant", [0.4, 0.4, 0.4, 0.4]),
        ("linear", [0.4, 0.38, 0.2, 0.0]),
        ("cosine", [0.4, 0.4 * 0.5 * (1 + 0.9876883), 0.2, 0.0]),
        ("warm-up", [0.0, 0.2, 0.4, 0.4]),
    ],
)
def test_schedules_in_closed_form(name: Any, expected: list[float]) -> None:
    found = [float(scheduled(name, 0.4, torch.tensor(done))) for done in (0.0, 0.05, 0.5, 1.0)]
    assert found == pytest.approx(expected, abs=1e-6)


def test_the_schedule_moves_with_the_steps() -> None:
    encoder, objective = make(TCN, contrast="simclr", weight=0.5, schedule="linear")
    objective.begin(4)
    full = terms(encoder, objective, a_batch())["contrast contrast"]
    for _ in range(2):
        objective.after_step()
    torch.testing.assert_close(terms(encoder, objective, a_batch())["contrast contrast"], full / 2)


def test_a_look_back_that_is_no_multiple_of_the_stride_loses_its_first_steps() -> None:
    patches = {"name": "patch-transformer", "width": 8, "depth": 1, "heads": 2, "patch": 4, "stride": 4}
    encoder, objective = make(patches, lookback=22, horizon=6)
    batch, other = a_batch(), a_batch()
    other.x[..., :2] += 3
    other = replace(other, x=other.x[..., :28])
    batch = replace(batch, x=batch.x[..., :28])
    assert torch.equal(predicted(encoder, objective, batch), predicted(encoder, objective, other))


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"contrast": "forecast"}, "objective.contrast cannot be forecast itself"),
        ({"contrast": "comet"}, "objective.contrast comet needs a"),
        ({"contrast": "clocs"}, "objective.contrast clocs needs a patient of every sample"),
        ({"weight": 1.0}, "objective.weight is 1 and there is no objective.contrast"),
        ({"head": "flaten"}, "did you mean 'flatten'"),
    ],
)
def test_what_cannot_be_trained_is_refused_in_a_sentence(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        make(TCN, **settings)


def test_patients_are_missed_only_where_they_are_positives() -> None:
    make(TCN, contrast={"name": "clocs", "patient_positives": False})


def test_look_backs_that_the_contrast_cannot_learn_from_are_refused() -> None:
    n = np.arange(4)
    x = np.zeros((4, COVARIATES + CHANNELS, 30), np.float32)
    train = Panel.from_arrays(x, label=n * 0, patient=n * 0, trial=n, sfreq=1.0)
    encoder, objective = make(TCN, contrast={"name": "masked-patches", "patch": 10})
    with pytest.raises(ConfigError) as refused:
        objective.refuse_unfit(encoder, train)
    assert str(refused.value) == (  # of samples of 30 steps they would leave none over
        "objective masked-patches has patches of 10 steps, which do not divide samples of 24; set "
        "objective.lookback to 20, or objective.contrast.patch to 8"
    )
    whitened = {"name": "simclr", "projection": 4, "loss": "w-mse"}
    encoder, objective = make(TCN, contrast=whitened)
    objective.refuse_batches(encoder, train, [n])  # 12 rows, as channels are independent
    encoder, objective = make(TCN, contrast=whitened, mixing="mixed")
    with pytest.raises(ConfigError, match=r"largest batch has 4; set objective\.contrast\.projection to 2$"):
        objective.refuse_batches(encoder, train, [n])
    encoder, objective = make(TCN)
    objective.refuse_unfit(encoder, train)
    objective.refuse_batches(encoder, train, [n])


def test_an_encoder_with_longer_steps_than_the_look_back_is_refused() -> None:
    with pytest.raises(ConfigError, match="look-back of 24 steps is shorter"):
        make({"name": "inverted-transformer", "length": 48, "width": 8, "heads": 2, "depth": 1})
