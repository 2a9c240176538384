"""Does an audit find what was planted, and nothing where nothing was, and do its intervals hold the truth?

Representations are drawn with a planted identity, a site offset, an age shortcut, or an encoder that
memorises, and without; ten seeds each. Then people and representations are drawn anew many times, and the
interval of a number is made each time; the truth is the mean of all its values. The last line is JSON: how
often each block finds what was planted and what was not, and how many intervals of 95 % hold the truth::

    .venv/bin/python benchmarks/audit.py --quick
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from scipy.special import expit

from tsrep.evaluation.audit.attributes import over_new_people, predicted_levels, predicted_numbers
from tsrep.evaluation.audit.identity import Galleries, recognise
from tsrep.evaluation.audit.membership import Attack, likelihood_ratio
from tsrep.evaluation.audit.within import WithinStrata
from tsrep.evaluation.bootstrap import Interval, positive_interval, resample, resampled_by, share_interval
from tsrep.evaluation.bootstrap.means import Means
from tsrep.evaluation.bootstrap.patients import Weighable
from tsrep.evaluation.difference import difference_of_cohorts
from tsrep.evaluation.labels.metrics import Scorer
from tsrep.evaluation.predictions import Predictions
from tsrep.evaluation.targets.values import Errors, Values
from tsrep.runs.validate.by_class import in_the_large

PATIENTS, DIM, RESAMPLES = 120, 16, 300
Plant = Callable[[np.random.Generator, bool], tuple[Interval, float]]


def ends(scorer: Weighable, patients: int, name: str) -> Interval:
    """Value and interval of a metric."""
    return resampled_by([scorer], patients, n_bootstrap=RESAMPLES, seed=0).intervals()[name]


def identity(generator: np.random.Generator, planted: bool) -> tuple[Interval, float]:
    """Top-1 of two recordings of each patient, whose vectors have a part in common or not; and chance."""
    patient = np.repeat(np.arange(PATIENTS), 2)
    x = generator.normal(size=(len(patient), DIM))
    x += 4 * planted * generator.normal(size=(PATIENTS, DIM))[patient]
    galleries = Galleries.drawn(patient, seed=0)
    hits = recognise(x, galleries).top(1)  # (draw, person)
    means = Means(hits.sum(axis=0)[:, None], np.full((PATIENTS, 1), float(len(hits))), ("top",))
    return ends(means, PATIENTS, "top"), 1 / PATIENTS


def site(generator: np.random.Generator, planted: bool) -> tuple[Interval, float]:
    """Balanced accuracy of a probe for two sites, one of which is shifted or not; and chance."""
    level, patient = np.arange(2 * PATIENTS) % 2, np.arange(2 * PATIENTS)
    x = generator.normal(size=(len(level), DIM))
    x[:, 0] += 2 * planted * level
    prob = predicted_levels(x, level, patient)
    return ends(Scorer(prob, level, patient, ("recall",)), len(level), "recall"), 0.5


def shortcut(generator: np.random.Generator, planted: bool) -> tuple[Interval, float]:
    """What a score loses within strata of age, where it follows age only, or the label only; and nothing."""
    patient, age = np.arange(4 * PATIENTS), generator.integers(0, 8, 4 * PATIENTS)
    label = (age / 7 + generator.normal(0, 0.3, len(age)) > 0.5)[:, None]
    score = age / 7 if planted else label[:, 0] * 0.5
    score = (score + generator.normal(0, 0.3, len(age)))[:, None]
    within = ends(WithinStrata(score, label, age, patient), len(age), "auroc")
    return within, 0.5


def leak(generator: np.random.Generator, planted: bool) -> tuple[Interval, float]:
    """AUROC of members by the likelihood ratio of eight encoders that memorise or not; and chance."""
    member = generator.permuted(np.arange(8)[:, None] < np.full(2 * PATIENTS, 4), axis=0)
    scores = generator.normal(size=member.shape) * 0.5 + generator.normal(size=2 * PATIENTS)
    scores = scores + planted * member
    ratio = likelihood_ratio(scores, member)
    return ends(Attack(ratio[0], member[0]), 2 * PATIENTS, "auroc"), 0.5


PLANTS: dict[str, tuple[Plant, bool]] = {  # and whether to find it is to lie above chance
    "identity": (identity, True),
    "site": (site, True),
    "age shortcut": (shortcut, False),
    "membership": (leak, True),
}


def top(generator: np.random.Generator, of: str, people: int = 2 * PATIENTS) -> Interval:
    """Recognition of people with two recordings or three among others, of whom half have one."""
    counts = np.where(np.arange(people) % 2, 1, generator.integers(2, 4, people))
    patient = np.repeat(np.arange(people), counts)
    x = generator.normal(size=(len(patient), DIM)) + 1.2 * generator.normal(size=(people, DIM))[patient]
    galleries = Galleries.drawn(patient, seed=0)
    found = recognise(x, galleries)
    values = {"top-1": found.top(1), "rank": found.reciprocal_rank, "AUROC": found.above_others}[of]
    counted = np.full((values.shape[1], 1), float(len(values)))
    return ends(Means(values.sum(axis=0)[:, None], counted, ("top",)), len(counted), "top")


def probe(generator: np.random.Generator, of: str) -> Interval:
    """A probe of place or sex, or a ridge of age, of two recordings of each person."""
    patient = np.repeat(np.arange(PATIENTS), 2)
    own = generator.normal(size=(PATIENTS, DIM))
    if of == "age":
        age = 60 + 10 * generator.normal(size=PATIENTS) + 6 * own[:, :2].sum(axis=1)
    level = generator.integers(0, 3 if of == "place" else 2, PATIENTS)
    own[:, 2] += (0 if of == "age" else 0.9) * level
    x = own[patient] + 0.7 * generator.normal(size=(len(patient), DIM))
    if of == "age":
        years = age[patient]
        values = Values(predicted_numbers(x, years, patient), years, patient, np.arange(len(patient)))
        return wider(Errors(values, patient), PATIENTS, "mae", positive_interval)
    prob, target = predicted_levels(x, level[patient], patient), level[patient]
    if of == "place":
        return wider(Scorer(prob, target, patient, ("recall",)), PATIENTS, "recall")
    return wider(Scorer(prob[:, 1:], target[:, None] == 1, patient, ("auroc",)), PATIENTS, "auroc")


def group(generator: np.random.Generator, of: str) -> Interval:
    """AUROC of a group, what it is above that of others, and what is predicted beyond the prevalence."""
    patient = np.repeat(np.arange(2 * PATIENTS), 2)
    label = (generator.random(2 * PATIENTS) < 0.3)[patient]
    score = expit(
        1.2 * label
        - 1
        + generator.normal(size=2 * PATIENTS)[patient]
        + 0.7 * generator.normal(size=len(patient))
    )
    p = Predictions(score[:, None], label[:, None], patient, np.arange(len(patient)))
    if of == "predicted minus prevalence":
        return in_the_large([p], n_bootstrap=RESAMPLES)
    first = patient < PATIENTS
    one, two = (resample([p.of(at)], n_bootstrap=RESAMPLES, names=["auroc"]) for at in (first, ~first))
    return one.intervals()["auroc"] if of == "AUROC" else difference_of_cohorts(one, two)["auroc"]


def wider(scorer: Weighable, patients: int, name: str, form: Any = share_interval) -> Interval:
    """The interval of what is predicted out of fold."""
    found = resampled_by([scorer], patients, n_bootstrap=RESAMPLES, seed=0, form=form)
    return over_new_people(found).intervals()[name]


INTERVALS: dict[str, Callable[[np.random.Generator], Interval]] = {
    "identity: top-1": partial(top, of="top-1"),
    "identity: mean reciprocal rank": partial(top, of="rank"),
    "identity: AUROC of own against others": partial(top, of="AUROC"),
    "identity: the same of 60 sought people": partial(top, of="AUROC", people=PATIENTS),
    "origin: balanced accuracy": partial(probe, of="place"),
    "sex: AUROC": partial(probe, of="sex"),
    "age: mean absolute error": partial(probe, of="age"),
    "label within age: AUROC": lambda generator: shortcut(generator, False)[0],
    "membership: AUROC": lambda generator: leak(generator, True)[0],
    "group: AUROC": partial(group, of="AUROC"),
    "group minus others: AUROC": partial(group, of="difference"),
    "group: predicted minus prevalence": partial(group, of="predicted minus prevalence"),
}


def coverage(draw: Callable[[np.random.Generator], Interval], draws: int) -> float:
    """Share of intervals that hold the mean of all values."""
    found = [draw(np.random.default_rng(10_000 + seed)) for seed in range(draws)]
    truth = np.mean([each.value for each in found])
    return float(np.mean([each.low <= truth <= each.high for each in found]))


def found_in(plant: Plant, planted: bool, seeds: int) -> list[bool]:
    """For each seed, whether the interval lies above chance."""
    found = []
    for seed in range(seeds):
        each, chance = plant(np.random.default_rng(seed), planted)
        found.append(bool(each.low > chance))
    return found


def main() -> None:
    """Print how often each is found, and last one JSON line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="few seeds and draws")
    parser.add_argument("--draws", type=int, default=400, help="of data for the coverage")
    given = parser.parse_args()
    seeds, draws = (3, 10) if given.quick else (10, given.draws)
    told: dict[str, dict[str, int]] = {}
    for name, (plant, above) in PLANTS.items():
        counts = {word: sum(found_in(plant, planted, seeds)) for word, planted in
                  (("planted", True), ("not planted", False))}  # fmt: skip
        if not above:  # a shortcut is found where nothing above chance is left
            counts = {word: seeds - count for word, count in counts.items()}
        told[name] = counts
        hits, alarms = counts["planted"], counts["not planted"]
        print(f"{name:14} found in {hits} of {seeds} where planted, in {alarms} where not")
    covered = {}
    for line, draw in INTERVALS.items():
        covered[line] = coverage(draw, draws)
        print(f"{line:40} truth in {covered[line]:.3f} of {draws} intervals")
    print(json.dumps({"name": "audit", "seeds": seeds, "found": told, "draws": draws, "coverage": covered}))


if __name__ == "__main__":
    main()
