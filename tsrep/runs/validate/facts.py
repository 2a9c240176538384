"""Who is in the cohorts of a validation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tsrep.datasets.cohorts.classes import in_classes
from tsrep.runs.validate.classes import counts_of
from tsrep.runs.validate.cohorts import Cohort
from tsrep.signals.panel import Ints, Panel
from tsrep.splits.split import PARTS

MOST_DEVICES = 3


@dataclass(frozen=True)
class CohortFacts:
    """What a page says of a cohort.

    Attributes
    ----------
    name, source : str
    synthetic : bool
    patients_known : bool
        False where one recording is taken for one person.
    parts : dict of str to (int, int)
        Recordings and patients that are fitted on, chosen by and scored.
    positives : dict of str to int
        Scored recordings with each class.
    form : str
        Channels, rate and length, as recorded.
    age : tuple of float
        Median and quartiles in years of the scored patients' recordings; empty where not known.
    female : float or None
        Share of the scored recordings whose sex is known.
    devices : dict of str to int
        The most frequent ones, of all recordings.
    years : tuple of str
        The first and the last in which recordings were made; empty where not known.
    """

    name: str
    source: str
    synthetic: bool
    patients_known: bool
    parts: dict[str, tuple[int, int]]
    positives: dict[str, int]
    form: str
    age: tuple[float, ...] = ()
    female: float | None = None
    devices: dict[str, int] | None = None
    years: tuple[str, ...] = ()


def facts_of(cohort: Cohort, classes: Sequence[str]) -> CohortFacts:
    """Facts of a cohort and of what is scored of it."""
    records = cohort.records
    some = np.flatnonzero(np.isin(records.trial, in_classes(records, classes)[0].trial))
    used = {part: np.intersect1d(cohort.used(part), some) for part in PARTS[:2]} | {"test": cohort.at}
    counts = counts_of(records, cohort.scored)
    return CohortFacts(
        cohort.name,
        records.source,
        records.synthetic,
        cohort.independence != "recording",
        {
            part: (len(np.unique(records.trial[at])), len(np.unique(records.patient[at])))
            for part, at in used.items()
        },
        {name: counts[name][0] for name in classes},
        f"{len(records.channels)} channels, {records.sfreq:g} Hz, {records.length / records.sfreq:g} s",
        *_people(records, cohort.at),
        years=_years(records),
    )


def _years(records: Panel) -> tuple[str, ...]:
    """Of dates that begin with a year."""
    found = sorted(date[:4] for date in records.meta.get("date", ()) if date[:4].isdecimal())
    return (found[0], found[-1]) if found else ()


def _people(records: Panel, at: Ints) -> tuple[tuple[float, ...], float | None, dict[str, int] | None]:
    """Age, share of women and devices, each empty where it is not known."""
    of_trial = np.searchsorted(records.trials, np.unique(records.trial[at]))
    meta = {name: values[of_trial] for name, values in records.meta.items()}
    age = meta.get("age", np.zeros(0))
    age = age[np.isfinite(age)] if len(age) else age
    sex = meta.get("sex", np.zeros(0, str))
    known = np.isin(sex, ["F", "M"])
    devices = Counter(records.meta["device"].tolist()) if "device" in records.meta else None
    return (
        tuple(np.quantile(age, [0.5, 0.25, 0.75]).tolist()) if len(age) else (),
        float((sex[known] == "F").mean()) if known.any() else None,
        None if devices is None else dict(devices.most_common(MOST_DEVICES)),
    )
