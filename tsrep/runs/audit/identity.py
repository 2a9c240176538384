"""Block 1: can a patient be recognised in another recording?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from tsrep.datasets.dataset import PATIENTS_UNKNOWN
from tsrep.evaluation.arrays import Array
from tsrep.evaluation.audit.identity import Galleries, Recognition, recognise
from tsrep.evaluation.bootstrap import Resampled
from tsrep.evaluation.bootstrap.means import Means
from tsrep.evaluation.scores import RANDOM_INIT
from tsrep.registry import DATASETS
from tsrep.runs.audit.block import MINUS_RANDOM, Block, Row, rows_of, told
from tsrep.runs.audit.subject import FEWEST, Subject, as_texts
from tsrep.signals.panel import Ints

KEY, TITLE = "identity", "Recognition of patients"
SILENT = (
    "It does not show how far somebody who is known from elsewhere, or who searches with a trained "
    "matcher, would be "
    "recognised, and nothing of patients with one recording."
)
SIZES = (50, 100, 500)
YEARS = 5  # by which people of one age may differ
APART = (
    ("less than a day apart", 0.0, 1.0),
    ("a day to a year apart", 1.0, 365.0),
    ("more than a year", 365.0, np.inf),
)
TABLE, STRATA = "Nearest other recording", "By how the two recordings differ"


def identity(subject: Subject) -> Block:
    """Search another recording of a patient among one recording of each patient, by the cosine of "
    "vectors."""
    patient = subject.patient[subject.scored]
    if (reason := _refused(subject, patient)) is not None:
        return Block(KEY, TITLE, [reason], SILENT)
    galleries = Galleries.drawn(patient, seed=subject.seed)
    alike = _alike(subject)
    recognised: dict[str, list[Recognition]] = {}
    for name, arrays in subject.vectors.items():
        subject.tell(f"recognition by {name}")
        recognised[name] = [recognise(x[subject.scored], galleries, alike) for x in arrays]
    strata = dict(_strata(subject, galleries))
    found = {
        name: subject.resampled([_means(each, strata) for each in several], galleries.patients)
        for name, several in recognised.items()
    }
    rows = list(_rows(subject, galleries, recognised, found, strata))
    block = Block(KEY, TITLE, [], SILENT, rows)
    return Block(KEY, TITLE, list(_says(subject, galleries, block)), SILENT, rows)


def _refused(subject: Subject, patient: Ints) -> str | None:
    independence = DATASETS.build(subject.sight.data.dataset).independence
    if independence in ("recording", "unknown"):
        return f"Not measured, as {PATIENTS_UNKNOWN}"
    several = int((np.unique(patient, return_counts=True)[1] > 1).sum())
    if several < 2:
        return (
            f"Not measured: {'one' if several else 'no'} patient of the {subject.part} part has two "
            "recordings, and two patients are needed. Choose a split with such patients in it."
        )
    return None


def _alike(subject: Subject) -> np.ndarray | None:
    """Recordings of people of one sex whose ages differ by no more than five years, of those audited."""
    age, sex = subject.known("age"), subject.known("sex")
    if age is None or sex is None:
        return None
    over = subject.known("over_89")
    years = np.where(over, 90.0, age)[subject.scored] if over is not None else age[subject.scored]
    sexes = sex[subject.scored]
    near = np.abs(years[:, None] - years[None, :]) <= YEARS  # unknown ages are near to none
    return np.asarray(near & (sexes[:, None] == sexes[None, :]) & (sexes != "")[:, None])


def _strata(subject: Subject, galleries: Galleries) -> Iterator[tuple[str, np.ndarray]]:
    """Which pairs are in a stratum, shape (draw, person)."""
    other = galleries.gallery[:, galleries.own]
    date, device = subject.known("date"), subject.known("device")
    if date is not None:
        days = _days(as_texts(date[subject.scored]))
        gap = np.abs(days[galleries.probe] - days[other])
        yield from ((name, (gap >= low) & (gap < high)) for name, low, high in APART)
    if device is not None:
        names = as_texts(device[subject.scored])
        one, two = names[galleries.probe], names[other]
        both = (one != "") & (two != "")
        yield "one device", both & (one == two)
        yield "two devices", both & (one != two)


def _days(dates: np.ndarray) -> Array:
    """Days since 1970, NaN where a text is no date."""
    found = np.full(len(dates), np.nan)
    for i, text in enumerate(dates):
        try:
            found[i] = (np.datetime64(text.replace(" ", "T")) - np.datetime64("1970-01-01")) / np.timedelta64(
                1, "D"
            )
        except ValueError:
            continue
    return found


def _metrics(each: Recognition) -> dict[str, Array]:
    """Lines of the table, each a value for every draw and person."""
    sizes = [size for size in SIZES if size < each.size]
    some = {f"top-1 of {size:,} patients": each.top(1, size) for size in sizes}
    return {
        f"top-1 of all {each.size:,} patients": each.top(1),
        f"top-5 of all {each.size:,} patients": each.top(5),
        **some,
        "mean reciprocal rank": each.reciprocal_rank,
        "AUROC of own against other patients": each.above_others,
        "top-1 among patients alike": each.top_matched,
    }


def _means(each: Recognition, strata: Mapping[str, np.ndarray]) -> Means:
    values = _metrics(each) | {name: np.where(pairs, each.top(1), np.nan) for name, pairs in strata.items()}
    stacked = np.stack(list(values.values()), axis=2)  # (draw, person, metric)
    return Means(np.nansum(stacked, axis=0), (~np.isnan(stacked)).sum(axis=0).astype(float), list(values))


def _rows(
    subject: Subject,
    galleries: Galleries,
    recognised: Mapping[str, list[Recognition]],
    found: Mapping[str, Resampled],
    strata: Mapping[str, np.ndarray],
) -> Iterator[Row]:
    first = recognised[subject.name][0]
    n: dict[str, Any] = {"recordings": len(subject.scored), "patients": galleries.patients}
    for line, values in _metrics(first).items():
        people = int((~np.isnan(values)).any(axis=0).sum())
        if people:
            chance = _chance(line, first)
            yield from rows_of(TABLE, line, line, found, chance=chance, **(n | {"patients": people}))
    for of, several in recognised.items():
        error = float(np.mean([each.equal_error for each in several]))
        yield Row(TABLE, "equal error rate of pairs", of, error, chance=0.5, **n)
    for line, pairs in strata.items():
        people = int(pairs.any(axis=0).sum())
        if people >= FEWEST:
            yield from rows_of(STRATA, line, line, found, chance=1 / first.size, **(n | {"patients": people}))
        else:
            yield Row(STRATA, line, subject.name, patients=people, note="too few")


def _chance(line: str, each: Recognition) -> float:
    """Of a line of the table."""
    if line.startswith("top-1 of all"):
        return 1 / each.size
    if line.startswith("top-5"):
        return min(5 / each.size, 1.0)
    if line.startswith("top-1 of"):
        return 1 / int(line.split()[2].replace(",", ""))
    if line.startswith("top-1 among"):
        return float(np.nanmean(each.chance_matched))
    return 0.5 if line.startswith("AUROC") else float((1 / np.arange(1, each.size + 1)).mean())


def _says(subject: Subject, galleries: Galleries, block: Block) -> Iterator[str]:
    line = f"top-1 of all {galleries.size:,} patients"
    row = block.find(line, subject.name)
    assert row is not None
    others = [each for each in block.rows if each.line == line and each.of not in (subject.name, row.of)]
    beside = "; ".join(f"{each.of} {told(each)}" for each in others if MINUS_RANDOM not in each.of)
    yield (
        f"Of {galleries.patients:,} patients with two recordings or more, the nearest among one "
        "recording of each of "
        f"{galleries.size:,} patients is their own in a share of {told(row)}; chance "
        f"{row.chance:.4f}; {beside}."
    )
    if (gain := block.find(line, f"{subject.name} {MINUS_RANDOM}")) is not None:
        yield f"Training adds {told(gain)} to {RANDOM_INIT}."
    if (alike := block.find("top-1 among patients alike", subject.name)) is not None:
        yield (
            f"Among patients of the same sex whose age differs by no more than {YEARS} years it is "
            f"{told(alike)}; "
            f"chance {alike.chance:.3f}."
        )
    if row.low > row.chance:
        yield (
            "The value lies above chance: vectors of this encoder say whose they are and count as "
            "personal data, "
            "like the recordings."
        )
    if subject.copies:
        yield f"{subject.copies:,} recordings that are copies of others were left out before."
