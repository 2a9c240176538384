"""What a gain that is not significant would need, as a sentence and as a table."""

from __future__ import annotations

import math

from tsrep.evaluation.power import POWER, Design, design_of
from tsrep.evaluation.scores import Score
from tsrep.report.wording import NOTHING, count, digits_of, number, share, short_name
from tsrep.text import plural

SEEDS = (3, 5, 10, 20)
USUAL = 5  # seeds, where there was one
Row = tuple[str, str, str]


def power_sentence(score: Score, gain: float | None = None) -> str:
    """How many patients, or seeds, make a gain significant: one as large as was seen, or as given.

    Raises
    ------
    RunError
        When the score has no interval of a gain.
    """
    design, units = design_of(score), _units(score)
    size = _size(score, gain)
    several = design.seeds > 1
    seeds = design.seeds if several else USUAL
    patients, more = design.patients_for(size, seeds), design.seeds_for(size)
    ways = []
    if patients is not None:
        ways.append(f"from {count(patients)} {units} with {'these ' * several}{seeds} seeds")
    if more is not None and design.per_seed:
        ways.append(f"from {plural(more, 'seed')} with these {count(design.patients)} {units}")
    told = " or ".join(ways)
    what = "A difference of the size seen" if gain is None else "A gain of the size given"
    at = f" at horizon {score.horizon}" if score.horizon else ""
    value = f"{number(size, digits_of([score]))} {short_name(score.metric)}{at}"
    if not told:
        return (
            f"For {what[0].lower()}{what[1:]} ({value}), neither more {units} alone nor more seeds "
            f"alone give {share(POWER)} power{_both(design, size, units)}."
        )
    return f"{what} ({value}) is found significant with {share(POWER)} power {told}."


def power_table(score: Score, gain: float | None = None) -> list[Row]:
    """Numbers of seeds with the power that they have on as many patients, and the patients for 80 %.

    Returns
    -------
    list of rows
        The first one is the header.
    """
    design, units, size = design_of(score), _units(score), _size(score, gain)
    rows = [_row(design, size, seeds) for seeds in _seeds(design)]
    return [("seeds", f"power with {count(design.patients)} {units}", f"{units} for {share(POWER)}"), *rows]


def _both(design: Design, gain: float, units: str) -> str:
    """What more of both would do: the fewest seeds of the table with which some number of patients does."""
    found = ((design.patients_for(gain, seeds), seeds) for seeds in _seeds(design) if seeds > design.seeds)
    patients, seeds = next(((n, seeds) for n, seeds in found if n is not None), (0, 0))
    return f"; both together do: {count(patients)} {units} with {seeds} seeds" if patients else ""


def _seeds(design: Design) -> list[int]:
    """Numbers of seeds that the table has."""
    return sorted({design.seeds, *SEEDS} - {1})


def _row(design: Design, gain: float, seeds: int) -> Row:
    patients = design.patients_for(gain, seeds)
    power = f"{100 * design.power(gain, seeds=seeds):.0f} %"
    return str(seeds), power, NOTHING if patients is None else count(patients)


def _size(score: Score, gain: float | None) -> float:
    """The gain given, or the one seen."""
    seen = score.gain
    return gain if gain is not None else math.nan if seen is None else abs(seen.value)


def _units(score: Score) -> str:
    return "patients" if score.patients else "blocks of time"
