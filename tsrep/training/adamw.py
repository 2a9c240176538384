"""AdamW without the import of torch's compiler, and the groups of parameters that it moves apart."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from tsrep.encoders.encoder import Encoder, SlowParameters


class AdamW(torch.optim.AdamW):
    """:class:`torch.optim.AdamW` for programs that do not compile it.

    torch wraps these methods so that ``torch.compile`` breaks its graph at them, and each wrapper imports
    ``torch._dynamo`` at its first call, compiled or not, which takes a second of every command that trains.
    Only encoders are compiled here, never a step of the optimiser, so what the wrappers hold does the same.

    A step is one fused loop over the parameters, a fifth of the time of one operator after another.
    """

    def __init__(self, params: Any, **settings: Any) -> None:
        super().__init__(params, fused=True, **settings)

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

    def layer_rates(self) -> dict[str, float]:
        """Learning rate of each layer of :func:`layered_groups`, for the log."""
        groups = [group for group in self.param_groups if "layer" in group]
        # a layer's slow parameters stand first or last; the log tells the rate of the others
        return {f"lr/{g['layer']}": g["lr"] for g in sorted(groups, key=lambda g: float(g["share"]))}


def slow_parameters(module: nn.Module) -> list[SlowParameters]:
    """What all encoders in a module ask for; the parameters of one inside another are in both of theirs."""
    encoders = (part for part in module.modules() if isinstance(part, Encoder))
    return [slow for encoder in encoders for slow in encoder.slow_parameters()]


def parameter_groups(
    parameters: Iterable[nn.Parameter], slow: Iterable[SlowParameters], lr: float
) -> list[dict[str, Any]]:
    """Parameters as AdamW takes them: those with the common settings first, then each slow group.

    Parameters
    ----------
    parameters : iterable of Parameter
        All that are trained; what a slow group holds beside them is left out.
    slow : iterable of SlowParameters
        What encoders ask for; of a parameter that is in several the first holds.
    lr : float
        Full learning rate of the common group, of which a slow group gets a share when it is too large.

    Returns
    -------
    list of dict
        No group is empty but the first. A parameter without dimensions is a scale, such as that of a learned
        temperature, and is not pulled towards zero.
    """
    trained = {id(parameter): parameter for parameter in parameters}
    scales = [trained.pop(id(p)) for p in list(trained.values()) if not p.ndim]
    groups: list[dict[str, Any]] = [{"params": scales, "weight_decay": 0.0}] if scales else []
    for part in slow:
        own = [trained.pop(id(p)) for p in part.parameters if id(p) in trained]
        if own:
            groups.append({"params": own, "weight_decay": 0.0, "share": min(1.0, part.most_rate / lr)})
    return [{"params": list(trained.values())}, *groups]


def layered_groups(
    parameters: Iterable[nn.Parameter],
    encoder: Encoder,
    slow: Iterable[SlowParameters],
    lr: float,
    decay: float,
) -> list[dict[str, Any]]:
    """Parameters as AdamW takes them, with a learning rate that decays from layer to layer.

    Group ``g`` of ``G`` layer groups has ``decay ** (G - 1 - g)`` of the rate, and all that is not the
    encoder's the full one. Biases, scales and other one-dimensional parameters are not pulled towards zero.

    Parameters
    ----------
    parameters : iterable of Parameter
        All that are trained.
    encoder : Encoder
    slow : iterable of SlowParameters
        What encoders ask for.
    lr : float
        Full learning rate, which limits the share of slow parameters.
    decay : float
        Above 0 and below 1.

    References
    ----------
    Howard & Ruder, "Universal language model fine-tuning for text classification", ACL 2018, section 3.2;
    Clark et al., "ELECTRA", ICLR 2020, appendix B.
    """
    weights, layer_of = dict(encoder.named_parameters()), dict[int, tuple[str, float]]()
    for depth, (layer, names) in enumerate(reversed(encoder.layer_groups())):
        layer_of |= {id(weights[name]): (layer, decay**depth) for name in names}
    most = {id(p): part.most_rate / lr for part in slow for p in part.parameters}
    groups: dict[tuple[str, float, bool], list[nn.Parameter]] = {}
    for parameter in parameters:
        layer, share = layer_of.get(id(parameter), ("objective", 1.0))
        pulled = parameter.ndim > 1 and id(parameter) not in most
        key = layer, min(share, most.get(id(parameter), 1.0)), pulled
        groups.setdefault(key, []).append(parameter)
    return [
        {"params": own, "layer": layer, "share": share} | ({} if pulled else {"weight_decay": 0.0})
        for (layer, share, pulled), own in groups.items()
    ]
