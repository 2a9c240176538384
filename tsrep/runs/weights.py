"""Weights of a network: their digest, and loading them into a module that they must fit."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from tsrep.errors import RunError


def weights_digest(weights: Mapping[str, Tensor]) -> str:
    """SHA-256 of tensors in the order of their names: name, type, shape and bytes of each.

    Parameters
    ----------
    weights : mapping of str to Tensor
        A ``state_dict``; where the tensors lie in memory and on which device does not matter.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    digest = hashlib.sha256()
    for name in sorted(weights):
        tensor = weights[name].detach().cpu().contiguous()
        digest.update(f"{name}\0{str(tensor.dtype).removeprefix('torch.')}\0{list(tensor.shape)}\0".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def fill(module: nn.Module, weights: Mapping[str, Tensor], file: str, recipe: str) -> None:
    """Give a module the weights of a file, every one of them and no other.

    Parameters
    ----------
    module : Module
    weights : mapping of str to Tensor
    file, recipe : str
        What the weights were read from and what the module was made by, for messages.

    Raises
    ------
    RunError
        Naming the first tensor that is missing, left over, or of another shape.
    """
    own = module.state_dict()
    for name, tensor in own.items():
        if name not in weights:
            raise RunError(f"{file} does not fit {recipe}: it lacks the weights {name}; restore one of them")
        if (found := tuple(weights[name].shape)) != tuple(tensor.shape):
            raise RunError(
                f"{file} does not fit {recipe}: it has {name} of shape {found}, which would be "
                f"{tuple(tensor.shape)}; restore one of them"
            )
    if left := next((name for name in weights if name not in own), None):
        raise RunError(
            f"{file} does not fit {recipe}: its weights {left} have no place there; restore one of them"
        )
    module.load_state_dict(dict(weights))
