"""An encoder in words: what it is, what it must be shown, what it has seen, and how it fits given data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tsrep.registry import DATASETS
from tsrep.runs.ancestry import started_from
from tsrep.runs.evaluate_other_series import OnSeries
from tsrep.runs.loaded_encoder import LoadedEncoder
from tsrep.runs.other_data import OtherData
from tsrep.runs.references.reference import resolve
from tsrep.runs.shown import record_name
from tsrep.runs.task import PanelTask, read_data
from tsrep.signals.contract import SignalContract
from tsrep.signals.convert import Converted, Plan, Policies, plan

Facts = dict[str, str]
Described = dict[str, Facts | list[str]]
UNKNOWN = "not known"


def described(loaded: LoadedEncoder) -> Facts:
    """What an encoder is, by the name of each fact."""
    trained, heads = loaded.provenance.get("data", {}), loaded.heads
    parameters = sum(p.numel() for p in loaded.encoder.parameters())
    first, before = next(iter(heads), ""), started_from(loaded.provenance)
    return {
        "reference": loaded.reference,
        "architecture": f"{loaded.encoder_name}, {parameters:,} parameters",
        "weights": loaded.weights,
        "trained by": loaded.name or UNKNOWN,
        "trained on": _trained_on(loaded, trained),
        **({"began with the weights of": before} if before else {}),
        **contract_facts(loaded.contract),
        "contract": loaded.contract.digest,
        "heads": ", ".join(heads) + f" (taken unless named: {first})" if heads else "none",
        "licence": loaded.licence or "not stated",
        "citation": loaded.citation or "not stated",
    }


def contract_facts(contract: SignalContract) -> Facts:
    """What an encoder must be shown, a fact each."""
    output = contract.output
    channels = "any, one at a time" if contract.channels is None else " ".join(contract.channels)
    how = {"named": " (any of them, in any order)", "each": " (one at a time)"}
    scale = f", times {contract.scale:g}" if contract.scale != 1 else ""
    facts = {
        "modality": contract.modality,
        "channels": channels + how.get(contract.channel_mode, "") * (contract.channels is not None),
        "sampling rate": f"{contract.sfreq:g} Hz",
        "unit": f"{contract.unit}{scale}",
        "reference electrode": str(contract.reference or ""),
        "filter": _filters(contract),
        "window": _window(contract),
        "standardised": contract.standardise.how,
        "missing channels": contract.missing_channels,
    }
    if output.dim is not None:
        each = f" every {output.stride} steps" if output.stride else ""
        facts["representation"] = f"{output.dim} numbers{each}{', causal' if output.causal else ''}"
    return {name: value for name, value in facts.items() if value}


def _filters(contract: SignalContract) -> str:
    """Steps of the filter in order, ``"none"``, or that it is not known."""
    if contract.filter is None:
        return UNKNOWN
    steps = [each.model_dump(exclude_none=True) for each in contract.filter]
    told = [f"{one.pop('kind')} ({', '.join(f'{k} {v}' for k, v in one.items())})" for one in steps]
    return f"{'; '.join(told)}, {contract.filter_when}" if told else "none"


def _window(contract: SignalContract) -> str:
    """Length and what becomes of longer and shorter recordings."""
    window = contract.window
    if window.steps is None and window.seconds is None:
        return "whole recordings"
    steps = window.steps if window.steps is not None else round((window.seconds or 0) * contract.sfreq)
    return (
        f"{steps} steps ({steps / contract.sfreq:g} s); longer ones {window.longer}, shorter ones "
        f"{window.shorter}"
    )


def ledger_facts(loaded: LoadedEncoder) -> list[str]:
    """What an encoder has seen, a sentence each."""
    if loaded.ledger is None:
        return [f"What {loaded.reference} has seen is not known: it came without a ledger."]
    ledger = loaded.ledger
    lines = [
        f"{one.name}: {one.records:,} recordings of {one.patients:,} patients"
        f"{'' if one.public else ' (not a public data set)'}"
        for one in ledger.sources
    ]
    if not ledger.complete:
        lines.append("This is not all: something that it was trained on is not known.")
    return lines or ["No recording: it was trained on synthetic data."]


def fit_to(
    loaded: LoadedEncoder,
    dataset: str | Mapping[str, Any],
    *,
    policies: Policies,
    ledger: bool = False,
    **settings: Any,
) -> list[str]:
    """What would be done to data before the encoder is shown them, a sentence each; nothing is computed.

    Parameters
    ----------
    loaded : LoadedEncoder
    dataset : str or mapping
        Name of a data set.
    policies : Policies
    ledger : bool
        Whether to look its recordings up among those that the encoder has seen.
    **settings
        See :meth:`tsrep.runs.other_data.OtherData.of`.

    Raises
    ------
    ConfigError, DataError
        When the data cannot be read.
    ContractError
        When the encoder cannot be shown them.
    """
    data = OtherData.of(loaded, dataset, policies=policies, **settings)
    task = DATASETS.entry(data.dataset.name).task
    loaded.refuse_other_task(task, data.dataset.name)
    return _FITS[task](loaded, data, policies, ledger)


def _recordings(loaded: LoadedEncoder, data: OtherData, policies: Policies, ledger: bool) -> list[str]:
    records = read_data(data, PanelTask)
    if loaded.shows is not None:
        found: Plan | Converted = loaded.shows(records, policies)
    else:
        found = plan(records, loaded.contract, policies)
    lines = [f"{records.source}: {len(records):,} recordings, {len(found.unusable):,} of them unusable"]
    lines += list(found.notes) or ["Nothing has to be converted."]
    lines += [f"doubtful: {doubt}" for doubt in found.doubts]
    lines += [f"{record_name(records, sample)}: {reason}" for sample, reason in found.unusable]
    if ledger and loaded.ledger is not None:
        seen = loaded.ledger.seen(records)
        chance = f"{seen.coarse:,} by shape, of which {seen.expected_by_chance:.2g} are due to chance"
        lines.append(f"{len(seen.rows):,} of {seen.of:,} recordings were seen by the encoder ({chance})")
    return lines


def _series(loaded: LoadedEncoder, data: OtherData, _policies: Policies, _ledger: bool) -> list[str]:
    found = OnSeries(resolve(loaded.reference), (loaded,), data, seen="keep", progress=True)
    series = found.prepared.records
    return [f"{series.source}: {len(series):,} steps of {series.freq}", *found.facts["conversion"]]


_FITS: Mapping[str, Callable[[LoadedEncoder, OtherData, Policies, bool], list[str]]] = {
    "panel": _recordings,
    "series": _series,
}


def _trained_on(loaded: LoadedEncoder, data: Any) -> str:
    known = loaded.contract.trained_on
    sources = ", ".join(known.sources) or data.get("source", UNKNOWN)
    count = f", {data['records']:,} recordings of {data['patients']:,} patients" if "records" in data else ""
    return f"{sources}{count}"
