"""From records to standardised windows and a checked split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tsrep.errors import RunError
from tsrep.runs.config import Configuration
from tsrep.runs.contract import contract_of_panel, window_of
from tsrep.runs.flow import patient_flow
from tsrep.runs.prepared import Prepared, evenly, refuse_part, split_by_rule
from tsrep.signals import Panel
from tsrep.signals.contract import SignalContract, TrainedOn
from tsrep.signals.convert import convert
from tsrep.signals.panel import Floats
from tsrep.signals.policies import Policies
from tsrep.signals.quality import called, look_through
from tsrep.signals.standardise import fit_scaler
from tsrep.signals.usable import usable
from tsrep.signals.windows import cut
from tsrep.splits.split import Split


@dataclass(frozen=True)
class PreparedPanel(Prepared):
    """Labelled recordings of a run.

    Attributes
    ----------
    records : Panel
        Whole records in their unit.
    notes : tuple of str
        What is left out, and what was done to signals to bring them to a contract that was given, a
        sentence each.
    """

    records: Panel
    notes: tuple[str, ...] = ()

    @property
    def facts(self) -> dict[str, Any]:
        """What the recordings are."""
        records = self.records
        return super().facts | {
            "records": len(records),
            "patients": len(set(records.patient.tolist())),
            "channels": list(self.panel.channels),
            "classes": list(records.classes),
            "multilabel": records.multilabel,
            "targets": list(records.target_names),
            "sfreq": self.panel.sfreq,
            "unit": records.unit,
            "skipped": [list(entry) for entry in records.skipped],
            "faults": look_through(records).records,
        }

    @property
    def flow(self) -> dict[str, Any]:
        """See :func:`tsrep.runs.flow.patient_flow`."""
        return patient_flow(self.records, self.panel, self.split)

    @property
    def step(self) -> tuple[float, str]:
        """In seconds."""
        return 1 / self.panel.sfreq, "s"

    def encoded_steps(self, context: int) -> int:
        """Whole windows."""
        del context
        return self.panel.length

    def complete_windows(self, part: str, lookback: int, horizon: int, most: int) -> Floats:
        """See :meth:`Prepared.complete_windows`; windows end with their sample."""
        del horizon
        refuse_part(part)
        index = getattr(self.split, part)
        if not len(index):
            raise RunError(f"{self.source} has no {part} part; use one that it has")
        x = self.panel.take(index[evenly(len(index), most)])
        x = x[~np.isnan(x).any(axis=(1, 2))]
        if not len(x):
            raise RunError(
                f"the {part} part of {self.source} has no window with every value; choose another part or "
                "fill the gaps"
            )
        return x[..., x.shape[-1] - lookback :]


def prepare_panel(config: Configuration, records: Panel) -> PreparedPanel:
    """Cut windows, split them by patient, and standardise.

    Raises
    ------
    ConfigError, DataError, SplitError
        When settings and data do not go together.
    """
    found = records
    records = usable(records, config.quality, strict=config.strict)
    faulty = records.skipped[len(found.skipped) :]
    notes = left_out(f"{len(faulty):,} of {len(found):,} recordings are left out", faulty)
    if config.contract is not None:
        return _by_contract(config, records, config.contract, notes)
    window = window_of(config.window, records)
    windows = cut(records, window)
    split: Split = split_by_rule(config, windows)
    train, how = windows.select(split.train), config.window.standardise
    scaler = fit_scaler(windows if how == "record" else train, how)
    contract = contract_of_panel(records, window, how, scaler, train)
    return PreparedPanel(records, scaler.apply(windows), split, scaler, contract, tuple(notes))


def left_out(what: str, records: Sequence[tuple[str, str]]) -> list[str]:
    """A sentence on records with the reason of the first; none where there are no such records."""
    return [f"{what}; the first is {name}: {reason}" for name, reason in records[:1]]


def _by_contract(
    config: Configuration, records: Panel, contract: SignalContract, notes: list[str]
) -> PreparedPanel:
    """Windows by a contract that is given, with its statistics."""
    policies = Policies() if config.init is None else config.init.conversion
    converted = convert(records, contract, policies)
    windows = converted.panel
    split: Split = split_by_rule(config, windows)
    scaler = fit_scaler(windows, "none")
    own = contract_of_panel(records, contract.window, "none", scaler, windows.select(split.train))
    contract = contract.model_copy(update={"trained_on": as_shown(own.trained_on, contract.sfreq)})
    names = called(records)
    unusable = [(names[int(records.row[sample])], why) for sample, why in converted.unusable]
    what = f"{len(unusable):,} of {len(records):,} recordings are left out"
    said = (*notes, *converted.notes, *converted.doubts, *left_out(what, unusable))
    return PreparedPanel(records, windows, split, scaler, contract, said)


def as_shown(trained: TrainedOn, sfreq: float) -> TrainedOn:
    """The facts of recordings after they were brought to a rate: what lies above is no longer in them."""
    low, high = trained.band
    rate = sfreq if trained.rate is None else min(trained.rate, sfreq)
    band = (low, rate / 2 if high is None else min(high, rate / 2))
    return trained.model_copy(update={"rate": rate, "band": band})


def cut_windows(config: Configuration, records: Panel) -> Panel:
    """Windows of records as the configuration says."""
    return cut(records, window_of(config.window, records))
