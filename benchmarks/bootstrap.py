"""Patient-clustered bootstrap of a macro AUROC: sort once and reweight, beside a loop over scikit-learn.

The size is that of PTB-XL's test fold: 2,203 records of 1,900 patients, five classes, many labels at
once. Both sides see the same bootstrap resamples, on one core, in alternation. Run from the repository root:

    python benchmarks/bootstrap.py
"""

from __future__ import annotations

import argparse
import json
import time
import tracemalloc
from collections.abc import Callable

import numpy as np
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_limits

from tsrep.evaluation.bootstrap import patient_weights, resample
from tsrep.evaluation.predictions import Predictions

RECORDS, PATIENTS, CLASSES = 2203, 1900, 5


def cohort() -> Predictions:
    """Probabilities with some skill, a quarter of them tied."""
    rng = np.random.default_rng(0)
    patient = np.concatenate([np.arange(PATIENTS), rng.integers(PATIENTS, size=RECORDS - PATIENTS)])
    target = rng.random((RECORDS, CLASSES)) < [0.44, 0.25, 0.24, 0.22, 0.12]
    score = 1 / (1 + np.exp(-rng.normal(size=target.shape) - 1.5 * target))
    score[: RECORDS // 4] = score[: RECORDS // 4].round(2)
    return Predictions(score, target, patient, np.arange(RECORDS))


def ours(p: Predictions, n_bootstrap: int) -> np.ndarray:
    """AUROC of each resample by this package."""
    return resample([p], n_bootstrap=n_bootstrap, names=["auroc"]).draws["auroc"][0]


def loop(p: Predictions, n_bootstrap: int) -> np.ndarray:
    """AUROC of each resample by weighting the patients' records and calling scikit-learn.

    Each class is spread by the factor of its positive patients, as
    :meth:`~tsrep.evaluation.labels.metrics.Scorer.resampled` says.
    """
    patients, row = np.unique(p.patient, return_inverse=True)
    n = np.array([len(np.unique(row[p.target[:, c]])) for c in range(CLASSES)])
    factor = np.sqrt((n + 1) / (n - 1))
    once = roc_auc_score(p.target, p.prob, average=None)
    found = []
    for weight in patient_weights(len(patients), n_bootstrap):
        for column in weight.T:
            each = roc_auc_score(p.target, p.prob, average=None, sample_weight=column[row])
            found.append(np.mean(once + factor * (each - once)))
    return np.array(found)


def seconds(run: Callable[[], np.ndarray]) -> tuple[float, np.ndarray]:
    """Wall time and result."""
    start = time.perf_counter()
    result = run()
    return time.perf_counter() - start, result


def peak(run: Callable[[], np.ndarray]) -> int:
    """Peak of allocated bytes, NumPy's included."""
    tracemalloc.start()
    run()
    found = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return found


def main() -> None:
    """Compare both sides in alternation, and print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n-bootstrap", type=int, default=1000, help="bootstrap resamples of patients")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    p, n = cohort(), options.n_bootstrap
    with threadpool_limits(1):
        ours(p, 32)
        loop(p, 5)
        rounds = [(seconds(lambda: ours(p, n)), seconds(lambda: loop(p, n))) for _ in range(options.rounds)]
        memory = peak(lambda: ours(p, 64)), peak(lambda: loop(p, 64))
    best = [min(r[side][0] for r in rounds) for side in (0, 1)]
    difference = float(np.abs(rounds[0][0][1] - rounds[0][1][1]).max())
    print(f"{n} resamples of {RECORDS} x {CLASSES}: {best[0]:.3f} s here, {best[1]:.2f} s in the loop")
    print(f"peak of allocations: {memory[0] / 1e6:.1f} MB here, {memory[1] / 1e6:.1f} MB in the loop")
    line = {
        "name": "bootstrap",
        "time_ratio": best[0] / best[1],
        "memory_ratio": memory[0] / memory[1],
        "max_abs_diff": difference,
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
