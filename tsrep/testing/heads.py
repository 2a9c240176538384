"""Conformance of forecasting heads."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

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


def check_head(make: Callable[..., Head], *, steps: int = LOOKBACK) -> None:
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
    sizes = {"dim": DIM, "steps": steps, "lookback": LOOKBACK, "horizon": HORIZON}
    for variates, covariates in ((1, 0), (2, 0), (2, 2)):
        fresh = partial(make, **sizes, variates=variates, covariates=covariates)
        z = example_signal(4, DIM, steps, key=1)
        past = example_signal(4, covariates + variates, LOOKBACK, key=2)
        inputs = z, past, example_signal(4, covariates, HORIZON, key=3)
        _check_shape_and_draws(fresh(), inputs, (4, variates, HORIZON))
        _check_rows_and_state(fresh().eval(), fresh().eval(), inputs)
        _check_gradients(fresh(), inputs)


def _check_shape_and_draws(
    head: Head, inputs: tuple[Tensor, Tensor, Tensor], expected: tuple[int, int, int]
) -> None:
    with global_randomness_untouched("the head"):
        one, other = (head(*inputs, generator=torch_generator("head")) for _ in range(2))
        silent = head(*inputs)
    require(silent.shape == expected, f"a forecast has shape {tuple(silent.shape)}, not {expected}")
    require(torch.equal(one, other), "equal generators give unequal forecasts")
    require(torch.equal(silent, head(*inputs)), "without a generator two forecasts differ")
    with torch.no_grad(), state_untouched("a forecast in evaluation mode", head.eval()):
        drawn = head(*inputs, generator=torch_generator("head"))
    require(close(drawn, head(*inputs)), "there is dropout in evaluation mode")


@torch.no_grad()
def _check_rows_and_state(one: Head, other: Head, inputs: tuple[Tensor, Tensor, Tensor]) -> None:
    alone, forecast = one(*(part[:1] for part in inputs)), one(*inputs)
    require(close(alone, forecast[:1]), "the forecast of a row depends on the other rows")
    other.load_state_dict(one.state_dict())
    require(torch.equal(forecast, other(*inputs)), "state_dict lacks something that forecasts rest on")


def _check_gradients(head: Head, inputs: tuple[Tensor, Tensor, Tensor]) -> None:
    z = inputs[0].clone().requires_grad_()
    torch.autograd.backward(head(z, *inputs[1:]).square().mean())
    require(z.grad is not None and bool(z.grad.isfinite().all()), "no finite gradient reaches the encoder")
    require_gradients("the forecast", head)
