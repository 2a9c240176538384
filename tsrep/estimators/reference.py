"""Estimators that take a trained encoder by a reference."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from tsrep.encoders.encoder import Encoder
from tsrep.errors import ConfigError, DataError, RunError
from tsrep.estimators.instances import numbered
from tsrep.registry import ENCODERS
from tsrep.runs.config import Configuration, plain
from tsrep.runs.init.beginning import Begun, beginning
from tsrep.signals import Panel
from tsrep.signals.contract import SignalContract
from tsrep.signals.standardise import Scaler
from tsrep.signals.units import factor

KNOWN = ("global", "channel", "record", "none")  # ways of standardising that instances can have


def is_reference(encoder: Any) -> bool:
    """Whether a text names a trained encoder, and no architecture."""
    from tsrep.runs.references.reference import resolve

    if not isinstance(encoder, str) or encoder in ENCODERS.names():
        return False
    try:
        resolve(encoder)
    except RunError:
        return False
    return True


def taken(config: Configuration, panel: Panel) -> Encoder:
    """The trained encoder that a configuration starts from, for the channels of a panel.

    Raises
    ------
    DataError
        When the channels are neither as many nor called as those that it was trained on.
    """
    return begun(config, _called_alike(config, panel)).encoder.eval()


def begun(config: Configuration, panel: Panel) -> Begun:
    """Encoder and objective that start from the reference of a configuration.

    As many channels as those of the reference are taken for these, in order, where none has a name of them.
    """
    theirs = None if config.contract is None else config.contract.channels
    if theirs is not None and len(theirs) == len(panel.channels) and not set(theirs) & set(panel.channels):
        panel = replace(panel, channels=theirs)
    return beginning(config).begun(config, panel)


def start_of(config: Configuration) -> dict[str, Any]:
    """What a configuration has from a reference, as plain values that need it no more."""
    values = plain(config)
    if config.init is None:
        return {"encoder": values["encoder"]}
    return {key: values[key] for key in ("encoder", "init", "contract", "window")}


def scaler_of(config: Configuration) -> Scaler | None:
    """What instances are standardised by for a trained encoder; None where each is by itself.

    Raises
    ------
    ConfigError
        When it was trained on a series, or signals were standardised in a way that instances cannot be.
    """
    if config.contract is None:
        source = "" if config.init is None else config.init.source
        raise ConfigError(
            f"{source} was trained on a series; use ContrastiveForecaster, or an encoder of recordings"
        )
    how = config.contract.standardise
    if how.how not in KNOWN:
        raise ConfigError(
            f"the encoder was trained on signals standardised by {how.how}, which estimators do not do; use "
            "tsrep.embed on recordings instead"
        )
    if how.how == "record":
        return None
    mean, std = (np.array([value], np.float32) for value in (how.mean or [0.0], how.std or [1.0]))
    return Scaler(mean, std)


def in_units(x: np.ndarray, sfreq: float, contract: SignalContract) -> np.ndarray:
    """Volts of MNE Epochs in the unit that an encoder was trained in.

    Raises
    ------
    DataError
        When the rate is another, or the unit is no voltage.
    """
    if sfreq != contract.sfreq:
        raise DataError(
            f"the epochs have a rate of {sfreq:g} Hz, the encoder was trained at {contract.sfreq:g} Hz; "
            "resample them"
        )
    return x * factor("V", contract.unit)


def _called_alike(config: Configuration, panel: Panel) -> Panel:
    """The panel, after a check that its channels are known to the encoder or have no names."""
    mine, theirs = panel.channels, None if config.contract is None else config.contract.channels
    if theirs is None or set(mine) <= set(theirs) or mine == numbered(len(theirs)):
        return panel
    source = "the encoder" if config.init is None else config.init.source
    raise DataError(
        f"the data have the channels {', '.join(mine[:6])}, {source} was trained on "
        f"{', '.join(theirs[:6])}{', ...' if len(theirs) > 6 else ''}; name the columns so, or give an array "
        f"of {len(theirs)} channels in that order"
    )
