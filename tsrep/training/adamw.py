"""AdamW without the import of torch's compiler."""

from __future__ import annotations

import inspect
from typing import Any

import torch


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
