"""What can be exported: each a module with examples of its inputs and what a user must know of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from typing import Any, Literal, get_args

import numpy as np
from torch import Tensor, nn

from tsrep.errors import ConfigError, ContractError
from tsrep.evaluation.arrays import Array
from tsrep.evaluation.heads.head import Head
from tsrep.objectives.forecaster import Forecaster
from tsrep.runs.export.leads import Mixed
from tsrep.runs.export.predictor import Further, Predictor, Prepended
from tsrep.runs.export.preprocessing import Division, Level, Preprocessing, divide
from tsrep.runs.export.traced import Lengths, Make, noise
from tsrep.runs.loaded_encoder import LoadedEncoder
from tsrep.runs.references.reference import Reference
from tsrep.signals.contract import SignalContract

What = Literal["encoder", "predictor", "forecaster"]
EXAMPLE = 3  # samples to trace with; 1 would count as fixed
ONE_WINDOW = ("crop-start", "crop-centre", "refuse", "interpolate")


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


def _encoder(reference: Reference, request: Request) -> Subject:
    loaded = _opened(reference)
    level = request.preprocessing or "none"
    before, division = _before(loaded, request, level)
    plain = level == "none" and not request.leads
    return _of_windows(
        loaded,
        request,
        loaded.encoder if plain else Prepended(before, loaded.encoder),
        division,
        outputs=("z",),
    )


def _predictor(reference: Reference, request: Request) -> Subject:
    loaded = _opened(reference)
    head = loaded.head(request.head)
    before, division = _before(loaded, request, request.preprocessing or "full")
    window = loaded.contract.window
    whole = window.steps is None or window.longer in ONE_WINDOW
    calibrated = whole if request.calibrated is None else request.calibrated
    calibrated = calibrated and head.calibration is not None
    module = Predictor(before, loaded.encoder, head, calibrated=calibrated, further=request.further)
    facts = {"head": _of_head(head), "calibrated": calibrated}
    return _of_windows(
        loaded,
        request,
        module.eval(),
        division,
        outputs=("probability", *request.further),
        about=facts,
        head=head,
        calibrated=calibrated,
    )


def _opened(reference: Reference) -> LoadedEncoder:
    loaded = reference.open()
    if loaded.stored is not None:
        raise ContractError(
            f"{loaded.reference} holds vectors computed elsewhere and no encoder; give what computed them"
        )
    return loaded


def _before(loaded: LoadedEncoder, request: Request, level: Level) -> tuple[nn.Module, Division]:
    """What comes before the encoder, and what that does."""
    contract, channels = loaded.contract, len(loaded.contract.channels or ())
    if (level != "none" or request.leads) and channels != _seen(loaded):
        raise ContractError(
            f"the encoder is shown {_seen(loaded)} channels at a time and its contract has "
            f"{channels or 'any'}; export it with --what encoder --preprocessing none"
        )
    division = divide(contract, level)
    module: nn.Module = Preprocessing(contract, division.inside)
    if request.leads:
        if division.outside and level != "none":
            raise ConfigError(
                f"--leads cannot be had, since {', '.join(division.outside)} must be done before the file, "
                "on all channels; leave --leads out"
            )
        module = nn.Sequential(Mixed(contract, request.leads), module)
    return module, division


def _seen(loaded: LoadedEncoder) -> int:
    """Channels that are shown to the encoder at a time."""
    made = loaded.architecture
    return len(loaded.contract.channels or ()) if made is None else made.channels


def _of_windows(
    loaded: LoadedEncoder,
    request: Request,
    module: nn.Module,
    division: Division,
    *,
    outputs: tuple[str, ...],
    about: Mapping[str, Any] | None = None,
    **further: Any,
) -> Subject:
    """A module from windows, traced with such as it is shown."""
    contract, stride = loaded.contract, loaded.encoder.stride
    steps = request.steps or contract.window.steps
    if steps is None:
        raise ConfigError(f"{loaded.reference} takes recordings of any length; give one with --steps")
    if steps < 2 * stride:
        raise ConfigError(
            f"{steps} steps are less than two strides of the encoder, {2 * stride} steps; give more with "
            "--steps"
        )
    make = partial(_raw, contract) if "standardise" in division.inside else noise
    channels = request.leads or contract.channels or ()
    count = len(request.leads) or _seen(loaded)
    if not count:
        raise ContractError(f"{loaded.reference} takes any channels; an exported file needs a fixed number")
    return Subject(
        module,
        {"x": make(EXAMPLE, count, steps)},
        outputs,
        stride,
        contract,
        tuple(channels),
        _of_loaded(loaded) | dict(about or {}),
        division,
        make,
        **further,
    )


def _raw(contract: SignalContract, batch: int, channels: int, length: int) -> Tensor:
    """Random signals about as large as those that the encoder was trained on."""
    how = contract.standardise
    mean, std = (float(np.mean(values)) for values in (how.mean or (0.0,), how.std or (1.0,)))
    return noise(batch, channels, length) * std + mean


def _of_loaded(loaded: LoadedEncoder) -> dict[str, Any]:
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


def _of_head(head: Head) -> dict[str, Any]:
    facts = ("calibration", "thresholds", "sets", "validation", "scored", "fitted_on")
    found: dict[str, Any] = {
        "name": head.name,
        "kind": head.kind,
        "pool": head.pool,
        "classes": list(head.classes),
        "multilabel": head.multilabel,
        "aggregate": head.aggregate,
    }
    for name in facts:
        value = getattr(head, name)
        found[name] = None if value is None else value.model_dump(mode="json")
    return found


class PastAlone(nn.Module):
    """A forecaster that knows nothing in advance, as a map of the past alone."""

    def __init__(self, forecaster: Forecaster) -> None:
        super().__init__()
        self.forecaster = forecaster

    def forward(self, past: Tensor) -> Tensor:
        """Map (batch, channel, lookback) to (batch, channel, horizon)."""
        return self.forecaster(past, past.new_zeros(past.shape[0], 0, self.forecaster.horizon))


def _forecaster(reference: Reference, request: Request) -> Subject:
    del request
    run = reference.run
    forecaster, loaded, known = run.forecaster(), run.loaded(), run.counts["covariates"]
    past = noise(EXAMPLE, run.counts["channels"], forecaster.lookback)
    inputs, module = {"past": past}, PastAlone(forecaster).eval()
    if known:
        inputs["ahead"] = noise(EXAMPLE, known, forecaster.horizon)
    data = run.provenance["data"]
    norm = getattr(run.config.objective, "norm", "none")
    return Subject(
        forecaster if known else module,
        inputs,
        ("z",),
        None,
        loaded.contract,
        tuple(data["channels"]),
        _of_loaded(loaded) | {"covariates": data.get("covariates", []), "normalisation": norm},
        divide(loaded.contract, "none"),
    )


SUBJECTS: Mapping[What, Callable[[Reference, Request], Subject]] = {
    "encoder": _encoder,
    "predictor": _predictor,
    "forecaster": _forecaster,
}
