"""A module to be exported, with examples of its inputs and what a user must know of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Literal, get_args

import numpy as np
from torch import Tensor, nn

from tsrep.errors import ConfigError
from tsrep.evaluation.arrays import Array
from tsrep.evaluation.heads.head import Head
from tsrep.runs.export.predictor import Further
from tsrep.runs.export.preprocessing import Division, Level
from tsrep.runs.export.traced import Lengths, Make, noise
from tsrep.runs.loaded_encoder import LoadedEncoder
from tsrep.signals.contract import SignalContract

What = Literal["encoder", "predictor", "forecaster"]
EXAMPLE = 3  # samples to trace with; 1 would count as fixed


@dataclass(frozen=True)
class Request:
    """Options of :func:`tsrep.runs.export.export.export` on what is exported."""

    steps: int | None = None
    preprocessing: Level | None = None
    head: str | None = None
    leads: tuple[str, ...] = ()
    further: tuple[Further, ...] = ()
    calibrated: bool | None = None

    def refuse_meaningless(self, what: What) -> None:
        """Check that options which a part does not have were not given.

        Raises
        ------
        ConfigError
        """
        if strangers := set(self.further) - set(get_args(Further)):
            raise ConfigError(f"a predictor gives no {strangers.pop()!r}; write --with z or --with steps")
        of_predictor = {"--head": self.head, "--with": self.further, "--calibrated": self.calibrated}
        of_windows = {"--preprocessing": self.preprocessing, "--leads": self.leads, "--steps": self.steps}
        foreign = of_predictor if what == "encoder" else of_predictor | of_windows
        for option, value in foreign.items() if what != "predictor" else ():
            if value not in (None, ()):
                raise ConfigError(
                    f"{option} says nothing of the {what}; leave it out, or export the predictor"
                )


@dataclass(frozen=True, eq=False)
class Subject:
    """A module to be exported.

    Attributes
    ----------
    module : Module
    inputs : dict of str to Tensor
        Examples, shape (batch, channel, time).
    outputs : tuple of str
    stride : int or None
        Steps per step of the output; None where the length is given.
    contract : SignalContract
    channels : tuple of str
        Of the first input.
    about : dict
        For the metadata, besides what every file says.
    division : Division
    make : callable
        Signals like those it is shown.
    head : Head or None
    calibrated : bool
    """

    module: nn.Module
    inputs: dict[str, Tensor]
    outputs: tuple[str, ...]
    stride: int | None
    contract: SignalContract
    channels: tuple[str, ...]
    about: Mapping[str, Any]
    division: Division
    make: Make = noise
    head: Head | None = None
    calibrated: bool = False

    def decide(self, prob: Array) -> Array:
        """Decisions from the probabilities that it gives, of windows that are whole recordings."""
        assert self.head is not None
        prob = prob.astype(np.float64)
        return self.head.labels(prob if self.calibrated else self.head.calibrated(prob))

    def metadata(self, what: What, lengths: Lengths) -> dict[str, Any]:
        """What a user of the file must know, as JSON."""
        shape = {
            name: ["batch", x.shape[1], "time" if name == "x" else x.shape[2]]
            for name, x in self.inputs.items()
        }
        return {
            "what": what,
            "made_by": {"tsrep": version("tsrep"), "torch": version("torch")},
            **self.about,
            "contract": json.loads(self.contract.to_json()),
            "channels": list(self.channels),
            "inputs": shape,
            "outputs": list(self.outputs),
            "time": {"kind": lengths.kind, "steps": lengths.steps, "says": _says(lengths)},
            "preprocessing": {
                "inside": list(self.division.inside),
                "before": list(self.division.outside),
                "why": self.division.why,
            },
        }


def _says(lengths: Lengths) -> str:
    return {
        "any": f"batches of any size and signals of any length from {lengths.steps} steps on",
        "multiple": f"batches of any size and signals of a multiple of {lengths.steps} steps, at least two",
        "fixed": f"batches of any size and signals of {lengths.steps} steps only",
    }[lengths.kind]


def about_encoder(loaded: LoadedEncoder) -> dict[str, Any]:
    """What a user of a file must know of the encoder in it."""
    made = loaded.architecture
    encoder = {"name": type(loaded.encoder).__name__} if made is None else json.loads(made.to_json())
    return {
        "encoder": encoder,
        "name": loaded.name,
        "weights": loaded.weights,
        "licence": loaded.licence,
        "citation": loaded.citation,
        "contamination": {"ledger": None if loaded.ledger is None else loaded.ledger.digest},
    }
