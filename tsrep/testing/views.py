"""Conformance of augmentations."""

from __future__ import annotations

import torch

from tsrep.rng import torch_generator
from tsrep.testing.assertions import close, global_randomness_untouched, require
from tsrep.testing.examples import example_signal
from tsrep.views.augmentations import View


def check_view(view: View) -> None:
    """Check that a view keeps shapes, draws only from its generator, and bears missing values.

    Parameters
    ----------
    view : callable
        ``view(x, generator=generator)``.

    Raises
    ------
    AssertionError
        Naming the broken promise.
    """
    for size, channels, time in ((5, 3, 40), (1, 1, 7), (2, 12, 100)):
        x = example_signal(size, channels, time)
        untouched = x.clone()
        with global_randomness_untouched("the view"):
            one = view(x, generator=torch_generator(1))
        require(one.shape == x.shape, f"shape {tuple(x.shape)} becomes {tuple(one.shape)}")
        require(one.dtype == x.dtype, f"values of {x.dtype} become {one.dtype}")
        require(torch.equal(x, untouched), "the view writes into its input")
        again = view(x, generator=torch_generator(1))
        same = torch.equal(one.nan_to_num(9e9), again.nan_to_num(9e9))
        require(same, "equal generators give unequal views")
        require(not bool(one.isinf().any()), "the view gives infinite values")
    x = example_signal(5, 3, 40)
    broken = x.clone()
    broken[0] = torch.nan
    one, other = (view(v, generator=torch_generator(1))[1:] for v in (x, broken))
    require(close(one, other), "missing values of one sample reach another")
