"""Diagonal state spaces: one linear recurrence for each channel, computed as a convolution.

Complex numbers are pairs of real tensors, so that programs with them can be exported. Whatever depends on the
weights alone is computed in float64: it is little, and powers of many steps would lose the phase otherwise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from tsrep.encoders.depthwise_convolution import depthwise_convolution
from tsrep.encoders.encoder import Positive, SlowParameters
from tsrep.encoders.state_space_starts import Start, state_space_start
from tsrep.errors import ConfigError

Pair = tuple[Tensor, Tensor]
Discretisation = Literal["zoh", "bilinear"]
StepSize = Annotated[float, Field(gt=0)]
Limit = Annotated[float, Field(gt=0)] | None
MOST_RATE = 1e-3  # of what moves the states, beyond which training is unstable (the authors' value)
TAPS_AT_ONCE = 64


@dataclass(frozen=True)
class StateSpaceSettings:
    """Settings of a diagonal state space.

    Attributes
    ----------
    states : int
        Pairs of conjugate states of each channel.
    start : {"lin", "inv", "legs", "real"}
        Of the states; see :func:`tsrep.encoders.state_space_starts.state_space_start`.
    discretisation : {"zoh", "bilinear"}
        Input held constant over a step, or the trapezoidal rule.
    step_sizes : (float, float)
        Limits between which the logarithm of a channel's step size is drawn, in unit times per step.
    band_limit : float or None
        States that turn faster than this share of the Nyquist frequency are silent; None lets them alias.
    bidirectional : bool
        Whether later steps are seen too, through output weights of their own.
    trained_states : bool
        Whether decays, frequencies and step sizes are trained; otherwise the kernels are combinations of
        those at the start.
    """

    states: Positive = 4
    start: Start = "lin"
    discretisation: Discretisation = "zoh"
    step_sizes: tuple[StepSize, StepSize] = (1e-3, 1e-1)
    band_limit: Limit = None
    bidirectional: bool = False
    trained_states: bool = True


class DiagonalStateSpace(nn.Module):
    """``s[t] = A s[t - 1] + B x[t]``, ``y[t] = 2 Re(C s[t]) + D x[t]`` with diagonal A, for each channel.

    The continuous eigenvalues are ``-exp(log_decay) + i frequency``; a step lasts ``exp(log_step)``.

    Parameters
    ----------
    width : int
        Channels.
    settings : StateSpaceSettings

    Raises
    ------
    ConfigError
        When the step sizes are in the wrong order.

    References
    ----------
    Gu et al., "On the parameterization and initialization of diagonal state space models", NeurIPS 2022,
    eqs. 2, 3 and 6 and section 3 (S4D); backward kernels as in Goel et al., "It's raw!", ICML 2022.
    """

    log_step: Tensor
    log_decay: Tensor
    frequency: Tensor
    input_weight: Tensor

    def __init__(self, width: int, settings: StateSpaceSettings) -> None:
        super().__init__()
        shortest, longest = settings.step_sizes
        if shortest > longest:
            raise ConfigError(f"step_sizes are {shortest} to {longest}; give the smaller one first")
        self.discretisation, self.band_limit = settings.discretisation, settings.band_limit
        decay, frequency, weight = (
            value.float() for value in state_space_start(settings.start, settings.states)
        )
        between = math.log(shortest) + torch.rand(width) * math.log(longest / shortest)
        state = {
            "log_step": between,
            "log_decay": decay.log().repeat(width, 1),
            "frequency": frequency.repeat(width, 1),
        }
        for name, value in state.items():
            if settings.trained_states:
                self.register_parameter(name, nn.Parameter(value))
            else:
                self.register_buffer(name, value)
        self.register_buffer("input_weight", weight)  # (state, 2); training it would add nothing to C
        ways = 1 + settings.bidirectional
        self.output_weight = nn.Parameter(torch.randn(ways, width, settings.states, 2) * math.sqrt(0.5))
        self.skip = nn.Parameter(torch.randn(width))

    def slow_parameters(self) -> SlowParameters:
        """What moves the states: decays, frequencies and step sizes, if they are trained."""
        moving = [self.log_step, self.log_decay, self.frequency]
        trained = [value for value in moving if isinstance(value, nn.Parameter)]
        return SlowParameters(trained, MOST_RATE)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(batch, width, time)`` to the same shape."""
        forward, *backward = self.kernels(x.shape[-1])
        skip = F.pad(self.skip[:, None], (0, x.shape[-1] - 1))  # D is a tap at lag zero
        return depthwise_convolution(x, forward + skip, *backward)

    def kernels(self, steps: int) -> tuple[Tensor, ...]:
        """Responses to an impulse: forward and, where there is one, backward; each (width, steps)."""
        rate, gains = self._discrete()
        count = (steps + TAPS_AT_ONCE - 1) // TAPS_AT_ONCE
        device = rate[0].device
        # powers of A as products of powers within a block and of whole blocks
        fine = _powers(rate, torch.arange(TAPS_AT_ONCE, device=device))  # (width, state, 64)
        blocks = _powers(rate, TAPS_AT_ONCE * torch.arange(count, device=device))  # (width, state, count)
        taps = self._cast(torch.cat(fine, dim=1))
        return tuple(self._response(_product(gain, blocks), taps, steps) for gain in gains)

    def _response(self, coarse: Pair, fine: Tensor, steps: int) -> Tensor:
        weights = self._cast(torch.cat([coarse[0], -coarse[1]], dim=1))  # (width, 2 state, count)
        with torch.autocast(fine.device.type, enabled=False):
            response: Tensor = 2 * (weights.mT @ fine).flatten(1)[:, :steps]
        return response

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Output at one step and the state after it; of the forward direction.

        Parameters
        ----------
        x : Tensor, shape (batch, width)
        state : Tensor, shape (batch, width, state, 2)
            Zero before the first step.
        """
        rate, (gain, *_) = self._discrete()
        turn = tuple(self._cast(part[..., 0]) for part in _powers(rate, torch.ones(1, device=x.device)))
        weight = tuple(self._cast(part[..., 0]) for part in gain)
        real, imaginary = _product((turn[0], turn[1]), (state[..., 0], state[..., 1]))
        real = real + x[..., None]  # the gain holds the weight of the input too
        y = 2 * (weight[0] * real - weight[1] * imaginary).sum(-1) + self.skip * x
        return y, torch.stack([real, imaginary], dim=-1)

    def start(self, batch: int) -> Tensor:
        """The state before the first step, shape (batch, width, state, 2)."""
        return self.skip.new_zeros(batch, *self.output_weight.shape[1:])

    def _cast(self, x: Tensor) -> Tensor:
        return x.to(torch.promote_types(self.skip.dtype, torch.float32))

    def _discrete(self) -> tuple[Pair, list[Pair]]:
        """Logarithm of A of one step, and C times B of each direction; parts have shape (width, state, 1)."""
        step = self.log_step.double().exp()[:, None, None]
        growth = -step * self.log_decay.double().exp()[..., None]
        angle = step * self.frequency.double()[..., None]
        rate, held = DISCRETISATIONS[self.discretisation](growth, angle)
        weight = self.input_weight.double()[..., None]
        held = _product((step * held[0], step * held[1]), (weight[:, 0], weight[:, 1]))
        if self.band_limit is not None:
            heard = angle.abs() < self.band_limit * math.pi
            held = held[0] * heard, held[1] * heard
        outputs = self.output_weight.double()[..., None].unbind(0)  # (width, state, 2, 1)
        return rate, [_product((output[..., 0, :], output[..., 1, :]), held) for output in outputs]


def _hold(growth: Tensor, angle: Tensor) -> tuple[Pair, Pair]:
    """Logarithm of A, and B over the step size: ``z`` and ``(exp(z) - 1) / z``."""
    real, imaginary = _powers((growth, angle), torch.ones(1, device=growth.device))
    return (growth, angle), _quotient((real - 1, imaginary), (growth, angle))


def _trapezoid(growth: Tensor, angle: Tensor) -> tuple[Pair, Pair]:
    """The same of ``A = (1 + z / 2) / (1 - z / 2)`` and ``B = 1 / (1 - z / 2)``."""
    ahead, behind = (1 + growth / 2, angle / 2), (1 - growth / 2, -angle / 2)
    real, imaginary = _quotient(ahead, behind)
    logarithm = (real.square() + imaginary.square()).log() / 2, torch.atan2(imaginary, real)
    return logarithm, _quotient((torch.ones_like(growth), torch.zeros_like(growth)), behind)


DISCRETISATIONS = {"zoh": _hold, "bilinear": _trapezoid}


def _powers(rate: Pair, exponents: Tensor) -> Pair:
    """``exp(rate * exponents)``."""
    size = (rate[0] * exponents).exp()
    return size * (rate[1] * exponents).cos(), size * (rate[1] * exponents).sin()


def _product(one: Pair, other: Pair) -> Pair:
    return one[0] * other[0] - one[1] * other[1], one[0] * other[1] + one[1] * other[0]


def _quotient(one: Pair, other: Pair) -> Pair:
    size = other[0].square() + other[1].square()
    real, imaginary = _product(one, (other[0], -other[1]))
    return real / size, imaginary / size


class StateSpaceBlock(nn.Module):
    """A state space on each channel, GELU, a gated linear map of all channels, and a skip connection.

    Parameters
    ----------
    width : int
    settings : StateSpaceSettings
    norm : {"pre", "post"}
        Whether the state space sees normalised steps, or the sum with the skip connection is normalised.
    """

    def __init__(self, width: int, settings: StateSpaceSettings, norm: Literal["pre", "post"]) -> None:
        super().__init__()
        self.first = norm == "pre"
        self.norm = nn.LayerNorm(width)
        self.space = DiagonalStateSpace(width, settings)
        self.mix = nn.Conv1d(width, 2 * width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(batch, width, time)`` to the same shape."""
        return self._joined(x, self.space(self._normed(x) if self.first else x))

    def start(self, batch: int) -> Tensor:
        """The state before the first step."""
        return self.space.start(batch)

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Output at one step, shape (batch, width), and the state after it."""
        x = x[..., None]
        y, state = self.space.step((self._normed(x) if self.first else x)[..., 0], state)
        return self._joined(x, y[..., None])[..., 0], state

    def _joined(self, x: Tensor, y: Tensor) -> Tensor:
        out = x + F.glu(self.mix(F.gelu(y)), dim=1)
        return out if self.first else self._normed(out)

    def _normed(self, x: Tensor) -> Tensor:
        normed: Tensor = self.norm(x.mT).mT
        return normed
