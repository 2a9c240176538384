"""AdamW is that of torch, without its compiler."""

from __future__ import annotations

import copy
import subprocess
import sys
from functools import partial

import torch

from tsrep.encoders.encoder import SlowParameters
from tsrep.encoders.s4d import S4D
from tsrep.training.adamw import AdamW, parameter_groups

FIT = """
import sys
from tsrep.runs.fit import fit
settings = {
    "dataset": {"name": "ptb-xl-sim", "patients": 12},
    "window": {"seconds": 1.25},
    "encoder": {"name": "dilated-conv", "hidden": 4, "dim": 8, "depth": 3},
    "training": {"epochs": 1, "batch_size": 64},
}
fit(settings, out=sys.argv[1], progress=False)
print(*sys.modules)
"""


def test_steps_and_states_are_those_of_torch() -> None:
    torch.manual_seed(0)
    mine = torch.nn.Sequential(torch.nn.Linear(5, 4), torch.nn.Linear(4, 3))
    theirs = copy.deepcopy(mine)
    ours, usual = (
        kind(net.parameters(), lr=0.1, weight_decay=0.02)
        for kind, net in ((AdamW, mine), (partial(torch.optim.AdamW, fused=True), theirs))
    )
    for k in range(6):
        x = torch.randn(7, 5)
        for net, optimizer in ((mine, ours), (theirs, usual)):
            optimizer.zero_grad()
            net(x).square().sum().backward()
            optimizer.step()
        if k == 2:  # states go from one to the other
            state = ours.state_dict()
            ours.load_state_dict(usual.state_dict())
            usual.load_state_dict(state)
    assert all(torch.equal(a, b) for a, b in zip(mine.parameters(), theirs.parameters(), strict=True))
    assert all(not weight.grad_fn for weight in mine.parameters())


def test_training_imports_no_compiler(tmp_path: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FIT, f"{tmp_path}/run"], capture_output=True, text=True, check=True
    )
    assert not {"torch._dynamo", "sympy"} & set(done.stdout.split())
    assert "tsrep.objectives.comet" in done.stdout.split()


def test_slow_parameters_keep_their_size_and_move_at_most_at_their_rate() -> None:
    torch.manual_seed(0)
    slow, usual = torch.nn.Parameter(torch.ones(3)), torch.nn.Parameter(torch.ones(3))
    groups = parameter_groups([slow, usual], [SlowParameters([slow], most_rate=1e-3)], lr=0.1)
    optimizer = AdamW(groups, lr=0.1, weight_decay=0.5)
    optimizer.set_rate(0.05)  # half of the full rate, by a schedule
    (0 * slow.sum() + 0 * usual.sum()).backward()
    optimizer.step()
    assert torch.equal(slow, torch.ones(3))
    torch.testing.assert_close(usual.data, torch.full((3,), 1 - 0.05 * 0.5))
    assert [group["lr"] for group in optimizer.param_groups] == [0.05, 0.05 * 1e-3 / 0.1]


def test_a_rate_below_the_limit_holds_for_all() -> None:
    weight = torch.nn.Parameter(torch.ones(3))
    _, slow = parameter_groups([weight], [SlowParameters([weight], most_rate=1e-3)], lr=1e-4)
    assert slow["share"] == 1.0


def test_groups_hold_each_trained_parameter_once() -> None:
    encoder = S4D(3, width=8, depth=2)
    encoder.blocks[0].space.log_step.requires_grad_(False)
    trained = [p for p in encoder.parameters() if p.requires_grad]
    groups = parameter_groups(trained, encoder.slow_parameters(), lr=1e-3)
    assert [len(group["params"]) for group in groups[1:]] == [2, 3]
    assert sorted(id(p) for group in groups for p in group["params"]) == sorted(map(id, trained))
    resting = S4D(3, width=8, depth=2, trained_states=False)
    assert len(parameter_groups(resting.parameters(), resting.slow_parameters(), lr=1e-3)) == 1
