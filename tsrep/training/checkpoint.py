"""Where a run stands: enough to resume as if it had never stopped."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save
from torch import Tensor

from tsrep.files import in_order, replacing, write_bytes
from tsrep.reading import readable, refuse_other_format

FORMAT = 3


@dataclass
class Kept:
    """An epoch whose weights are kept.

    Attributes
    ----------
    value : float or None
        Of what it was chosen by, larger being better; None where that was not defined.
    epoch : int
    idle : int
        Validations since then.
    """

    value: float | None = None
    epoch: int = 0
    idle: int = 0


@dataclass
class Position:
    """Counters of a run; with the seed they determine all that follows.

    Attributes
    ----------
    epoch, cursor : int
        The next batch: epoch from 1, and index in it from 0.
    step : int
        Steps done.
    kept : dict of Kept
        What is kept so far, by the name of the score that chooses it; the first stands for the run.
    log_bytes : int
        Length of the metric log.
    world : int
        Processes that train together; they share the batches and the random draws.
    seconds : float
        Training time so far.
    """

    epoch: int = 1
    cursor: int = 0
    step: int = 0
    kept: dict[str, Kept] = field(default_factory=dict)
    log_bytes: int = 0
    world: int = 1
    seconds: float = 0.0

    @property
    def idle(self) -> int:
        """Validations since anything was kept."""
        return min((one.idle for one in self.kept.values()), default=0)


def save_state(path: Path, position: Position, **modules: Any) -> None:
    """Write the position and the ``state_dict`` of each module or optimiser, atomically."""
    content = {"format": FORMAT, "position": asdict(position)}
    content |= {name: module.state_dict() for name, module in modules.items()}
    with replacing(path) as temporary, temporary.open("wb") as file:
        try:
            torch.save(content, file)
        except RuntimeError as error:  # torch ends a file that cannot be written, which fails once more
            if isinstance(error.__context__, OSError):
                raise error.__context__ from None
            raise


def load_state(path: Path, **modules: Any) -> Position:
    """Restore what :func:`save_state` wrote; no code in the file is executed.

    Raises
    ------
    RunError
        When the file is broken or belongs to another network.
    """
    with readable(path, "the state of a training", "start the run anew"):
        content = torch.load(path, weights_only=True, map_location="cpu")
        refuse_other_format(path, content["format"], FORMAT)
        position = content["position"]
        kept = {name: Kept(**one) for name, one in position["kept"].items()}
        found = Position(**position | {"kept": kept})
        for name, module in modules.items():
            module.load_state_dict(content[name])
    return found


def kept_file(folder: Path, epoch: int) -> Path:
    """Where a run keeps the weights of an epoch that one of several scores chose."""
    return folder / "kept" / f"{epoch}.safetensors"


def save_weights(path: Path, weights: dict[str, Tensor], metadata: dict[str, str] | None = None) -> None:
    """Write tensors as safetensors, atomically."""
    tensors = {name: value.detach().cpu().contiguous() for name, value in weights.items()}
    write_bytes(path, in_order(save(tensors, metadata)))


def load_weights(path: Path) -> dict[str, Tensor]:
    """Read tensors from a safetensors file.

    Raises
    ------
    RunError
        When the file is missing or broken.
    """
    with readable(path, "weights", "restore it, or train the run again"):
        return dict(load_file(path))
