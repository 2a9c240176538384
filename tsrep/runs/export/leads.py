"""Fewer channels than an encoder is shown, and the others from them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from tsrep.errors import ContractError
from tsrep.signals.contract import SignalContract
from tsrep.signals.leads import derivable, derivation
from tsrep.signals.names import LIMB


class Mixed(nn.Module):
    """Channels of a contract from those that are given: picked, or limb leads derived from others.

    Parameters
    ----------
    contract : SignalContract
    leads : sequence of str
        Given, of the contract.

    Raises
    ------
    ContractError
        When a channel neither is given nor follows from those that are.
    """

    def __init__(self, contract: SignalContract, leads: Sequence[str]) -> None:
        super().__init__()
        channels = contract.channels or ()
        if strangers := [name for name in leads if name not in channels]:
            raise ContractError(
                f"the encoder is not shown {', '.join(strangers)}; name --leads of {', '.join(channels)}"
            )
        missing = [name for name in channels if name not in leads]
        lost = [name for name in missing if not derivable([name], leads)]
        if lost:
            raise ContractError(
                f"{', '.join(lost)} do not follow from {', '.join(leads)}; name them in --leads too"
            )
        limb = [name for name in leads if name in LIMB]
        given = [*leads, *missing]
        self.limb = nn.Buffer(torch.tensor([list(leads).index(name) for name in limb], dtype=torch.int64))
        weight = derivation(missing, limb) if missing else np.zeros((0, len(limb)))
        self.weight = nn.Buffer(torch.from_numpy(weight).float())
        self.order = nn.Buffer(torch.tensor([given.index(name) for name in channels]))

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, lead, time) to (batch, channel, time)."""
        if len(self.weight):
            x = torch.cat([x, self.weight @ x[:, self.limb]], dim=1)
        return x[:, self.order]
