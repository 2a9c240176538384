"""Coverage of the interval of a macro AUROC whose classes have hardly any positive people.

Scores of twenty classes are normal and one standard deviation higher where the class is positive, so that the
macro AUROC of all cohorts is known. In each cohort so many people are positive for each class; the share of
cohorts is printed whose 95 % interval holds the true value, and the mean width beside that of an interval
from the cohorts themselves (1.96 standard deviations to either side). ``--quick`` draws 100 cohorts::

    .venv/bin/python benchmarks/rare_classes.py
"""

from __future__ import annotations

import argparse
import json

import numpy as np
from scipy.special import expit, ndtr

from tsrep.evaluation.bootstrap import resample
from tsrep.evaluation.predictions import Predictions

CLASSES, TRUTH = 20, float(ndtr(1 / np.sqrt(2)))
POSITIVES, PEOPLE = (2, 3, 5, 10), (120, 400)


def covered(positives: int, people: int, cohorts: int) -> tuple[float, float]:
    """Coverage, and width relative to that of an interval by the spread over cohorts."""
    rng, held, values, widths = np.random.default_rng(positives), 0, [], []
    who = np.arange(people)
    for _ in range(cohorts):
        target = rng.permuted(who[:, None] < np.full(CLASSES, positives), axis=0)
        given = Predictions(expit(rng.normal(size=target.shape) + target), target, who, who)
        found = resample([given], n_bootstrap=200, names=["auroc"]).intervals()["auroc"]
        held += found.low <= TRUTH <= found.high
        values.append(found.value)
        widths.append(found.high - found.low)
    return held / cohorts, float(np.mean(widths) / (2 * 1.96 * np.std(values, ddof=1)))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cohorts", type=int, default=2000)
    parser.add_argument("--quick", action="store_true", help="100 cohorts")
    given = parser.parse_args()
    cohorts, rows = 100 if given.quick else given.cohorts, []
    for people in PEOPLE:
        for positives in POSITIVES:
            coverage, width = covered(positives, people, cohorts)
            rows.append({"people": people, "positives": positives, "coverage": coverage})
            rows[-1]["width"] = round(width, 2)
            print(rows[-1], flush=True)
    lowest = min(row["coverage"] for row in rows)
    print(json.dumps({"name": "rare_classes", "cohorts": cohorts, "coverage_min": lowest, "rows": rows}))


if __name__ == "__main__":
    main()
