"""Objectives learn on two ranks what they learn on one."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tests.objectives.steps_on_ranks import MADE, trained


@pytest.mark.parametrize("name", MADE)
def test_two_ranks_learn_what_one_process_learns(two_ranks: list[dict[str, Any]], name: str) -> None:
    alone = trained(name)
    one, other = (rank["objectives"][name] for rank in two_ranks)
    for key, value in alone.items():
        assert torch.equal(one[key], other[key]), key
        torch.testing.assert_close(one[key], value, rtol=1e-4, atol=1e-6, msg=key)


@pytest.mark.parametrize("name", ["byol", "jepa"])
def test_what_is_compared_has_a_teacher_that_follows(name: str) -> None:
    state = trained(name)
    torch.manual_seed(0)
    start = MADE[name][0]().get_parameter("input.weight")
    online, slow = state["encoder.input.weight"], state["objective.teacher.slow.0.input.weight"]
    assert 0 < (slow - start).norm() < (online - start).norm()
