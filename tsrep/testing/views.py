"""Conformance of augmentations."""

from __future__ import annotations

import torch
from torch import Tensor

from tsrep.rng import torch_generator
from tsrep.testing.assertions import close, global_randomness_untouched, require
from tsrep.testing.examples import example_signal
from tsrep.views.view import View


def check_view(view: View, *, channels: int | None = None) -> None:
    """Check that a view keeps shapes, draws only from its generator, and bears missing values.

    Parameters
    ----------
    view : callable
        ``view(x, generator=generator)``.
    channels : int, optional
        Of the signals to try it on; several numbers are tried when missing.

    Raises
    ------
    AssertionError
        Naming the broken promise.
    """
    for size, some, time in ((5, 3, 40), (1, 1, 7), (2, 12, 100), (3, 2, 1)):
        _check_draw(view, example_signal(size, channels or some, time))
    x = example_signal(5, channels or 3, 40)
    _check_draw(view, x.double())
    _check_batch_mates(view, x)


def _check_draw(view: View, x: Tensor) -> None:
    untouched = x.clone()
    with global_randomness_untouched("the view"):
        one = view(x, generator=torch_generator(1))
    require(one.shape == x.shape, f"shape {tuple(x.shape)} becomes {tuple(one.shape)}")
    require(one.dtype == x.dtype, f"values of {x.dtype} become {one.dtype}")
    require(torch.equal(x, untouched), "the view writes into its input")
    again = view(x, generator=torch_generator(1))
    require(close(one, again, rtol=0, atol=0), "equal generators give unequal views")
    require(not bool(one.isinf().any()), "the view gives infinite values")


def _check_batch_mates(view: View, x: Tensor) -> None:
    expected = view(x, generator=torch_generator(1))[1:]
    for values, what in ((-3 * x[0] + 2, "values"), (torch.full_like(x[0], torch.nan), "missing values")):
        changed = torch.cat([values[None], x[1:]])
        others = view(changed, generator=torch_generator(1))[1:]
        require(close(others, expected), f"{what} of one sample reach another")
