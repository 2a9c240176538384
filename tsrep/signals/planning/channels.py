"""Which recorded channels become which of the contract's: by name, by algebra, by reference, or filled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tsrep.errors import ContractError
from tsrep.signals import history, leads
from tsrep.signals.contract import SignalContract
from tsrep.signals.names import LIMB, MASTOIDS, Named, read_names
from tsrep.signals.panel import Floats, Panel
from tsrep.signals.planning.missing import filled
from tsrep.signals.policies import Policies
from tsrep.text import few

FEW_FOR_AN_AVERAGE = 12
AMPLIFIES = 3.0


class Found(NamedTuple):
    """A recorded channel, and -1 where it is upside down."""

    number: int
    sign: int


@dataclass(frozen=True, eq=False)
class ChannelPlan:
    """The contract's channels from the recorded ones.

    Attributes
    ----------
    channels : tuple of str
    mix : float64 array, shape (wanted, recorded)
    blank : bool array, shape (wanted,)
        Channels that nothing is known of.
    notes : tuple of str
        What is done, a sentence each.
    doubts : tuple of str
        What a reader of scores should be warned of.
    """

    channels: tuple[str, ...]
    mix: NDArray[np.float64]
    blank: NDArray[np.bool_]
    notes: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()

    @property
    def identity(self) -> bool:
        """Whether channels stay as they are."""
        return self.mix.shape[0] == self.mix.shape[1] and bool((self.mix == np.eye(len(self.mix))).all())

    @property
    def picks(self) -> NDArray[np.int64] | None:
        """The recorded channel of each wanted one where that is all; None where values are combined."""
        one = (self.mix != 0).sum(axis=1) == 1
        alone = (np.abs(self.mix).sum(axis=1) == 1) & one
        return np.abs(self.mix).argmax(axis=1) if alone.all() else None

    @property
    def signs(self) -> NDArray[np.float32]:
        """-1 for channels that are picked upside down, shape (wanted,)."""
        return np.asarray(self.mix.sum(axis=1), np.float32)

    def apply(self, x: NDArray[Any]) -> Floats:
        """Channels of signals, shape (record, wanted, time); blank ones are NaN."""
        out = np.full((len(x), len(self.mix), x.shape[2]), np.nan, np.float32)
        for row in np.flatnonzero(~self.blank):
            # channels that take no part must not spread their missing values
            part = np.flatnonzero(self.mix[row])
            out[:, row] = np.einsum("c,nct->nt", self.mix[row, part], x[:, part].astype(np.float64))
        return out


def plan_channels(panel: Panel, contract: SignalContract, policies: Policies) -> ChannelPlan:
    """Find the contract's channels among the recorded ones.

    Raises
    ------
    ContractError
        When one is missing and may not be filled, two channels go by one name, or recordings are bipolar.
    """
    recorded = panel.channels
    if contract.channel_mode == "each":
        return ChannelPlan(recorded, np.eye(len(recorded)), np.zeros(len(recorded), bool))
    modality = contract.modality if contract.modality in ("ecg", "eeg") else panel.modality
    read = read_names(recorded, modality)
    found = _matched(panel, read, contract, policies)
    wanted = contract.channels or tuple(found)
    if contract.channel_mode == "named":
        wanted = tuple(name for name in found if contract.channels is None or name in contract.channels)
    if not wanted:
        raise ContractError(
            f"no channel of the recordings ({few(recorded, 3)}) is one that the encoder knows"
        )
    mix = np.zeros((len(wanted), len(recorded)))
    for row, name in enumerate(wanted):
        if name in found:
            mix[row, found[name].number] = found[name].sign
    plan = ChannelPlan(
        wanted, mix, np.asarray(~mix.any(axis=1)), tuple(_said_of_names(panel, read, found, wanted))
    )
    plan = _derived(plan, found, contract, policies)
    plan = _referenced(plan, panel, read, found, contract)
    return filled(plan, panel, read, contract, policies)


def _matched(
    panel: Panel, read: Sequence[Named], contract: SignalContract, policies: Policies
) -> dict[str, Found]:
    """The recorded channel of each name that the contract may ask for, in the order of the recording."""
    folded = {name.casefold(): name for name in contract.channels or ()}
    found: dict[str, Found] = {}
    for number, (raw, named) in enumerate(zip(panel.channels, read, strict=True)):
        exact = raw in (contract.channels or ())
        unusable = named.bipolar or (named.modified and not policies.allow_modified_leads)
        name = raw if exact else folded.get(named.name.casefold())
        if name is None and (named.known or contract.channels is None):
            name = named.name
        if name is None or (unusable and not exact):
            continue
        one = Found(number, 1 if exact else named.sign)
        if name in found:
            _refuse_different(panel, name, found[name], one)
        else:
            found[name] = one
    return found


def _refuse_different(panel: Panel, name: str, first: Found, second: Found) -> None:
    x = panel.take(np.arange(min(len(panel), 500)))
    a, b = (x[:, number] * sign for number, sign in (first, second))
    if not np.array_equal(a, b, equal_nan=True):
        both = ", ".join(panel.channels[each.number] for each in (first, second))
        raise ContractError(f"2 channels are called {name} ({both}) and differ; rename one (dataset.rename)")


def _said_of_names(
    panel: Panel, read: Sequence[Named], found: dict[str, Found], wanted: Sequence[str]
) -> list[str]:
    notes = []
    taken = {name: found[name] for name in wanted if name in found}
    used = [each.number for each in taken.values()]
    plain = {name: panel.channels[each.number] for name, each in taken.items() if each.sign > 0}
    modified = [raw for name, raw in plain.items() if read[found[name].number].modified and raw != name]
    renamed = [f"{raw} as {name}" for name, raw in plain.items() if raw != name and raw not in modified]
    turned = [panel.channels[each.number] for each in taken.values() if each.sign < 0]
    extra = [raw for number, raw in enumerate(panel.channels) if number not in used]
    if modified:
        notes.append(f"modified limb leads were taken for limb leads ({', '.join(modified)})")
    if turned:
        notes.append(f"{', '.join(turned)} was turned upside down")
    if renamed:
        notes.append(f"channels were taken by other names ({few(renamed, 3)})")
    if used != sorted(used):
        notes.append("channels were reordered")
    if extra:
        notes.append(f"channels that the encoder does not know were left out ({few(extra, 3)})")
    return notes


def _derived(
    plan: ChannelPlan, found: dict[str, Found], contract: SignalContract, policies: Policies
) -> ChannelPlan:
    """Limb leads that are not recorded, from those that are."""
    missing = [name for name, blank in zip(plan.channels, plan.blank, strict=True) if blank and name in LIMB]
    recorded = [name for name in LIMB if name in found]
    allowed = (policies.missing_channels or contract.missing_channels) != "refuse"
    if not (missing and allowed and contract.modality == "ecg" and leads.derivable(missing, recorded)):
        return plan
    signs = np.zeros((len(recorded), plan.mix.shape[1]))
    for row, name in enumerate(recorded):
        signs[row, found[name].number] = found[name].sign
    mix, blank = plan.mix.copy(), plan.blank.copy()
    at = [plan.channels.index(name) for name in missing]
    mix[at] = leads.derivation(missing, recorded) @ signs  # (missing, recorded channel)
    blank[at] = False
    note = f"{', '.join(missing)} were derived from {', '.join(recorded)}"
    if (times := leads.growth_of_noise(recorded)) > AMPLIFIES:
        note += f", which lets noise grow up to {times:.1f}-fold"
    return replace(plan, mix=mix, blank=blank, notes=(*plan.notes, note))


def _referenced(
    plan: ChannelPlan,
    panel: Panel,
    read: Sequence[Named],
    found: dict[str, Found],
    contract: SignalContract,
) -> ChannelPlan:
    """An EEG against the reference of the contract, where it has another one."""
    wanted, has = contract.reference, history.reference(panel.history)
    if contract.modality != "eeg" or wanted in (None, "as recorded", has):
        same = wanted != "as recorded" or has is None
        note = f"the recordings have the reference {_words(has)}, the encoder's were left as recorded"
        return plan if same else replace(plan, doubts=(*plan.doubts, note))
    there, doubts = ~plan.blank, list[str]()
    if wanted == "average":
        taken_off = plan.mix[there].mean(axis=0)
        note = f"signals were referenced to the average of {there.sum()} channels"
        if there.sum() < FEW_FOR_AN_AVERAGE:
            doubts.append(f"an average of {there.sum()} channels is a poor reference; 12 are few")
    else:
        names = MASTOIDS if wanted == "linked mastoids" else tuple(wanted or ())
        if lacks := [name for name in names if name not in found]:
            raise ContractError(
                f"the encoder's reference is {_words(wanted)}, and the recordings have no {few(lacks, 3)}; "
                "choose an encoder with an average reference"
            )
        taken_off = np.eye(plan.mix.shape[1])[[found[name].number for name in names]].mean(axis=0)
        note = f"signals were referenced to {_words(wanted)}"
    if stated := sorted({n.reference for n in read if n.reference}):
        note += f", and before to {', '.join(stated)}, as names of channels say"
    mix = plan.mix.copy()
    mix[there] -= taken_off
    return replace(plan, mix=mix, notes=(*plan.notes, note), doubts=(*plan.doubts, *doubts))


def _words(reference: str | tuple[str, ...] | None) -> str:
    return reference if isinstance(reference, str) else ", ".join(reference or ("unknown",))
