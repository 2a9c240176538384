"""What is tried on a foreign encoder before anything is computed with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from tsrep.errors import ContractError
from tsrep.rng import torch_generator
from tsrep.text import plural

if TYPE_CHECKING:
    from tsrep.encoders.adapters.adapter import Adapter

ROUNDING = 1e-5  # of the largest value
MOST_FRESH = 0.01  # of the weights may differ between two loads
BATCHES = (1, 2, 5)


def check_foreign(load: Callable[[], Adapter], name: str = "load") -> tuple[str, ...]:
    """Try a foreign encoder on small batches, and load it twice.

    Parameters
    ----------
    load : callable
        Makes the encoder with its weights.
    name : str
        What messages call the callable.

    Returns
    -------
    tuple of str
        What was found, a sentence each.

    Raises
    ------
    ContractError
        When a batch mate reaches a representation, shapes are not as the contract says, two passes differ,
        usual signals give no finite numbers, the output does not depend on the input, or weights did not come
        from a checkpoint.
    """
    encoder = load().eval()
    with torch.no_grad():
        found = [
            _check_shapes(encoder, name),
            _check_repeats(encoder, name),
            _check_batch_mates(encoder, name),
            _check_finite(encoder, name),
            _check_depends(encoder, name),
        ]
    return (*found, _check_fresh(load, encoder, name))


def example_signals(encoder: Adapter, batch: int, key: int = 0) -> Tensor:
    """Standard normal signals of the contract's channels and window, shape (batch, channel, time)."""
    shape = (batch, len(encoder.channel_names), encoder.window_steps)
    return torch.randn(*shape, generator=torch_generator("foreign encoder", key))


def _check_shapes(encoder: Adapter, name: str) -> str:
    shapes = {batch: tuple(encoder(example_signals(encoder, batch)).shape) for batch in BATCHES}
    for batch, shape in shapes.items():
        if shape[0] != batch:
            raise ContractError(
                f"{name}() gives shape {shape} for {plural(batch, 'window')}; the first axis must be "
                "the batch"
            )
        if shape[1] != encoder.dim:
            raise ContractError(
                f"{name}() gives {shape[1]} features a step, and its contract says {encoder.dim}; correct "
                "output.dim of the contract, or the order of the axes, (batch, dim, time)"
            )
    steps, expected = shapes[1][2], encoder.window_steps / encoder.stride
    if abs(steps - expected) > 1 + 0.1 * expected:  # padding of convolutions may add some
        raise ContractError(
            f"{name}() gives {steps} steps for {encoder.window_steps}, and its contract says a stride of "
            f"{encoder.stride}; correct output.stride of the contract"
        )
    return f"a window of {encoder.window_steps} steps gives {encoder.dim} features at {steps} steps"


def _check_batch_mates(encoder: Adapter, name: str) -> str:
    x = example_signals(encoder, BATCHES[-1])
    together, alone = encoder(x), torch.cat([encoder(row[None]) for row in x])
    if (off := _difference(together, alone)) > ROUNDING:
        raise ContractError(
            f"{name}() gives a window other features in a batch of {len(x)} than alone (difference "
            f"{off:.2g}); put it into eval mode"
        )
    return "a window's features do not depend on its batch"


def _check_repeats(encoder: Adapter, name: str) -> str:
    x = example_signals(encoder, 2)
    if (off := _difference(encoder(x), encoder(x))) > ROUNDING:
        raise ContractError(
            f"{name}() gives other features at each pass (difference {off:.2g}); turn its dropout and other "
            "randomness off in eval mode"
        )
    return "two passes agree"


def _check_finite(encoder: Adapter, name: str) -> str:
    for what, x in _trying(encoder):
        if not bool(encoder(x).isfinite().all()):
            raise ContractError(f"{name}() gives no finite number for {what}; let it divide by no zero")
    return "silence, a flat channel and signals of a thousandfold size give finite numbers"


def _trying(encoder: Adapter) -> Iterator[tuple[str, Tensor]]:
    x = example_signals(encoder, 2)
    flat, gap = x.clone(), x.clone()
    flat[:, 0] = 0
    yield "signals that are zero", torch.zeros_like(x)
    yield "signals with a flat channel", flat
    yield "signals of a thousandfold size", 1000 * x
    if encoder.contract.missing_values == "nan":
        gap[:, :, : x.shape[2] // 10] = torch.nan
        yield "signals with missing values, which its contract says it takes", gap


def _check_depends(encoder: Adapter, name: str) -> str:
    one, other = encoder(example_signals(encoder, 2)), encoder(example_signals(encoder, 2, key=1))
    if _difference(one, other) <= ROUNDING:
        raise ContractError(
            f"{name}() gives the same features for all signals; give it weights that were trained, or look "
            "at what it reads"
        )
    return "the features depend on the signals"


def _difference(one: Tensor, other: Tensor) -> float:
    """Largest difference, relative to the largest value."""
    return float((one - other).abs().max() / one.abs().max().clamp(min=1e-30))


def _check_fresh(load: Callable[[], Adapter], encoder: Adapter, name: str) -> str:
    if encoder.description.random:
        return f"the weights are {encoder.description.parameters_from}, as it says"
    tensors, share, total = fresh_weights(load)
    if share > MOST_FRESH:
        raise ContractError(
            f"{tensors} of {total} tensors ({100 * share:.0f} % of the weights) differ between two loads by "
            f"{name}(), so they did not come from a checkpoint; load it with strict=True"
        )
    return f"{total - tensors} of {total} tensors are the same in two loads"


def fresh_weights(load: Callable[[], Adapter]) -> tuple[int, float, int]:
    """Tensors that differ between two loads under two states of torch's generator, and so came from no file.

    Tensors whose initial values are constant, such as the scales of norms, do not show, nor does what a
    function draws that seeds torch by itself.

    Returns
    -------
    tensors : int
    share : float
        Of the weights.
    total : int
        Tensors with weights.
    """
    states = []
    for seed in (1, 2):
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            states.append({name: p.detach() for name, p in load().named_parameters()})
    one, other = states
    if one.keys() != other.keys():
        raise ContractError("two loads give other parts; let the function make the same network each time")
    fresh = [name for name in one if not torch.equal(one[name], other[name])]
    weights = max(sum(p.numel() for p in one.values()), 1)
    return len(fresh), sum(one[name].numel() for name in fresh) / weights, len(one)
