"""A linear head that starts from its closed form."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.forecasting.daily_series import settings, write_daily
from tests.forecasting.test_forecast import CHANNELS, COVARIATES, TCN, a_batch, make, terms
from tsrep.errors import ConfigError, DataError
from tsrep.forecasting.ridge_start import PENALTIES, start_from_ridge
from tsrep.rng import torch_generator
from tsrep.runs.fit import fit

INVERTED = {"name": "inverted-transformer", "length": 24, "width": 8, "depth": 1, "heads": 2}


def drawn(rows: int, key: str) -> tuple[Tensor, Tensor]:
    """Inputs, the last of them a weight, and targets that one noisy map makes of them."""
    generator = torch_generator("ridge start", key)
    x = torch.randn(rows, 5, generator=generator)
    x[:, -1] = 0.5 + x[:, -1].abs()
    true = torch.arange(15.0).reshape(5, 3) / 10
    return x, x @ true + 0.3 * torch.randn(rows, 3, generator=generator)


def solved(x: Tensor, y: Tensor, penalty: float) -> np.ndarray:
    """The same ridge as least squares with rows for the penalty."""
    root = np.sqrt(penalty) * np.eye(5)[:4]
    rows, wanted = np.vstack([x.double(), root]), np.vstack([y.double(), np.zeros((4, 3))])
    return np.linalg.lstsq(rows, wanted)[0]


def test_it_is_the_ridge_with_the_penalty_that_is_best_on_held_out_rows() -> None:
    layer, train, held = nn.Linear(4, 3), drawn(30, "train"), drawn(200, "held")
    start_from_ridge(layer, [(train[0][:7], train[1][:7]), (train[0][7:], train[1][7:])], [held])
    found = [solved(*train, penalty) for penalty in PENALTIES]
    best = min(found, key=lambda w: float(np.mean((held[0].numpy() @ w - held[1].numpy()) ** 2)))
    np.testing.assert_allclose(layer.weight.detach().T, best[:-1], atol=1e-5)
    np.testing.assert_allclose(layer.bias.detach(), best[-1], atol=1e-5)


@pytest.mark.parametrize("size", [1e6, 1e9, 1e15])
def test_large_features_that_depend_on_each_other_are_no_fault(size: float) -> None:
    """Without a penalty of their size weights of millions fit the rounding alone."""
    (x, y), layer = drawn(200, "train"), nn.Linear(8, 3)
    x = torch.cat([x[:, :4], x[:, :4] @ torch.arange(16.0).reshape(4, 4), torch.ones(200, 1)], dim=1)
    start_from_ridge(layer, [(size * x, size * y)], [(size * x, size * y)])
    best = np.linalg.lstsq(x.double().numpy(), y.double().numpy(), rcond=1e-5)[0]
    least = float(np.mean((x.double().numpy() @ best - y.numpy()) ** 2))
    layer.requires_grad_(requires_grad=False)
    error = (layer(size * x[:, :-1]) / size - y + layer.bias * (1 - 1 / size)).square().mean()
    assert float(error) < 1.01 * least + 1e-3
    assert float(layer.weight.abs().max()) < 100


def test_windows_without_any_weight_leave_the_intercept_at_zero() -> None:
    (x, y), layer = drawn(40, "train"), nn.Linear(4, 3)
    x[:, -1] = 0
    start_from_ridge(layer, [(x, y)], [(x, y)])
    assert layer.weight.isfinite().all()
    assert not layer.bias.any()


def test_rows_with_a_missing_value_are_left_out() -> None:
    (x, y), held = drawn(40, "train"), drawn(50, "held")
    gaps = y.clone()
    gaps[10:] = float("nan")
    layers = nn.Linear(4, 3), nn.Linear(4, 3)
    for layer, rows in zip(layers, ((x, gaps), (x[:10], y[:10])), strict=True):
        start_from_ridge(layer, [rows], [held])
    torch.testing.assert_close(layers[0].weight, layers[1].weight)
    with pytest.raises(DataError, match="finds no window without a missing value"):
        start_from_ridge(nn.Linear(4, 3), [(x, gaps * float("nan"))], [held])


@pytest.mark.parametrize(
    ("encoder", "changes"),
    [
        (TCN, {}),
        (TCN, {"head": "last-state", "norm": "mean-std"}),
        (TCN, {"norm": "revin", "mixing": "mixed", "calendar": True}),
        (INVERTED, {"mixing": "mixed", "head": "per-variate", "norm": "mean-std"}),
        (TCN, {"frozen": True, "weight": 0.0}),
    ],
)
def test_no_intercept_of_any_head_has_less_error(encoder: dict[str, Any], changes: dict[str, Any]) -> None:
    built, objective = make(encoder, warm_start=True, **changes)
    batch, held = a_batch(64), a_batch(16, key=1)
    if encoder is TCN and changes.get("mixing") == "mixed":
        for each in (batch, held):  # one map of channels of unlike scale would weigh them by their mean
            level(each.x)
    before = terms(built, objective, batch)["mse"].item()
    objective.warm_start(built, [batch], [held])
    after = terms(built, objective, batch)["mse"]
    assert after.item() < before
    layer = objective.head.linear
    assert layer is not None
    gradient, start = torch.autograd.grad(after, (layer.bias, layer.weight))
    assert gradient.abs().max().item() < 1e-5
    # the penalty holds the weights back, so that larger ones fit better, and smaller ones worse
    assert (start * layer.weight).sum().item() < 0


def level(x: Tensor) -> None:
    """Give all windows one mean and one deviation, in place."""
    x -= x[..., :24].mean(-1, keepdim=True)
    x /= x[..., :24].std(-1, keepdim=True, correction=0)


def test_it_is_refused_for_a_head_of_several_layers() -> None:
    for head in ("decoder", {"name": "flatten", "hidden": 3}):
        with pytest.raises(ConfigError, match="warm_start fits the head in closed form"):
            make(TCN, head=head, warm_start=True)


def test_a_run_starts_from_it(tmp_path: Path) -> None:
    write_daily(tmp_path / "data")
    errors = {}
    for warm in (False, True):
        values = settings(tmp_path / "data", objective={"warm_start": warm}, training={"epochs": 1})
        run = fit(values, out=tmp_path / f"{warm}", progress=False, illustrate=False)
        lines = map(json.loads, (run.path / "metrics.jsonl").read_text().splitlines())
        errors[warm] = [-line["score"] for line in lines if line["kind"] == "validation"]
    assert errors[True][0] < 0.5 * errors[False][0]
    assert errors[True][-1] < errors[False][-1]


def test_it_tells_channels_from_covariates() -> None:
    encoder, objective = make(TCN, warm_start=True, calendar=True, mixing="mixed")
    rows, wanted = objective._regressed(encoder, a_batch(4))
    assert objective.head.linear is not None
    assert rows.shape == (4, objective.head.linear.in_features + 1)
    assert wanted.shape == (4, CHANNELS * objective.horizon)
    assert objective.look_backs.shown == COVARIATES
