"""Channels of a contract that the recordings do not have: filled as the user allows, or refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from tsrep.errors import ContractError
from tsrep.signals.contract import SignalContract
from tsrep.signals.montage import neighbours
from tsrep.signals.names import CHEST, LIMB, Named
from tsrep.signals.panel import Panel
from tsrep.signals.policies import Policies
from tsrep.text import few

if TYPE_CHECKING:
    from tsrep.signals.planning.channels import ChannelPlan


def filled(
    plan: ChannelPlan, panel: Panel, read: Sequence[Named], contract: SignalContract, policies: Policies
) -> ChannelPlan:
    """Channels that nothing gives: refused, or filled as the policy says."""
    missing = [name for name, blank in zip(plan.channels, plan.blank, strict=True) if blank]
    if not missing:
        return plan
    policy = policies.missing_channels or contract.missing_channels
    if policy in ("refuse", "derive"):
        raise ContractError(_lacking(missing, panel, read, contract))
    if policy == "mask" and not contract.output.accepts_missing_channels:
        raise ContractError(
            "the encoder takes a step with any missing channel as missing, so that nothing would be left; "
            "use --missing-channels zero or derive"
        )
    if policy == "mean":
        return _averaged(plan, missing, contract)
    most = max(len(plan.channels) // 2, policies.allow_missing)
    if policy == "zero" and len(missing) > most:
        raise ContractError(
            f"the recordings lack {few(missing, 3)}, {len(missing)} of the encoder's {len(plan.channels)} "
            f"channels and more than half; allow that with --allow-missing {len(missing)}"
        )
    filled = "zeros" if policy == "zero" else "missing values"
    note = f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not recorded: {filled} instead"
    return replace(plan, doubts=(*plan.doubts, note))


def _averaged(plan: ChannelPlan, missing: Sequence[str], contract: SignalContract) -> ChannelPlan:
    mix, there = plan.mix.copy(), ~plan.blank
    present = tuple(name for name, is_there in zip(plan.channels, there, strict=True) if is_there)
    for name in missing:
        weights = neighbours(name, present) if contract.modality == "eeg" else _of_its_kind(name, present)
        if not weights:
            raise ContractError(
                f"the recordings have no channel of the kind of {name} to average; choose another "
                "--missing-channels"
            )
        at = [plan.channels.index(other) for other in weights]
        mix[plan.channels.index(name)] = np.array(list(weights.values())) @ plan.mix[at]
    note = f"{', '.join(missing)} not recorded: the mean of like channels instead"
    return replace(plan, mix=mix, blank=np.zeros_like(plan.blank), doubts=(*plan.doubts, note))


def _of_its_kind(name: str, present: Sequence[str]) -> dict[str, float]:
    kind = next((leads_ for leads_ in (LIMB, CHEST) if name in leads_), ())
    like = [other for other in present if other in kind]
    return dict.fromkeys(like, 1 / max(len(like), 1))


def _lacking(missing: list[str], panel: Panel, read: Sequence[Named], contract: SignalContract) -> str:
    bipolar = [n.name for n in read if n.bipolar]
    if bipolar:
        return (
            f"the recordings are bipolar ({few(bipolar, 1)}) and the encoder needs single channels; "
            "nothing can be restored from differences"
        )
    if unnamed(panel):
        return lacking_names(panel, contract)
    modified = [raw for raw, n in zip(panel.channels, read, strict=True) if n.modified and n.name in missing]
    if modified:
        return (
            f"{', '.join(modified)} of the recordings are modified limb leads, which are not quite those "
            "that the encoder was trained on; take them with --allow-modified-leads, or leave them out"
        )
    return (
        f"the recordings lack {few(missing, 3)}, which the encoder was trained on and which do not follow "
        f"from {few(panel.channels, 3)}; choose an encoder for these channels, or allow zeros with "
        "--missing-channels zero"
    )


def unnamed(panel: Panel) -> bool:
    """Whether channels go by numbers alone, as those of an array do."""
    return all(raw == f"ch{k}" for k, raw in enumerate(panel.channels))


def lacking_names(panel: Panel, contract: SignalContract) -> str:
    """That channels must be named, for messages."""
    return (
        f"the channels of the recordings have no names (they are called {few(panel.channels, 2)}) and the "
        f"encoder needs {few(contract.channels or (), 3)}; name them with dataset.channel_names or "
        "dataset.rename"
    )
