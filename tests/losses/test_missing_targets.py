"""Losses by a numeric target where some samples have none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from tsrep.losses.relation import Relation, Samples
from tsrep.registry import LOSSES
from tsrep.rng import torch_generator

MISSING = [1, 4]
THERE = [0, 2, 3, 5]
AGE = torch.tensor([30.0, 31.0, 33.0, 50.0, 52.0, 61.0])[:, None]


def value(settings: dict[str, Any], z: Tensor, target: Tensor) -> Tensor:
    loss = LOSSES.build(LOSSES.entry(settings["name"]).settings(**settings))
    relation = Relation(replace(Samples.plain(z.shape[1]), target=target))
    found: Tensor = loss(z, relation)["contrast"]
    return found


def rows() -> Tensor:
    return torch.randn(2, 6, 4, dtype=torch.float64, generator=torch_generator("rows")).requires_grad_()


def with_gaps() -> Tensor:
    target = AGE.clone()
    target[MISSING] = torch.nan
    return target


@pytest.mark.parametrize("rows_are", ["raw", "unit"])
def test_rank_n_contrast_leaves_out_samples_without_target(rows_are: str) -> None:
    settings, z = {"name": "rank-n-contrast", "rows": rows_are}, rows()
    found = value(settings, z, with_gaps())
    torch.testing.assert_close(found, value(settings, z[:, THERE], AGE[THERE]))
    (grad,) = torch.autograd.grad(found, z)
    assert grad.isfinite().all()
    assert (grad[:, MISSING] == 0).all()
    assert (grad[:, THERE] != 0).all()


def test_a_sample_without_target_is_its_own_positive_alone_in_y_aware() -> None:
    settings, z = {"name": "y-aware", "sigma": 5.0}, rows()
    far = AGE.clone()
    far[MISSING] = torch.tensor([[-1e6], [1e6]])  # so far from all others that no share is left
    found = value(settings, z, with_gaps())
    torch.testing.assert_close(found, value(settings, z, far))
    assert torch.autograd.grad(found, z)[0].isfinite().all()
    plain = value({"name": "nt-xent"}, z, AGE)
    torch.testing.assert_close(value(settings, z, torch.full_like(AGE, torch.nan)), plain)


@pytest.mark.parametrize("name", ["rank-n-contrast", "y-aware"])
def test_a_batch_without_targets_is_finite(name: str) -> None:
    z = rows()
    found = value({"name": name}, z, torch.full_like(AGE, torch.nan))
    assert torch.autograd.grad(found, z)[0].isfinite().all()
