"""Encoders and predictors as they are exported: what comes before them, and with which lengths."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tsrep.errors import ConfigError, ContractError
from tsrep.evaluation.heads.head import Head
from tsrep.runs.export.leads import Mixed
from tsrep.runs.export.predictor import Predictor, Prepended
from tsrep.runs.export.preprocessing import Division, Level, Preprocessing, divide
from tsrep.runs.export.subject import EXAMPLE, Request, Subject, about_encoder
from tsrep.runs.export.traced import noise
from tsrep.runs.loaded_encoder import LoadedEncoder
from tsrep.runs.references.reference import Reference
from tsrep.signals.contract import SignalContract

LARGEST = 1 << 26  # values of the example that is traced, a quarter of a gigabyte
ONE_WINDOW = ("crop-start", "crop-centre", "refuse", "interpolate")


def encoder_of(reference: Reference, request: Request) -> Subject:
    """From windows to representations of time steps."""
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


def predictor_of(reference: Reference, request: Request) -> Subject:
    """From windows to probabilities."""
    loaded = _opened(reference)
    head = loaded.head(request.head).of_classes()
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
    make = partial(_signals, contract, division)
    channels = request.leads or contract.channels or ()
    count = len(request.leads) or _seen(loaded)
    if not count:
        raise ContractError(f"{loaded.reference} takes any channels; an exported file needs a fixed number")
    if EXAMPLE * count * steps > LARGEST:
        raise ConfigError(
            f"windows of {steps} steps of {count} channels are too long to compare the exported file with "
            f"the original; give at most {LARGEST // (EXAMPLE * count)} with --steps"
        )
    return Subject(
        module,
        {"x": make(EXAMPLE, count, steps)},
        outputs,
        stride,
        contract,
        tuple(channels),
        about_encoder(loaded) | dict(about or {}),
        division,
        make,
        **further,
    )


def _signals(contract: SignalContract, division: Division, batch: int, channels: int, length: int) -> Tensor:
    """Random signals about as large as those that are shown, with a missing value where one may be."""
    x = noise(batch, channels, length)
    if contract.missing_values != "nan" and "missing" not in division.inside:
        x = torch.nan_to_num(x)
    how = contract.standardise
    if "standardise" not in division.inside:
        return x
    mean, std = (float(np.mean(values)) for values in (how.mean or (0.0,), how.std or (1.0,)))
    return x * std + mean


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
