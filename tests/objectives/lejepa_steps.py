"""A few steps of LeJEPA on whole batches, or on the part of one rank."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from tsrep.encoders.dilated_conv import DilatedConv
from tsrep.objectives.lejepa import LeJepa
from tsrep.rng import torch_generator
from tsrep.signals import Batch
from tsrep.training.averaging import Step

SIZE = 6


def trained(rank: int = 0, ranks: int = 1) -> dict[str, Tensor]:
    """State of encoder and objective after three steps."""
    torch.manual_seed(0)
    encoder = DilatedConv(2, hidden=4, dim=6, depth=2)
    # without pieces: each rank draws where those of its own part lie
    view = {"name": "compose", "views": []}
    objective = LeJepa(6, 1, 2, view=view, hidden=8, projection=4, local_views=0, weight=0.5)
    net = Step(encoder, objective)
    parallel = DistributedDataParallel(net) if ranks > 1 else net
    optimizer = torch.optim.SGD(net.parameters(), lr=0.5)
    rows, n = slice(rank * SIZE // ranks, (rank + 1) * SIZE // ranks), torch.arange(SIZE)
    for step in range(3):
        x = torch.randn(SIZE, 2, 16, generator=torch_generator("signals", step))
        whole = Batch(x=x, label=n, patient=n, trial=n, sample=n, start=n * 0)
        part = Batch(**{name: each if each is None else each[rows] for name, each in vars(whole).items()})
        optimizer.zero_grad()
        torch.autograd.backward(torch.stack([*parallel(part, torch_generator("step", step)).values()]).sum())
        optimizer.step()
    return net.state_dict()
