"""Outputs of a model and their gradients, without a trace left in the model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from tsrep.errors import ConfigError
from tsrep.rng import torch_generator

Model = Callable[..., Tensor]


@contextmanager
def undisturbed(f: Model) -> Iterator[None]:
    """Evaluation mode, float32 and gradients on; modes are put back after.

    cuDNN is off, since its recurrent layers go backward in training mode only.
    """
    modules = list(f.modules()) if isinstance(f, nn.Module) else []
    modes = [module.training for module in modules]
    for module in modules:
        module.training = False
    try:
        with (
            torch.enable_grad(),
            torch.autocast("cpu", enabled=False),
            torch.autocast("cuda", enabled=False),
            torch.backends.cudnn.flags(enabled=False),
        ):
            yield
    finally:
        for module, mode in zip(modules, modes, strict=True):
            module.training = mode


def outputs(f: Model, x: Tensor, given: Sequence[Tensor]) -> Tensor:
    """What ``f`` gives, in float32.

    Raises
    ------
    ConfigError
        When it is not of shape (batch, output, horizon), or has no gradient that ``x`` asks for.
    """
    y = f(x, *given)
    if y.dim() != 3 or len(y) != len(x):
        raise ConfigError(
            f"the model gave {tuple(y.shape)} for {len(x)} windows; it must give (batch, output, horizon)"
        )
    if x.requires_grad and not y.requires_grad:
        raise ConfigError("the output of the model has no gradient; take occlusion, which needs none")
    return y.float()


def gradient(y: Tensor, x: Tensor, pull: Tensor) -> Tensor:
    """Gradient of ``(y * pull).sum()`` with respect to ``x``; the graph of ``y`` is kept."""
    (found,) = torch.autograd.grad(y, x, pull, retain_graph=True, materialize_grads=True)
    return found


def cotangents(y: Tensor, exact: int, draws: int, key: tuple[int, ...]) -> list[Tensor]:
    """Weights of the outputs of one step, each (batch, output): every output alone, or random signs."""
    batch, width = y.shape[:2]
    if width <= exact:
        return [row.expand(batch, width) for row in torch.eye(width, device=y.device)]
    generator = torch_generator("receptive field", *key)
    signs = torch.randint(0, 2, (draws, batch, width), generator=generator) * 2.0 - 1
    return list(signs.to(y.device))


def chunks(count: int, size: int) -> Iterator[slice]:
    """Slices of at most ``size`` rows that cover ``count`` rows."""
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))
