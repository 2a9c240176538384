"""Which signals a run sees that starts from an encoder of other data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, get_args

from tsrep.errors import ConfigError, ContractError
from tsrep.signals import Panel
from tsrep.signals.contract import SignalContract, Window
from tsrep.signals.convert import plan
from tsrep.signals.policies import Policies
from tsrep.signals.standardise import Standardisation

if TYPE_CHECKING:
    from tsrep.runs.config import Configuration
    from tsrep.runs.loaded_encoder import LoadedEncoder


def shown_alike(loaded: LoadedEncoder, given: Mapping[str, Any]) -> dict[str, Any]:
    """Plain settings ``contract`` and ``window`` of a run that is shown signals as a reference was.

    Parameters
    ----------
    loaded : LoadedEncoder
    given : mapping
        Checked settings of the windows, where the run has windows of its own.

    Raises
    ------
    ConfigError
        When the run would standardise otherwise, or the reference does not take such windows.
    """
    contract, settings = loaded.contract, dict(given)
    how, theirs = settings.pop("standardise", None), loaded.contract.standardise.how
    if how not in (None, theirs):
        raise ConfigError(
            f"window.standardise is {how}, and {loaded.reference} standardises by {theirs}; leave it out, or "
            "set init.contract to mine"
        )
    if settings:
        contract = contract.model_copy(update={"window": _window(loaded, settings)})
    window = {"seconds": contract.window.seconds, "hop_seconds": contract.window.hop_seconds}
    same = {"standardise": theirs} if theirs in get_args(Standardisation) else {}
    return {"contract": contract.model_dump(mode="json"), "window": window | same}


def _window(loaded: LoadedEncoder, given: Mapping[str, Any]) -> Window:
    """Windows as settings of a run say them, at the rate of the reference."""
    rate, theirs = loaded.contract.sfreq, loaded.contract.window
    steps, hop = given.get("steps"), given.get("hop_seconds")
    if steps is None:
        seconds = given.get("seconds", theirs.seconds)
        steps = None if seconds is None else round(seconds * rate)
    if steps is not None and steps % theirs.multiple_of:
        raise ConfigError(
            f"a window of {steps} steps is asked for, and {loaded.reference} takes multiples of "
            f"{theirs.multiple_of}; change window.seconds, or leave it out"
        )
    if given.get("hop_steps") is not None:
        hop = given["hop_steps"] / rate
    seconds = None if steps is None else steps / rate
    new = {"steps": steps, "seconds": seconds, "least": steps or theirs.least, "hop_seconds": hop or seconds}
    return theirs.model_copy(update=new)


def with_channels(config: Configuration, records: Panel) -> Configuration:
    """The configuration with those channels of the contract that recordings have or give.

    The encoder's own are taken where all are there or follow from others, and otherwise those that do; where
    none does, the conversion says why. With fresh weights all channels of the recordings are.

    Parameters
    ----------
    config : Configuration
    records : Panel
        Whole recordings.
    """
    contract, init = getattr(config, "contract", None), config.init
    if contract is None or init is None or contract.channels is None:
        return config
    if init.channels == "fresh":
        channels = records.channels
    elif init.channels == "refuse" or _fits(contract, records, init.conversion):
        return config
    else:
        one = {name: _only(contract, (name,)) for name in contract.channels}
        channels = tuple(name for name in one if _fits(one[name], records, init.conversion))
    if not channels:
        return config
    return config.model_copy(update={"contract": _only(contract, channels)})


def _fits(contract: SignalContract, records: Panel, policies: Policies) -> bool:
    """Whether recordings have or give all channels."""
    try:
        plan(records, contract, policies)
    except ContractError:
        return False
    return True


def _only(contract: SignalContract, channels: tuple[str, ...]) -> SignalContract:
    """The contract for other channels, with the statistics that it has of each.

    Raises
    ------
    ConfigError
        When every channel has statistics of its own, and a new one has none.
    """
    update: dict[str, Any] = {"channels": channels}
    known, how = contract.channels or (), contract.standardise
    if how.how == "channel":
        if new := [name for name in channels if name not in known]:
            raise ConfigError(
                f"signals are standardised by statistics of each channel, and the reference has none of "
                f"{', '.join(new[:4])}; set init.contract to mine"
            )
        of = dict(zip(known, zip(how.mean or (), how.std or (), strict=True), strict=True))
        mean, std = zip(*(of[name] for name in channels), strict=True)
        update["standardise"] = how.model_copy(update={"mean": mean, "std": std})
    return contract.model_copy(update=update)
