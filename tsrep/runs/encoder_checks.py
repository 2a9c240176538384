"""What is tried on any encoder before anything is computed with it."""

from __future__ import annotations

import torch
from torch import Tensor

from tsrep.encoders.encoder import Encoder
from tsrep.errors import ContractError
from tsrep.rng import torch_generator
from tsrep.runs.loaded_encoder import LoadedEncoder

BATCH, ROUNDING = 5, 1e-5  # of the largest value
FACTOR = 1000.0


def check_encoder(loaded: LoadedEncoder) -> tuple[str, ...]:
    """Try an encoder on small batches of standard normal signals.

    Parameters
    ----------
    loaded : LoadedEncoder

    Returns
    -------
    tuple of str
        What was found, a sentence each.

    Raises
    ------
    ContractError
        When a representation depends on what else is in a batch or differs between two passes, is not finite,
        or does not depend on the signal.
    """
    x = _signals(loaded)
    with torch.no_grad():
        z = loaded.encoder(x)
        _refuse_shape(loaded, z)
        _refuse_differing(loaded.reference, z, loaded.encoder(x), "in two passes over the same windows")
        alone = torch.cat([loaded.encoder(x[i : i + 1]) for i in range(BATCH)])
        _refuse_differing(loaded.reference, z, alone, f"in a batch of {BATCH} and alone")
        _refuse_infinite(loaded.reference, loaded.encoder, x)
        _refuse_constant(loaded.reference, z)
    return (
        f"{x.shape[2]} steps of {x.shape[1]} channels give {z.shape[2]} steps of {z.shape[1]} numbers",
        "the same in two passes, and whatever else is in a batch",
        f"finite for zeros, for a flat channel and for signals times {FACTOR:g}",
        "another signal gives another representation",
    )


def _signals(loaded: LoadedEncoder) -> Tensor:
    """Windows as the contract wants them, shape (batch, channel, time)."""
    window, output = loaded.contract.window, loaded.contract.output
    steps = window.steps or round((window.seconds or 0) * loaded.contract.sfreq) or 0
    steps = steps or max(4 * (output.stride or 1), 256)
    channels = len(loaded.contract.channels or ("one",))
    if loaded.architecture is not None:
        channels = loaded.architecture.channels
    return torch.randn(BATCH, channels, steps, generator=torch_generator(0, "check of an encoder"))


def _refuse_shape(loaded: LoadedEncoder, z: Tensor) -> None:
    if z.ndim != 3 or z.shape[0] != BATCH or z.shape[1] != loaded.encoder.dim:
        raise ContractError(
            f"{loaded.reference} gives shape {tuple(z.shape)} for {BATCH} windows, not ({BATCH}, "
            f"{loaded.encoder.dim}, time); correct it or its contract"
        )


def _refuse_differing(reference: str, z: Tensor, other: Tensor, when: str) -> None:
    difference = float((z - other).abs().max())
    if not difference <= ROUNDING * max(float(z.abs().max()), 1.0):
        raise ContractError(
            f"{reference} gives a window other features {when} (difference {difference:.2g}); put it into "
            "eval mode"
        )


def _refuse_infinite(reference: str, encoder: Encoder, x: Tensor) -> None:
    flat = x.clone()
    flat[:, 0] = 0
    for signals, what in (
        (torch.zeros_like(x), "zeros"),
        (flat, "a flat channel"),
        (x * FACTOR, "large ones"),
    ):
        if not bool(torch.isfinite(encoder(signals)).all()):
            raise ContractError(f"{reference} gives no finite numbers for {what}; look at its normalisation")


def _refuse_constant(reference: str, z: Tensor) -> None:
    if float((z - z[:1]).abs().max()) <= ROUNDING * float(z.abs().max()):
        raise ContractError(
            f"{reference} gives every signal the same representation; look at how its weights are loaded"
        )
