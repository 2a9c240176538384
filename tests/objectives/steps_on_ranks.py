"""A few steps of some objectives on whole batches, or on the part of one rank."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from tsrep.encoders.dilated_conv import DilatedConv
from tsrep.encoders.encoder import Encoder
from tsrep.encoders.patch_transformer import PatchTransformer
from tsrep.forecasting.joint_objective import Forecast
from tsrep.objectives.byol import Byol
from tsrep.objectives.clocs import Clocs
from tsrep.objectives.comet import Comet
from tsrep.objectives.jepa import Jepa
from tsrep.objectives.lejepa import LeJepa
from tsrep.objectives.moco import MoCo
from tsrep.objectives.objective import Objective
from tsrep.objectives.supervised import Supervised
from tsrep.rng import torch_generator
from tsrep.signals import Batch
from tsrep.training.averaging import Step

SIZE, STEPS, AHEAD = 6, 24, 4
SAME: Any = {"name": "compose", "views": []}  # no draws, which are a rank's own


class FixedTokens(Jepa):
    """JEPA that shows the same tokens of every sample."""

    def _visible(self, batch: int, tokens: int, _generator: torch.Generator) -> Tensor:
        return torch.tensor([0, 1, 4]).clamp(max=tokens - 1).expand(batch, -1)


def _convolutions() -> Encoder:
    return DilatedConv(2, hidden=4, dim=6, depth=2)


def _patches() -> Encoder:
    return PatchTransformer(2, patch=4, stride=4, width=8, dim=6, depth=1, heads=2)


def _moco(queue: int) -> Objective:
    return MoCo(6, 2, view=SAME, pooling="mean", queue=queue, momentum=0.8, exclusion_zone=2)


MADE: Mapping[str, tuple[Callable[[], Encoder], Callable[[], Objective]]] = {
    "byol": (_convolutions, lambda: Byol(6, 2, view=SAME, norm="none", hidden=8, projection=4, momentum=0.8)),
    # two of the six pairs of views, drawn each step
    "clocs": (
        lambda: DilatedConv(1, hidden=4, dim=6, depth=2),
        lambda: Clocs(6, 2, views="segments-leads", pooling="mean", pairs=2),
    ),
    "comet": (
        _convolutions,
        lambda: Comet(6, 2, view=SAME, patient_weight=0.3, hidden=8, projection=4, pooling="mean"),
    ),
    "forecast": (
        lambda: DilatedConv(1, hidden=4, dim=6, depth=2),
        lambda: Forecast(6, 1, 2, 0, lookback=STEPS - AHEAD, horizon=AHEAD),
    ),
    "jepa": (_patches, lambda: FixedTokens(6, 4, depth=1, heads=2, momentum=(0.8, 0.9))),
    # without pieces: each rank draws where those of its own part lie
    "lejepa": (
        _convolutions,
        lambda: LeJepa(6, 1, 2, view=SAME, hidden=8, projection=4, local_views=0, weight=0.5),
    ),
    "moco": (_convolutions, lambda: _moco(queue=10)),
    "moco without a queue": (_convolutions, lambda: _moco(queue=0)),
    "supervised": (_convolutions, lambda: Supervised(6, 2, multilabel=True, dropout=0.0)),
}


def trained(name: str, rank: int = 0, ranks: int = 1) -> dict[str, Tensor]:
    """State of encoder and objective, with a teacher where it has one, after three steps."""
    torch.manual_seed(0)
    make_encoder, make_objective = MADE[name]
    encoder, objective = make_encoder(), make_objective()
    objective.begin(3)
    objective.attach(encoder)
    net = Step(encoder, objective)
    parallel = DistributedDataParallel(net) if ranks > 1 else net
    optimizer = torch.optim.SGD([p for p in net.parameters() if p.requires_grad], lr=0.1)
    rows, n = slice(rank * SIZE // ranks, (rank + 1) * SIZE // ranks), torch.arange(SIZE)
    for step in range(3):
        x = torch.randn(SIZE, 2, STEPS, generator=torch_generator("signals", step))
        people = n * 0 if name.startswith("moco") else n % 3  # an exclusion zone of samples of one patient
        if name == "forecast":
            x[0, :, STEPS - 3 :] = torch.nan  # missing on one rank alone, as the labels below are
        flags = torch.stack([n > 2, n % 2 == 0], 1)
        whole = Batch(
            x=x,
            label=flags if name == "supervised" else n,
            patient=people,
            trial=n % 3,
            sample=n,
            start=3 * n + step,
            known=torch.stack([n > 1, n != 4], 1) if name == "supervised" else None,
        )
        part = Batch(**{key: each if each is None else each[rows] for key, each in vars(whole).items()})
        optimizer.zero_grad()
        generator = torch_generator("step", step, rank)  # each rank has draws of its own
        torch.autograd.backward(torch.stack([*parallel(part, generator).values()]).sum())
        optimizer.step()
        objective.after_step()
    return net.state_dict()


def of_rank(rank: int, ranks: int) -> dict[str, dict[str, Tensor]]:
    return {name: trained(name, rank, ranks) for name in MADE}
