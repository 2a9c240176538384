"""What all conformance checks use to say that a promise is broken."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from inspect import signature
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn


def require(condition: bool, message: str) -> None:
    """Raise AssertionError with ``message`` unless ``condition`` holds; also under ``python -O``."""
    if not condition:
        raise AssertionError(message)


def require_factory(what: str, make: object) -> None:
    """Require a class or function that makes fresh objects, in place of one of them."""
    require(
        callable(make) and not isinstance(make, nn.Module),
        f"{make!r:.60} makes nothing; give a class or a function that gives a fresh {what} each time",
    )


def taken(make: Callable[..., object], given: Mapping[str, Any]) -> dict[str, Any]:
    """Those of some named values that a class or function takes."""
    names = signature(make).parameters.values()
    if any(each.kind is each.VAR_KEYWORD for each in names):
        return dict(given)
    return {each.name: given[each.name] for each in names if each.name in given}


def close(one: Tensor, other: Tensor, *, rtol: float = 1e-4, atol: float = 1e-5) -> bool:
    """Whether two tensors agree, by default up to rounding of float32, missing values included."""
    return one.shape == other.shape and torch.allclose(one, other, rtol=rtol, atol=atol, equal_nan=True)


@contextmanager
def global_randomness_untouched(what: str) -> Iterator[None]:
    """Require that nothing inside draws from, or seeds, the global generators."""
    before = _global_state()
    yield
    require(
        _global_state() == before,
        f"{what} uses a global random generator; draw from the generator that it is given",
    )


@contextmanager
def state_untouched(what: str, *modules: nn.Module) -> Iterator[None]:
    """Require that parameters and buffers are bit-identical afterwards."""
    before = deepcopy([module.state_dict() for module in modules])
    yield
    for module, old in zip(modules, before, strict=True):
        for name, value in module.state_dict().items():
            message = f"{what} changes {name!r} of {type(module).__name__}; evaluation must leave it"
            require(close(value, old[name], rtol=0, atol=0), message)


def require_gradients(what: str, module: nn.Module) -> None:
    """Require a finite gradient at every parameter that asks for one."""
    grads = {name: parameter.grad for name, parameter in module.named_parameters() if parameter.requires_grad}
    for name, grad in grads.items():
        require(grad is not None, f"no gradient of {what} reaches parameter {name!r}")
        finite = grad is not None and bool(grad.isfinite().all())
        require(finite, f"the gradient of {what} at parameter {name!r} is not finite")


def _global_state() -> tuple[bytes, str, object]:
    legacy = np.random.get_state()  # noqa: NPY002 - reading the legacy state is the only way to guard it
    return torch.get_rng_state().numpy().tobytes(), repr(legacy), random.getstate()
