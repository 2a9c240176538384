"""Panels of several cohorts as one, with ids of its own and names that say which cohort they are of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsrep.signals.chained import chained
from tsrep.signals.panel import Ints, Panel, digest_of

OPTIONAL = ("known", "target", "target_known", "fold")


def joined(panels: Mapping[str, Panel], classes: tuple[str, ...]) -> Panel:
    """One panel of several, in their order.

    Patients are called ``COHORT:NAME`` and recordings ``COHORT/NAME``; patients, trials and groups of
    different cohorts are different. What only some say of trials is unknown for the others.

    Parameters
    ----------
    panels : mapping of str to Panel
        By name; of the same channels, rate, unit and record length, with labels of ``classes``.
    classes : tuple of str
    """
    panels = _of_one_target(panels)
    parts = list(panels.values())
    sizes = [len(panel) for panel in parts]
    store, gain, offset = chained(parts)
    first = np.cumsum([0, *(len(panel.store) for panel in parts)])
    patient, patient_names = _patients(panels)
    fields: dict[str, Any] = {
        "row": np.concatenate([p.row + at for p, at in zip(parts, first[:-1], strict=True)]),
        "start": np.concatenate([p.start for p in parts]),
        "length": parts[0].length,
        "label": np.concatenate([p.label for p in parts]),
        "trial": _numbered([p.trial for p in parts]),
        "patient": patient,
        "cohort": np.repeat(np.arange(len(parts)), sizes),
    }
    if any(p.group is not None for p in parts):
        fields["group"] = _numbered([p.patient if p.group is None else p.group for p in parts])
    given = [name for name in OPTIONAL if any(getattr(p, name) is not None for p in parts)]
    fields |= {name: _filled(parts, name) for name in given}
    with_target = next((p for p in parts if p.target is not None), parts[0])
    panel = Panel.from_store(
        store,
        gain=gain,
        offset=offset,
        **fields,
        sfreq=parts[0].sfreq,
        channels=parts[0].channels,
        classes=classes,
        unit=parts[0].unit,
        modality=parts[0].modality,
        history=_common_history(parts),
        cohort_names=tuple(panels),
        patient_names=patient_names,
        record_names=_record_names(panels),
        target_names=with_target.target_names,
        target_units=with_target.target_units,
        meta=_meta(parts),
        skipped=tuple((f"{n}/{r}", why) for n, p in panels.items() for r, why in p.skipped),
        excluded=tuple((f"{n}: {why}", *rest) for n, p in panels.items() for why, *rest in p.excluded),
        source="; ".join(f"{name}: {panel.source}" for name, panel in panels.items()),
        synthetic=any(p.synthetic for p in parts),
    )
    return replace(panel.hashed(digest_of(*(p.digest for p in parts))), cache=parts[0].cache)


def _of_one_target(panels: Mapping[str, Panel]) -> dict[str, Panel]:
    """The panels without targets other than those of the first that has any."""
    named = next((p.target_names for p in panels.values() if p.target is not None), ())
    none: dict[str, Any] = {"target": None, "target_known": None, "target_names": (), "target_units": ()}
    return {name: p if p.target_names in ((), named) else replace(p, **none) for name, p in panels.items()}


def _numbered(ids: list[Ints]) -> Ints:
    """Ids numbered from 0 over all cohorts, so that none is in two."""
    found, above = [], 0
    for each in ids:
        values, number = np.unique(each, return_inverse=True)
        found.append(number + above)
        above += len(values)
    return np.concatenate(found).astype(np.int64)


def _patients(panels: Mapping[str, Panel]) -> tuple[Ints, tuple[str, ...]]:
    names: list[str] = []
    for name, panel in panels.items():
        for patient in np.unique(panel.patient).tolist():
            own = panel.patient_names[patient] if panel.patient_names else str(patient)
            names.append(f"{name}:{own}")
    return _numbered([panel.patient for panel in panels.values()]), tuple(names)


def _record_names(panels: Mapping[str, Panel]) -> tuple[str, ...]:
    return tuple(
        f"{name}/{own}"
        for name, panel in panels.items()
        for own in (panel.record_names or map(str, range(len(panel.store))))
    )


def _filled(parts: list[Panel], name: str) -> NDArray[Any]:
    """A field of all samples; what a cohort does not have is known, or no target, or no fold."""
    given = next(getattr(p, name) for p in parts if getattr(p, name) is not None)
    fill: dict[str, Any] = {"known": True, "target": np.nan, "target_known": False, "fold": 0}
    columns = [getattr(p, name) for p in parts]
    if name == "target_known":  # without a mask all are known
        columns = [
            np.ones_like(p.target, bool) if mask is None and p.target is not None else mask
            for p, mask in zip(parts, columns, strict=True)
        ]
    return np.concatenate(
        [
            np.full((len(p), *given.shape[1:]), fill[name], given.dtype) if values is None else values
            for p, values in zip(parts, columns, strict=True)
        ]
    )


def _meta(parts: list[Panel]) -> dict[str, NDArray[Any]]:
    """What is known of trials, for those of all cohorts; NaN or empty where one does not say it."""
    names = dict.fromkeys(name for p in parts for name in p.meta)
    found = {}
    for name in names:
        like = next(p.meta[name] for p in parts if name in p.meta)
        shapes = {p.meta[name].shape[1:] for p in parts if name in p.meta}
        kinds = {p.meta[name].dtype.kind for p in parts if name in p.meta}
        if len(shapes) > 1 or len(kinds) > 1:
            continue  # two that mean different things by one name
        empty: Any = {"f": np.nan, "U": "", "b": False}.get(like.dtype.kind, 0)
        found[name] = np.concatenate(
            [p.meta.get(name, np.full((len(p.trials), *like.shape[1:]), empty, like.dtype)) for p in parts]
        )
    return found


def _common_history(parts: list[Panel]) -> tuple[str, ...]:
    """What was done to the signals of all cohorts alike."""
    return parts[0].history if len({p.history for p in parts}) == 1 else ()
