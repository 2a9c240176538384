"""Which channels a run sees that starts from an encoder of other data."""

from __future__ import annotations

from tsrep.errors import ContractError
from tsrep.runs.config import Configuration
from tsrep.signals import Panel
from tsrep.signals.contract import SignalContract
from tsrep.signals.convert import Policies, plan


def with_channels(config: Configuration, records: Panel) -> Configuration:
    """The configuration with those channels of the contract that recordings have or give.

    Channels that are chosen by ``dataset.channels`` are taken as they are. Otherwise the encoder's own are
    taken where all are there or follow from others, and else, where ``init.channels`` adapts weights, those
    that do; without any, or with fresh weights, all channels of the recordings.

    Parameters
    ----------
    config : Configuration
    records : Panel
        Whole recordings.
    """
    contract, init = getattr(config, "contract", None), config.init
    if contract is None or init is None or contract.channels is None:
        return config
    chosen = getattr(config.dataset, "channels", None) is not None
    if init.channels == "fresh" or (chosen and init.channels != "refuse"):
        channels = records.channels
    elif init.channels == "refuse" or _fits(contract, records):
        return config
    else:
        there = tuple(name for name in contract.channels if _fits(_only(contract, (name,)), records))
        channels = there or records.channels
    return config.model_copy(update={"contract": _only(contract, channels)})


def _fits(contract: SignalContract, records: Panel) -> bool:
    try:
        return not plan(records, contract, Policies()).unusable
    except ContractError:
        return False


def _only(contract: SignalContract, channels: tuple[str, ...]) -> SignalContract:
    """The contract for other channels, with what was known of each."""
    return contract.for_channels(channels)
