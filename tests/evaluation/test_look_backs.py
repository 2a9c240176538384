"""What evaluation reads of a forecaster is what it says and sees by hand, of one channel or of all."""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

from tsrep.encoders.encoder import Encoder
from tsrep.evaluation.forecasts import look_backs
from tsrep.evaluation.forecasts.look_backs import forecast_of, frozen_features_of
from tsrep.forecasting.instance_norm import InstanceNorm
from tsrep.forecasting.joint_objective import Forecast
from tsrep.objectives.forecaster import Forecaster
from tsrep.registry import ENCODERS, OBJECTIVES
from tsrep.signals.series import Series

TIME, CHANNELS, LOOKBACK, HORIZON = 80, 3, 13, 5
CPU = torch.device("cpu")
STEPS = np.array([LOOKBACK - 1, 20, 33, 34, TIME - HORIZON - 1])
CASES = [
    (mixing, norm, covariates, calendar)
    for mixing, norm in itertools.product(("independent", "mixed"), ("revin", "mean-std", "last", "none"))
    for covariates, calendar in ((0, False), (2, False), (2, True))
]


class Case(NamedTuple):
    encoder: Encoder
    objective: Forecast
    instances: list[Series]


def make_series(covariates: int, seed: int) -> Series:
    rng = np.random.default_rng(seed)
    level = np.arange(CHANNELS)[:, None]
    values = rng.normal(size=(CHANNELS, TIME)) * np.array([[1.0], [3.0], [0.2]]) + level
    values[0, 15:18] = np.nan
    values[1, 25:60] = np.nan  # some look-backs of this channel have no value at all
    values[2, 33] = np.nan
    return Series(
        values=values.astype(np.float32),
        time=np.datetime64("2024-01-01", "s") + np.arange(TIME) * np.timedelta64(3600, "s"),
        channels=tuple("abc"),
        freq="h",
        period=1,
        covariates=rng.normal(size=(covariates, TIME)).astype(np.float32),
        covariate_names=tuple(f"k{i}" for i in range(covariates)),
    )


def make(mixing: str, norm: str, covariates: int, calendar: bool, **objective: Any) -> Case:
    shown = covariates if calendar else 0
    channels = shown + (1 if mixing == "independent" else CHANNELS)
    settings = {"name": "patch-transformer", "width": 8, "depth": 1, "heads": 2, "patch": 4, "stride": 4}
    torch.manual_seed(0)
    encoder = ENCODERS.build(settings, channels=channels).eval()
    built: Forecast = OBJECTIVES.build(
        {
            "name": "forecast", "lookback": LOOKBACK, "horizon": HORIZON, "mixing": mixing, "norm": norm,
            "calendar": calendar, **objective,
        },
        dim=encoder.dim, stride=encoder.stride, channels=covariates + CHANNELS, covariates=covariates,
        classes=1, multilabel=False,
    ).eval()  # fmt: skip
    with torch.no_grad():  # every channel has a gain and a shift of its own
        for weight in built.look_backs.norm.parameters():
            weight.copy_(torch.linspace(-0.5, 0.7, CHANNELS)[:, None])
    return Case(encoder, built, [make_series(covariates, seed) for seed in (0, 1)])


def windows(case: Case, instance: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Past and ahead at STEPS, cut one by one."""
    x = torch.from_numpy(case.instances[instance].x)
    known = len(case.instances[instance].covariates)
    past = torch.stack([x[:, step - LOOKBACK + 1 : step + 1] for step in STEPS])
    return past, torch.stack([x[:known, step + 1 : step + 1 + HORIZON] for step in STEPS])


@pytest.mark.parametrize(("mixing", "norm", "covariates", "calendar"), CASES)
def test_forecasts_are_those_of_the_forecaster(
    mixing: str, norm: str, covariates: int, calendar: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(look_backs, "AT_ONCE", 2)
    case = make(mixing, norm, covariates, calendar)
    forecaster = Forecaster(case.encoder, case.objective).eval()
    said = forecast_of(forecaster, case.instances, CPU)
    for instance in range(2):
        with torch.no_grad():
            wanted = forecaster(*windows(case, instance)).transpose(1, 2)
        found = said(instance, STEPS)
        assert found.shape == (len(STEPS), HORIZON, CHANNELS)
        assert np.isfinite(found).all()
        np.testing.assert_allclose(found, wanted.numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("mixing", "norm", "covariates", "calendar"), CASES)
def test_a_representation_is_that_of_the_look_back_on_its_own_scale(
    mixing: str, norm: str, covariates: int, calendar: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is made of one channel alone is the slice of what is made of all together."""
    monkeypatch.setattr(look_backs, "AT_ONCE", 2)
    case = make(mixing, norm, covariates, calendar)
    represented = frozen_features_of(case.encoder, case.objective, case.instances, CPU)
    assert represented.base is not None
    for instance in range(2):
        with torch.no_grad():
            seen = case.objective.look_backs.see(*windows(case, instance))
            z = case.objective.look_backs.represent(case.encoder, seen).flatten(1)
        scale, mean = seen.level.scale[..., 0], seen.level.mean[..., 0]  # (window, channel)
        channels = range(CHANNELS) if mixing == "independent" else [None]
        assert represented.independent is (mixing == "independent")
        for channel in channels:
            own = slice(None) if channel is None else slice(channel, channel + 1)
            rows = z if channel is None else z.reshape(len(STEPS), CHANNELS, -1)[:, channel]
            wanted = torch.cat([rows * scale[:, own].mean(dim=1, keepdim=True), scale[:, own]], dim=1)
            found = represented.read(instance, channel, STEPS)
            assert np.isfinite(found).all()
            np.testing.assert_allclose(found, wanted.numpy(), rtol=1e-4, atol=1e-5)
            base = represented.base(instance, channel, STEPS)
            np.testing.assert_allclose(base, mean[:, own].numpy(), rtol=1e-6, atol=1e-6)


def test_reading_one_channel_normalises_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work grows with the channels that are read, not with their square."""
    case = make("independent", "revin", 2, True)
    normalise = InstanceNorm.forward
    sizes: list[tuple[int, ...]] = []

    def counting(norm: InstanceNorm, x: torch.Tensor) -> Any:
        sizes.append(tuple(x.shape))
        return normalise(norm, x)

    monkeypatch.setattr(InstanceNorm, "forward", counting)
    case.encoder.register_forward_pre_hook(lambda _, given: sizes.append(tuple(given[0].shape)))
    represented = frozen_features_of(case.encoder, case.objective, case.instances, CPU)
    assert represented.base is not None
    represented.read(0, 1, STEPS)
    assert sizes == [(len(STEPS), 1, LOOKBACK), (len(STEPS), 3, LOOKBACK - LOOKBACK % case.encoder.stride)]
    represented.base(0, 1, STEPS)
    assert sizes[2:] == [(len(STEPS), 1, LOOKBACK)]


def test_the_objective_keeps_its_weights() -> None:
    case = make("independent", "revin", 0, False)
    before = {name: value.clone() for name, value in case.objective.state_dict().items()}
    represented = frozen_features_of(case.encoder, case.objective, case.instances, CPU)
    represented.read(0, 2, STEPS)
    after = case.objective.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert all(p.requires_grad for p in case.objective.look_backs.norm.parameters())
