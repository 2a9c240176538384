"""Representations of instances that do not depend on which others stand beside them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tsrep.encoders.pooling import POOLS
from tsrep.encoders.sliding import refuse_short_context, sliding_last_step
from tsrep.errors import ConfigError, DataError
from tsrep.estimators.instances import Instances, Windows
from tsrep.estimators.learning import Learned, on_device
from tsrep.estimators.settings import whole
from tsrep.evaluation.embedding import embed
from tsrep.rng import initial_weights
from tsrep.runs.build import blank_encoder
from tsrep.runs.config import Configuration
from tsrep.signals import Panel
from tsrep.signals.panel import Floats, Ints
from tsrep.signals.standardise import fit_scaler
from tsrep.training.distributed import pick_device

AT_ONCE = 2**18  # time steps that are encoded together


def embedded(config: Configuration, learned: Learned, instances: Instances, window: int | None) -> Floats:
    """One vector for each instance, shape (instance, feature): the mean over its windows.

    Windows of different lengths are encoded apart, so that the missing steps after a short instance are
    never pooled.

    Raises
    ------
    DataError
        When an instance is shorter than a step of the encoder.
    """
    device = pick_device(config.device)
    encoder, pool = on_device(learned.encoder, device), POOLS[config.evaluation.pool]
    total: NDArray[np.float64] | None = None
    windows = instances.windows(window)
    for panel, index in by_length(learned, instances, windows, encoder.stride):
        at_once = max(1, AT_ONCE // panel.length)
        part = embed(encoder, panel, pool=pool, batch_size=at_once, device=device)
        if total is None:
            total = np.zeros((len(instances), part.shape[1]))
        np.add.at(total, windows.row[index], part)
    assert total is not None
    mean: Floats = (total / np.bincount(windows.row)[:, None]).astype(np.float32)
    return mean


@torch.no_grad()
def each_step(config: Configuration, learned: Learned, instances: Instances, context: int | None) -> Floats:
    """A vector for each step, shape (instance, dim, time); NaN after the end of an instance.

    With a context, each rests on so many earlier steps and the step itself alone.
    """
    device = pick_device(config.device)
    encoder = on_device(learned.encoder, device).eval()
    found = np.full((len(instances), encoder.dim, instances.values.shape[2]), np.nan, np.float32)
    windows = instances.windows(None)
    for panel, index in by_length(learned, instances, windows):
        at_once = max(1, AT_ONCE // panel.length)
        for at in range(0, len(panel), at_once):
            rows = np.arange(at, min(at + at_once, len(panel)))
            x = torch.from_numpy(panel.take(rows)).to(device)
            z = encoder(x) if context is None else sliding_last_step(encoder, x, context)
            found[index[rows], :, : panel.length] = z.float().cpu().numpy()
    return found


def refuse_steps_between(config: Configuration, channels: int, context: Any) -> None:
    """Check that an encoder of so many channels gives a vector for each step, by itself or with a context.

    Raises
    ------
    ConfigError
        When it does not, or the context is no number of steps or holds no step of the encoder.
    """
    with initial_weights(0, "only looked at"):
        encoder = blank_encoder(config, channels, 0)
    if context is not None:
        refuse_short_context(encoder, whole(context, "context"))
    elif encoder.stride > 1:
        raise ConfigError(
            f"encoder {config.encoder.name} gives a vector for every {encoder.stride} steps, not for each; "
            "set context, or use one such as dilated-conv or causal-tcn"
        )


def by_length(
    learned: Learned, instances: Instances, windows: Windows, least: int = 1
) -> Iterator[tuple[Panel, Ints]]:
    """Standardised windows of one length after the other, with their numbers.

    Raises
    ------
    DataError
        When a window has fewer than ``least`` steps.
    """
    shortest = int(windows.length.argmin())
    if windows.length[shortest] < least:
        raise DataError(
            f"instance {instances.index[windows.row[shortest]]} has {windows.length[shortest]} steps, fewer "
            f"than the {least} of one step of the encoder; leave it out or use one such as dilated-conv"
        )
    scaler = learned.scaler
    if scaler is None:
        longest = int(windows.length.max())
        scaler = fit_scaler(instances.panel(instances.windows(None), longest), "record")
    for length in np.unique(windows.length):
        index = np.flatnonzero(windows.length == length)
        alike = Windows(windows.row[index], windows.start[index], windows.length[index])
        yield scaler.apply(instances.panel(alike, int(length))), index


def refuse_other_channels(fitted: tuple[str, ...], given: Instances) -> None:
    """Check that there are as many channels as in fit, and where both have names, the same ones.

    Raises
    ------
    DataError
        Naming both.
    """
    numbered = tuple(f"ch{i}" for i in range(len(given.channels)))
    same = fitted == given.channels or (len(fitted) == len(numbered) and numbered in (fitted, given.channels))
    if not same:
        raise DataError(
            f"the data have the channels {', '.join(given.channels)}, the estimator was fitted on "
            f"{', '.join(fitted)}; select and order them alike"
        )
