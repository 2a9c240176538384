"""AdamW is that of torch, without its compiler."""

from __future__ import annotations

import copy
import subprocess
import sys

import torch

from tsrep.training.adamw import AdamW

FIT = """
import sys
import tsrep
from tests.conftest import TINY
run = tsrep.fit(TINY, out=sys.argv[1], evaluation=False, progress=False)
print(*sys.modules)
"""


def test_steps_and_states_are_those_of_torch() -> None:
    torch.manual_seed(0)
    mine = torch.nn.Sequential(torch.nn.Linear(5, 4), torch.nn.Linear(4, 3))
    theirs = copy.deepcopy(mine)
    ours, usual = (
        kind(net.parameters(), lr=0.1, weight_decay=0.02)
        for kind, net in ((AdamW, mine), (torch.optim.AdamW, theirs))
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
