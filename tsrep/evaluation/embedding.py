"""Features of a whole panel from a frozen encoder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tsrep.errors import DataError
from tsrep.signals.panel import Panel


def embed(
    encoder: Callable[[Tensor], Tensor],
    panel: Panel,
    *,
    pool: Callable[[Tensor], Tensor],
    batch_size: int = 256,
    device: torch.device | str = "cpu",
    amp: bool = False,
) -> NDArray[np.float32]:
    """Features of every sample, in the order of the panel.

    Parameters
    ----------
    encoder : callable
        Signals (batch, channel, time) to representations (batch, dim, time'). A module is put into
        evaluation mode meanwhile and gets its modes back; it must be on ``device`` already.
    panel : Panel
        Standardised as the encoder was trained.
    pool : callable
        Representations to features (batch, dim), such as the maximum over time.
    batch_size : int
        Samples at a time; the features do not depend on it but for rounding.
    device : torch.device or str
    amp : bool
        Run in bfloat16 where autocast does.

    Returns
    -------
    float32 array, shape (sample, dim)

    Raises
    ------
    DataError
        When the panel is empty or the pooled features are not one row for each sample.
    """
    if not len(panel):
        raise DataError("the panel has no samples to embed; look at the split or the selection")
    device = torch.device(device)
    rows: list[NDArray[np.float32]] = []
    with torch.no_grad(), evaluating(encoder), torch.autocast(device.type, torch.bfloat16, enabled=amp):
        for at in range(0, len(panel), batch_size):
            x = torch.from_numpy(panel.take(np.arange(at, min(at + batch_size, len(panel)))))
            features = pool(encoder(x.to(device)))
            if features.shape[:1] != x.shape[:1] or features.ndim != 2:
                raise DataError(
                    f"pooled features have shape {tuple(features.shape)} for {len(x)} samples; "
                    "the pooling must give one row for each"
                )
            rows.append(features.float().cpu().numpy())
    return np.concatenate(rows)


@contextmanager
def evaluating(encoder: Any) -> Iterator[None]:
    """Evaluation mode for a module, and afterwards the mode that each of its parts had."""
    modes = {part: part.training for part in encoder.modules()} if isinstance(encoder, nn.Module) else {}
    try:
        if modes:
            encoder.eval()
        yield
    finally:
        for part, mode in modes.items():
            part.training = mode
