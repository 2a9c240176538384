"""Does an audit find what was planted, and nothing where nothing was?

Representations are drawn with a planted identity, a site offset, an age shortcut, or an encoder that
memorises, and without; ten seeds each. The last line is JSON: how often each block finds it, and how often an
interval misses the value of chance where nothing was planted::

    .venv/bin/python benchmarks/audit.py --quick
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable

import numpy as np

from tsrep.evaluation.audit.attributes import predicted_levels
from tsrep.evaluation.audit.identity import Galleries, recognise
from tsrep.evaluation.audit.membership import Attack, likelihood_ratio
from tsrep.evaluation.audit.within import WithinStrata
from tsrep.evaluation.bootstrap import Interval, resampled_by
from tsrep.evaluation.bootstrap.means import Means
from tsrep.evaluation.bootstrap.patients import Weighable
from tsrep.evaluation.labels.metrics import Scorer

PATIENTS, DIM = 120, 16
Plant = Callable[[np.random.Generator, bool], tuple[Interval, float]]


def ends(scorer: Weighable, patients: int, name: str) -> Interval:
    """Value and interval of a metric."""
    return resampled_by([scorer], patients, n_bootstrap=300, seed=0).intervals()[name]


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
    parser.add_argument("--quick", action="store_true", help="3 seeds instead of 10")
    seeds = 3 if parser.parse_args().quick else 10
    told: dict[str, dict[str, int]] = {}
    for name, (plant, above) in PLANTS.items():
        counts = {word: sum(found_in(plant, planted, seeds)) for word, planted in
                  (("planted", True), ("not planted", False))}  # fmt: skip
        if not above:  # a shortcut is found where nothing above chance is left
            counts = {word: seeds - count for word, count in counts.items()}
        told[name] = counts
        hits, alarms = counts["planted"], counts["not planted"]
        print(f"{name:14} found in {hits} of {seeds} where planted, in {alarms} where not")
    print(json.dumps({"name": "audit", "seeds": seeds, "found": told}))


if __name__ == "__main__":
    main()
