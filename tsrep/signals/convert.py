"""Any recordings as an encoder must be shown them, or one sentence that says why they cannot be."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tsrep.errors import ContractError
from tsrep.signals import history
from tsrep.signals.contract import SignalContract
from tsrep.signals.names import read_names
from tsrep.signals.panel import Panel
from tsrep.signals.plan import Plan, times
from tsrep.signals.planning import looks
from tsrep.signals.planning.channels import plan_channels
from tsrep.signals.planning.lengths import plan_length
from tsrep.signals.planning.missing import lacking_names, unnamed
from tsrep.signals.planning.rates import plan_rate
from tsrep.signals.policies import Policies
from tsrep.signals.units import canonical

__all__ = ["Converted", "Plan", "Policies", "convert", "plan"]
NOTHING_ALLOWED = Policies()


@dataclass(frozen=True, eq=False)
class Converted:
    """Recordings as an encoder must be shown them, what was done to them, and which are left out and why.

    Attributes
    ----------
    panel : Panel
        Standardised windows.
    notes, doubts, unusable, bandwidth
        See :class:`Plan`.
    """

    panel: Panel
    notes: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    unusable: tuple[tuple[int, str], ...] = ()
    bandwidth: float = 1.0


def plan(panel: Panel, contract: SignalContract, policies: Policies = NOTHING_ALLOWED) -> Plan:
    """Decide how recordings are brought to a contract: by names, rate, unit, length, history and some values.

    Parameters
    ----------
    panel : Panel
        Whole records.
    contract : SignalContract
    policies : Policies

    Raises
    ------
    ContractError
        When they cannot be, or not without a policy that allows it; one sentence that says what to do.
    """
    if not len(panel):
        raise ContractError("there are no recordings to convert; give at least one")
    _refuse_modality(panel, contract, policies)
    looks.refuse_standardised(history.standardisation(panel.history), contract)
    factor = looks.unit_factor(panel, contract, policies.unit)
    channels = plan_channels(panel, contract, policies)
    rate = plan_rate(panel, contract, policies)
    length = plan_length(rate.steps(panel.length), rate.target, contract)
    used = np.flatnonzero(channels.mix.any(axis=0))
    unusable = tuple(looks.unusable(panel, contract, used))
    _refuse_unusable(panel, unusable, policies)
    missing = policies.missing_channels or contract.missing_channels
    made = Plan(contract, factor, channels, rate, length, missing, unusable=unusable)
    doubts = _doubts(made, panel, policies)
    if doubts and policies.strict:
        raise ContractError(f"{doubts[0]} (--strict)")
    done = (*_unit_note(panel, contract, policies), *channels.notes, *rate.notes, *length.notes)
    return replace(made, notes=done, doubts=(*channels.doubts, *rate.doubts, *doubts))


def convert(panel: Panel, contract: SignalContract, policies: Policies = NOTHING_ALLOWED) -> Converted:
    """Standardised windows of recordings as an encoder must be shown them.

    Parameters
    ----------
    panel : Panel
        Whole records.
    contract : SignalContract
    policies : Policies

    Raises
    ------
    ContractError
        See :func:`plan`.
    """
    planned = plan(panel, contract, policies)
    return Converted(planned.apply(panel), planned.notes, planned.doubts, planned.unusable, planned.bandwidth)


def _doubts(made: Plan, panel: Panel, policies: Policies) -> list[str]:
    """What a look at some of the recordings, and at what they become, makes doubtful."""
    contract = made.contract
    some = replace(looks.some_of(made.usable(panel), looks.MANY), cache=None)
    few = replace(made, unusable=())
    scaled = times(some, made.factor)
    has = canonical(panel.unit if policies.unit is None else policies.unit)
    doubts = [
        *looks.doubts_of_unit(scaled, contract, has),
        *looks.contradictions(scaled, contract),
        *looks.still(some, contract, np.flatnonzero(made.channels.mix.any(axis=0))),
    ]
    if contract.standardise.how in ("global", "channel"):
        doubts += looks.drift(few.apply(some), contract, np.flatnonzero(made.channels.blank))
    return doubts


def _unit_note(panel: Panel, contract: SignalContract, policies: Policies) -> tuple[str, ...]:
    has = canonical(panel.unit if policies.unit is None else policies.unit)
    if not contract.physical or has == contract.unit:
        return ()
    return (f"signals were converted from {has} to {contract.unit}",)


_WORDS = {"ecg": "ECG", "eeg": "EEG", "series": "series"}


def _refuse_modality(panel: Panel, contract: SignalContract, policies: Policies) -> None:
    has, wanted = panel.modality, contract.modality
    # what nothing is said of goes by the names of its channels
    if has == wanted or "other" in (has, wanted) or policies.any_modality:
        return
    if wanted == "series" and any(named.known for named in read_names(contract.channels or (), has)):
        return
    if has == "series":
        if any(named.known for named in read_names(panel.channels, wanted)):
            return
        if unnamed(panel) and contract.channels is not None:
            raise ContractError(lacking_names(panel, contract))
    raise ContractError(
        f"the recordings are {_WORDS[has]} and the encoder was trained on {_WORDS[wanted]}; allow it with "
        "--any-modality"
    )


def _refuse_unusable(panel: Panel, unusable: tuple[tuple[int, str], ...], policies: Policies) -> None:
    if not unusable or not (policies.strict or len(unusable) == len(panel)):
        return
    sample, reason = unusable[0]
    name = panel.record_names[panel.row[sample]] if panel.record_names else str(sample)
    if len(unusable) == len(panel):
        raise ContractError(
            f"none of the {len(panel)} recordings can be used; of the first, {name}, {reason}; check the data"
        )
    raise ContractError(f"recording {name} cannot be used: {reason}; leave it out, or leave out --strict")
