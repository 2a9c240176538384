"""Weights of an objective that is trained further."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from tsrep.errors import ConfigError
from tsrep.objectives.objective import Objective
from tsrep.runs.init.start import Started


def carried(objective: Objective) -> dict[str, Tensor]:
    """Weights and running statistics of the trained parts of an objective, by name.

    Slow copies, which are made of the encoder and the heads, and queues, which hold what other weights made,
    are not among them.
    """
    found: dict[str, Tensor] = {}
    for path, module in objective.named_modules():
        own = dict(module.named_parameters(recurse=False))
        if any(weight.requires_grad for weight in own.values()):
            tensors = own | dict(module.named_buffers(recurse=False))
            found |= {f"{path}.{name}" if path else name: value for name, value in tensors.items()}
    kept = objective.state_dict()
    return {name: kept[name] for name in found if name in kept}


def start_all(objective: Objective, theirs: Mapping[str, Tensor], source: str) -> dict[str, Tensor]:
    """All weights of an objective from one with the same settings.

    Raises
    ------
    ConfigError
        Naming the first weight that is missing or has another shape.
    """
    own = carried(objective)
    for name, tensor in own.items():
        found = theirs.get(name)
        if found is None or found.shape != tensor.shape:
            shape = "none" if found is None else f"{tuple(found.shape)}"
            raise ConfigError(
                f"the objective needs {name} of shape {tuple(tensor.shape)}, that of {source} has {shape}; "
                "give its settings of the objective, or set init.what to encoder"
            )
    return {name: theirs[name] for name in own}


def start_matching(objective: Objective, theirs: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], Started]:
    """Weights whose name and shape match."""
    own = carried(objective)
    taken = {name: theirs[name] for name in own if name in theirs and theirs[name].shape == own[name].shape}
    return taken, Started(len(taken), tuple(name for name in own if name not in taken))


def other_classes(
    theirs: tuple[tuple[str, ...], bool], mine: tuple[tuple[str, ...], bool], source: str
) -> str | None:
    """A sentence where labels are not those that a head was trained on; None where they are.

    Parameters
    ----------
    theirs, mine : (tuple of str, bool)
        Names of the classes in order, and whether a sample can have several.
    source : str
    """
    if theirs == mine:
        return None
    (old, several), (new, now_several) = theirs, mine
    shown = ", ".join(old[:3]) + (", ..." if len(old) > 3 else "")
    if len(old) != len(new):
        return f"the head of {source} has {len(old)} classes ({shown}), the data {len(new)}"
    if old != new:
        other = next(b for a, b in zip(old, new, strict=True) if a != b)
        return f"the head of {source} has the classes {shown}, the data {other} among them"
    kinds = {True: "several classes a sample", False: "one class a sample"}
    return f"the head of {source} was trained on {kinds[several]}, the data have {kinds[now_several]}"
