"""AdamW without the import of torch's compiler, and the groups of parameters that it moves apart."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from tsrep.encoders.encoder import SlowParameters


class AdamW(torch.optim.AdamW):
    """:class:`torch.optim.AdamW` for programs that do not compile it.

    torch wraps these methods so that ``torch.compile`` breaks its graph at them, and each wrapper imports
    ``torch._dynamo`` at its first call, compiled or not, which takes a second of every command that trains.
    Only encoders are compiled here, never a step of the optimiser, so what the wrappers hold does the same.
    """

    # the wrapper of step also switches gradients off
    step: Any = torch.no_grad()(inspect.unwrap(torch.optim.AdamW.step))
    zero_grad: Any = inspect.unwrap(torch.optim.AdamW.zero_grad)
    add_param_group: Any = inspect.unwrap(torch.optim.AdamW.add_param_group)
    state_dict: Any = inspect.unwrap(torch.optim.AdamW.state_dict)
    load_state_dict: Any = inspect.unwrap(torch.optim.AdamW.load_state_dict)

    def set_rate(self, rate: float) -> None:
        """Set the learning rate; slow groups of :func:`parameter_groups` get their share of it."""
        for group in self.param_groups:
            group["lr"] = rate * group.get("share", 1.0)


def parameter_groups(
    parameters: Iterable[nn.Parameter], slow: Iterable[SlowParameters], lr: float
) -> list[dict[str, Any]]:
    """Parameters as AdamW takes them: those with the common settings first, then each slow group.

    Parameters
    ----------
    parameters : iterable of Parameter
        All that are trained; what a slow group holds beside them is left out.
    slow : iterable of SlowParameters
        What encoders ask for; see :meth:`tsrep.encoders.encoder.Encoder.slow_parameters`.
    lr : float
        Full learning rate of the common group, of which a slow group gets a share when it is too large.

    Returns
    -------
    list of dict
        No group is empty but the first.
    """
    trained = {id(parameter): parameter for parameter in parameters}
    groups = []
    for part in slow:
        own = [trained.pop(id(p)) for p in part.parameters if id(p) in trained]
        if own:
            groups.append({"params": own, "weight_decay": 0.0, "share": min(1.0, part.most_rate / lr)})
    return [{"params": list(trained.values())}, *groups]
