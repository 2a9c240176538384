"""Conformance of forecasting heads."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from tsrep.forecasting.heads.head import Head
from tsrep.rng import torch_generator
from tsrep.testing.assertions import (
    close,
    global_randomness_untouched,
    require,
    require_gradients,
    state_untouched,
)
from tsrep.testing.examples import example_signal

DIM, LOOKBACK, HORIZON = 12, 8, 5


class Make(Protocol):
    """What builds a head."""

    def __call__(
        self, *, dim: int, steps: int, lookback: int, horizon: int, variates: int, covariates: int
    ) -> Head:
        """A fresh head."""
        ...


def check_head(make: Make, *, steps: int = LOOKBACK) -> None:
    """Check what a head promises; see :class:`tsrep.forecasting.heads.head.Head`.

    Parameters
    ----------
    make : callable
        ``make(dim=, steps=, lookback=, horizon=, variates=, covariates=)`` gives a fresh head.
    steps : int
        Of the representation, out of a look-back of 8.

    Raises
    ------
    AssertionError
        Naming the broken promise.
    """
    for variates, covariates in ((1, 0), (2, 0), (2, 2)):

        def fresh(variates: int = variates, covariates: int = covariates) -> Head:
            return make(
                dim=DIM,
                steps=steps,
                lookback=LOOKBACK,
                horizon=HORIZON,
                variates=variates,
                covariates=covariates,
            )

        inputs = (
            example_signal(4, DIM, steps, key=1),
            example_signal(4, covariates + variates, LOOKBACK, key=2),
            example_signal(4, covariates, HORIZON, key=3),
        )
        _check_shape(fresh(), inputs, variates)
        _check_draws(fresh(), inputs)
        _check_rows(fresh().eval(), inputs)
        _check_round_trip(fresh().eval(), fresh().eval(), inputs)
        _check_gradients(fresh(), inputs)


def _check_shape(head: Head, inputs: tuple[Tensor, Tensor, Tensor], variates: int) -> None:
    shape = tuple(head(*inputs).shape)
    require(shape == (4, variates, HORIZON), f"a forecast has shape {shape}, not {(4, variates, HORIZON)}")


def _check_draws(head: Head, inputs: tuple[Tensor, Tensor, Tensor]) -> None:
    with global_randomness_untouched("the head"):
        one, other = (head(*inputs, generator=torch_generator("head")) for _ in range(2))
        silent = head(*inputs)
    require(torch.equal(one, other), "equal generators give unequal forecasts")
    require(torch.equal(silent, head(*inputs)), "without a generator two forecasts differ")
    with torch.no_grad(), state_untouched("a forecast in evaluation mode", head.eval()):
        drawn = head(*inputs, generator=torch_generator("head"))
    require(close(drawn, head(*inputs)), "there is dropout in evaluation mode")


def _check_rows(head: Head, inputs: tuple[Tensor, Tensor, Tensor]) -> None:
    with torch.no_grad():
        alone = head(*(part[:1] for part in inputs))
        require(close(alone, head(*inputs)[:1]), "the forecast of a row depends on the other rows")


def _check_round_trip(one: Head, other: Head, inputs: tuple[Tensor, Tensor, Tensor]) -> None:
    other.load_state_dict(one.state_dict())
    with torch.no_grad():
        require(
            torch.equal(one(*inputs), other(*inputs)), "state_dict lacks something that forecasts rest on"
        )


def _check_gradients(head: Head, inputs: tuple[Tensor, Tensor, Tensor]) -> None:
    z = inputs[0].clone().requires_grad_()
    torch.autograd.backward(head(z, *inputs[1:]).square().mean())
    require(z.grad is not None and bool(z.grad.isfinite().all()), "no finite gradient reaches the encoder")
    require_gradients("the forecast", head)
