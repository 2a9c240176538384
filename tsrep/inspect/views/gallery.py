"""Examples of views on real signals: the numbers that the gallery draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from tsrep.inspect.views.figure import Floats, ViewExample
from tsrep.registry import VIEWS
from tsrep.rng import torch_generator
from tsrep.views.except_covariates import ExceptCovariates
from tsrep.views.parametric import Augmenter
from tsrep.views.view import View


def registered_views() -> dict[str, View]:
    """Every registered view that needs nothing from a run, with its default settings."""
    plain = [name for name in VIEWS.names() if not VIEWS.entry(name).runtime]
    return {name: VIEWS.build({"name": name}) for name in plain}


def gallery_of(
    views: Mapping[str, View],
    x: Floats,
    *,
    channels: Sequence[str],
    covariates: int = 0,
    seed: int = 0,
    sfreq: float | None = None,
    step: str = "steps",
) -> list[ViewExample]:
    """The same signal under several views.

    Parameters
    ----------
    views : mapping of str to View
        In the order of the gallery.
    x : array, shape (channel, time)
    channels : sequence of str
        Names of all channels of ``x``.
    covariates : int
        Leading channels that no view alters; they are left out of the examples.
    seed : int
        A view draws the same whatever others stand beside it.
    sfreq : float, optional
        Hz; gives the time axis in seconds.
    step : str
        What one step is called on the time axis when ``sfreq`` is missing, such as ``"hours"``.
    """
    signal = torch.as_tensor(np.array(x, np.float32))[None]
    examples = []
    for name, view in views.items():
        generator = torch_generator(seed, "view gallery", name)
        altered = ExceptCovariates(view, covariates)(signal, generator=generator)[0].numpy()
        examples.append(_example(name, x, altered, channels, covariates, sfreq, step))
    return examples


def learned_gallery(
    augmenter: Augmenter,
    samples: Mapping[str, Floats],
    *,
    channels: Sequence[str],
    covariates: int = 0,
    seed: int = 0,
    sfreq: float | None = None,
    step: str = "steps",
) -> list[ViewExample]:
    """Several signals under a learned view, with the mask and the gain that it chose for each.

    Parameters
    ----------
    augmenter : Augmenter
    samples : mapping of str to array, shape (channel, time)
        By the name of their row.
    channels, covariates, seed, sfreq, step
        See :func:`gallery_of`.
    """
    device = next(augmenter.parameters()).device
    examples = []
    for name, x in samples.items():
        signal = torch.as_tensor(np.array(x, np.float32), device=device)[None]
        generator = torch_generator(seed, "view gallery", name, device=device)
        with torch.no_grad():
            made = augmenter(signal, generator=generator)
        view, mask, gain = (value[0].float().cpu().numpy() for value in (made.view, made.mask, made.gain))
        if len(mask) == len(channels):  # the released form masks covariates too
            mask, gain = mask[covariates:], gain[covariates:]
        examples.append(_example(name, x, view, channels, covariates, sfreq, step, mask, gain))
    return examples


def _example(
    name: str,
    x: Floats,
    view: Floats,
    channels: Sequence[str],
    covariates: int,
    sfreq: float | None,
    step: str,
    mask: Floats | None = None,
    gain: Floats | None = None,
) -> ViewExample:
    time = np.arange(x.shape[1]) / (sfreq or 1.0)
    axis = step if sfreq is None else "seconds"
    original = np.asarray(x)[covariates:]
    return ViewExample(
        name, time, axis, tuple(channels[covariates:]), original, view[covariates:], mask, gain
    )
