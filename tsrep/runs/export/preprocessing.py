"""What a contract asks to be done to windows, as far as a graph can do it exactly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from tsrep.errors import ConfigError
from tsrep.signals.contract import SignalContract, Standardise

Level = Literal["full", "standardise", "none"]
STEPS = ("reference", "filter", "standardise", "missing", "clip and scale")  # in their order
OF_RECORDS = ("record", "record-all", "minmax-record", "minmax-channel")


@dataclass(frozen=True)
class Division:
    """Which steps a graph does, and which must be done before.

    Attributes
    ----------
    inside, outside : tuple of str
        Of ``STEPS``; a graph does those after the last one that it cannot do exactly.
    why : str
        Why the last one outside is there; empty where none is.
    """

    inside: tuple[str, ...]
    outside: tuple[str, ...]
    why: str = ""


def divide(contract: SignalContract, level: Level) -> Division:
    """Divide what a contract asks for between the graph and what comes before it.

    Parameters
    ----------
    contract : SignalContract
    level : {"full", "standardise", "none"}
        All that can be done exactly, standardisation and what follows it, or nothing.

    Raises
    ------
    ConfigError
        When what the contract asks for cannot be divided.
    """
    due = tuple(step for step in STEPS if _asked(contract, step))
    hindered = {step: why for step in due if (why := _hindrance(contract, step))}
    first = {"full": 0, "standardise": STEPS.index("standardise"), "none": len(STEPS)}[level]
    last = max((STEPS.index(step) + 1 for step in hindered), default=0)
    begin = max(first, last)
    if contract.filter_when == "in window" and contract.filter and "standardise" in hindered:
        raise ConfigError(
            "the contract filters windows and standardises whole recordings, which no graph can do in that "
            "order; export the encoder alone, with --what encoder"
        )
    why = next((hindered[step] for step in reversed(due) if step in hindered), "")
    return Division(
        tuple(step for step in due if STEPS.index(step) >= begin),
        tuple(step for step in due if STEPS.index(step) < begin),
        why if last >= first and level != "none" else "",
    )


def by_window(contract: SignalContract) -> bool:
    """Whether windows, and not whole recordings, have statistics of their own."""
    return contract.standardise.how.startswith("window") or not contract.window.steps


def _asked(contract: SignalContract, step: str) -> bool:
    return {
        "reference": contract.reference not in (None, "as recorded"),
        "filter": bool(contract.filter),
        "standardise": contract.standardise.how != "none",
        "missing": contract.missing_values in ("zero", "mean"),
        "clip and scale": contract.standardise.clip is not None or contract.scale != 1,
    }[step]


def _hindrance(contract: SignalContract, step: str) -> str:
    """Why a graph of windows cannot do a step exactly; empty where it can."""
    if step == "reference" and contract.reference != "average":
        return "the contract's reference needs channels that the encoder is not shown"
    if step == "filter" and contract.filter_when != "in window":
        return (
            "the contract's filter runs over whole recordings, forward and backward, and has no exact graph "
            "for windows"
        )
    if step == "filter" and any(each.kind != "fir" for each in contract.filter or ()):
        return "the contract's filter runs forward and backward and has no exact graph"
    if step == "standardise" and contract.standardise.how in OF_RECORDS and contract.window.steps:
        return "the contract standardises by whole recordings, and the graph is shown windows"
    return ""


class Preprocessing(nn.Module):
    """Windows in the contract's unit and rate as the encoder is shown them.

    Parameters
    ----------
    contract : SignalContract
    inside : sequence of str
        Steps that it does.
    """

    def __init__(self, contract: SignalContract, inside: Sequence[str]) -> None:
        super().__init__()
        self.reference = "reference" in inside
        taps = _kernels(contract) if "filter" in inside else []
        self.kernels = nn.ParameterList(nn.Parameter(kernel, requires_grad=False) for kernel in taps)
        self.standardise = standardising(contract.standardise) if "standardise" in inside else nn.Identity()
        self.fill = contract.missing_values if "missing" in inside else ""
        last = "clip and scale" in inside
        self.clip = contract.standardise.clip if last else None
        self.scale = contract.scale if last else 1.0

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, channel, time) to the same shape."""
        if self.reference:
            x = x - x.mean(dim=1, keepdim=True)
        for kernel in self.kernels:
            x = filtered(x, kernel)
        x = self.standardise(x)
        x = _filled(x, self.fill)
        if self.clip is not None:
            x = x.clamp(*self.clip)
        return x * self.scale


def _kernels(contract: SignalContract) -> list[Tensor]:
    """Taps of the filters, each as the answer to a single one among zeros."""
    found = []
    for step in contract.filter or ():
        taps = getattr(step, "taps", 1)
        pulse = np.zeros(4 * taps + 1)
        pulse[2 * taps] = 1
        answer = step.apply(pulse, contract.sfreq).astype(np.float64)
        found.append(torch.from_numpy(answer[2 * taps - taps // 2 : 2 * taps + taps // 2 + 1]))
    return found


def filtered(x: Tensor, kernel: Tensor) -> Tensor:
    """Signals, shape (batch, channel, time), through a symmetric filter, reflected about both ends."""
    half, channels = kernel.shape[0] // 2, x.shape[1]
    left = 2 * x[..., :1] - x[..., 1 : half + 1].flip(-1)
    right = 2 * x[..., -1:] - x[..., -half - 1 : -1].flip(-1)
    padded = torch.cat([left, x, right], dim=-1).double()
    return functional.conv1d(padded, kernel.expand(channels, 1, -1), groups=channels).to(x.dtype)


def standardising(how: Standardise) -> nn.Module:
    """The module of a contract's standardisation; a record that is one window is standardised as a window."""
    if how.how in ("global", "channel"):
        return Stored(how)
    if how.how.startswith("minmax"):
        return Ranged(how)
    return Own(how)


class Stored(nn.Module):
    """Mean subtracted and deviation divided by, those of the training records."""

    def __init__(self, how: Standardise) -> None:
        super().__init__()
        self.mean = nn.Buffer(torch.tensor(how.mean)[:, None])  # (1 or channel, 1)
        self.std = nn.Buffer((torch.tensor(how.std, dtype=torch.float64) + how.eps).float()[:, None])

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, channel, time) to the same shape."""
        return (x - self.mean) / self.std


class Own(nn.Module):
    """The mean of a window subtracted and its deviation divided by; a flat channel becomes zero."""

    def __init__(self, how: Standardise) -> None:
        super().__init__()
        self.dims, self.eps = ((1, 2) if how.how.endswith("-all") else (2,)), how.eps

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, channel, time) to the same shape."""
        known = ~x.isnan()
        value = torch.where(known, x, 0.0).double()
        count = known.sum(dim=self.dims, keepdim=True).clamp(min=1)
        mean = value.sum(dim=self.dims, keepdim=True) / count
        moved = torch.where(known, value - mean, 0.0)
        std = (moved.square().sum(dim=self.dims, keepdim=True) / count).sqrt()
        flat = std <= torch.finfo(torch.float32).eps * mean.abs()
        std = torch.where(flat, mean.abs().clamp(min=1), std) + self.eps
        return ((x.double() - mean) / std).to(x.dtype)


class Ranged(nn.Module):
    """The values of a window mapped to a range; flat ones become its middle."""

    def __init__(self, how: Standardise) -> None:
        super().__init__()
        low, high = how.range or (0.0, 1.0)
        self.low, self.high, self.eps = low, high, how.eps
        self.dims = (2,) if how.how == "minmax-channel" else (1, 2)

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, channel, time) to the same shape."""
        known = ~x.isnan()
        value, infinite = x.double(), float("inf")
        least = torch.where(known, value, infinite).amin(dim=self.dims, keepdim=True)
        most = torch.where(known, value, -infinite).amax(dim=self.dims, keepdim=True)
        some = least <= most
        least, most = torch.where(some, least, 0.0), torch.where(some, most, 0.0)
        flat = most - least <= torch.finfo(torch.float32).eps * torch.maximum(least.abs(), most.abs())
        std = torch.where(flat, least.abs().clamp(min=1), (most - least) / (self.high - self.low))
        middle = (self.low + self.high) / 2
        mean = least - std * torch.where(flat, middle, self.low)
        return ((value - mean) / (std + self.eps)).to(x.dtype)


def _filled(x: Tensor, how: str) -> Tensor:
    """With zero, or the mean of their channel, in place of missing values."""
    if not how:
        return x
    missing = x.isnan()
    value = torch.where(missing, 0.0, x)
    if how == "zero":
        return value
    count = (~missing).sum(dim=2, keepdim=True).clamp(min=1)
    return torch.where(missing, value.sum(dim=2, keepdim=True) / count, value)
