"""A temperature that is learned: its value, its gradient in every form of the kernel, and its limits."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from tests.objectives.test_simclr import _batch as batch_of
from tsrep.encoders.dilated_conv import DilatedConv
from tsrep.losses.contrast import Contrast, Pairs
from tsrep.losses.infonce import InfoNCE
from tsrep.losses.nt_xent import NTXent
from tsrep.losses.supcon import SupCon
from tsrep.objectives.simclr import SimCLR
from tsrep.registry import LOSSES
from tsrep.rng import torch_generator
from tsrep.training.adamw import parameter_groups

CASES: list[tuple[type[Contrast], dict[str, Any]]] = [
    (NTXent, {}),  # all pairs at once
    (NTXent, {"pairs": Pairs(same_patient=0.5)}),  # row by row
    (InfoNCE, {"directions": "both"}),
    (SupCon, {"by": "patient"}),  # any number of positives
]


@pytest.mark.parametrize(("kind", "settings"), CASES)
def test_value_and_gradient_are_those_at_the_same_fixed_temperature(
    kind: Any, settings: dict[str, Any]
) -> None:
    z = torch.randn(2, 7, 5, dtype=torch.float64, generator=torch_generator("temperature"))
    loss = kind("learned", **settings).double()
    value = loss(z)["contrast"]
    fixed = kind(0.07, **settings)(z)["contrast"]
    torch.testing.assert_close(value, fixed)
    value.backward()
    step, around = 1e-5, []
    for sign in (1, -1):
        scale = -math.log(0.07) + sign * step
        around.append(float(kind(math.exp(-scale), **settings)(z)["contrast"]))
    assert float(loss.log_scale.grad) == pytest.approx((around[0] - around[1]) / (2 * step), rel=1e-6)


def test_it_does_not_fall_below_a_hundredth() -> None:
    loss = NTXent("learned")
    with torch.no_grad():
        loss.log_scale.fill_(9.0)
    assert float(loss.temperature.detach()) == pytest.approx(0.01)
    assert float(loss.diagnostics()["temperature"].detach()) == pytest.approx(0.01)
    assert NTXent(0.2).temperature == 0.2
    assert NTXent(0.2).diagnostics() == {}
    assert not NTXent(0.2).state_dict()


def test_an_objective_trains_it_without_decay_and_tells_it() -> None:
    objective, encoder = SimCLR(4, temperature="learned"), DilatedConv(3, hidden=4, dim=4, depth=1)
    groups = parameter_groups([*encoder.parameters(), *objective.parameters()], (), 1e-3)
    (scale,) = (group for group in groups if group.get("weight_decay") == 0.0)
    assert [id(p) for p in scale["params"]] == [id(objective.loss.log_scale)]
    batch = batch_of(6)
    sum(objective(encoder, batch, generator=torch_generator(0)).values()).backward()
    assert objective.loss.log_scale.grad.abs() > 0
    with torch.no_grad():
        told = objective.diagnostics(encoder, batch, generator=torch_generator(0))
    assert float(told["temperature"]) == pytest.approx(0.07)


def test_another_word_is_refused() -> None:
    with pytest.raises(ValidationError, match="learned"):
        LOSSES.entry("nt-xent").settings(temperature="learnt")
