"""A few steps of MoCo, on whole batches or on the part of one rank, with a queue and without."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from tsrep.encoders.dilated_conv import DilatedConv
from tsrep.objectives.moco import MoCo
from tsrep.rng import torch_generator
from tsrep.signals import Batch
from tsrep.training.averaging import Step

SIZE, QUEUES = 6, (10, 0)


def trained(queue: int, rank: int = 0, ranks: int = 1) -> dict[str, Tensor]:
    """State of encoder and objective after three steps."""
    torch.manual_seed(0)
    encoder = DilatedConv(2, hidden=4, dim=6, depth=2)
    view = {"name": "compose", "views": []}
    objective = MoCo(6, 2, view=view, pooling="mean", queue=queue, momentum=0.8, exclusion_zone=2)
    objective.attach(encoder)
    net = Step(encoder, objective)
    parallel = DistributedDataParallel(net) if ranks > 1 else net
    optimizer = torch.optim.SGD([p for p in net.parameters() if p.requires_grad], lr=0.05)
    rows, n = slice(rank * SIZE // ranks, (rank + 1) * SIZE // ranks), torch.arange(SIZE)
    for step in range(3):
        x = torch.randn(SIZE, 2, 16, generator=torch_generator("signals", step))
        whole = Batch(x=x, label=n, patient=n * 0, trial=n, sample=n, start=3 * n + step)
        part = Batch(**{name: each if each is None else each[rows] for name, each in vars(whole).items()})
        optimizer.zero_grad()
        terms = parallel(part, torch_generator("step", step))
        torch.autograd.backward(terms["contrast"])
        optimizer.step()
        objective.after_step()
    return net.state_dict()
