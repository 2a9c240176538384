"""What can be predicted of people from representations, by heads that never see the patient."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from tsrep.evaluation.arrays import Array
from tsrep.evaluation.bootstrap import Resampled
from tsrep.evaluation.labels.linear_probe import fit_probe
from tsrep.evaluation.targets.ridge import fit_ridge
from tsrep.rng import numpy_generator
from tsrep.signals.panel import Ints

FOLDS = 5
C = (1e-3, 1e-2, 1e-1, 1.0)
PENALTIES = (1e-3, 1e-2, 1e-1, 1.0, 10.0)


def predicted_levels(x: Array, level: Ints, patient: Ints, *, seed: int = 0) -> Array:
    """Probabilities of levels out of fold, shape (recording, level).

    Parameters
    ----------
    x : float array, shape (recording, feature)
    level : int64 array, shape (recording,)
        From 0 on, each of some patients.
    patient : int64 array, shape (recording,)
        Of whom no recording is in two folds.
    seed : int
    """
    prob = np.zeros((len(x), int(level.max()) + 1))
    for fitted, choosing, held in _folds(level, patient, seed):
        validation = x[choosing], level[choosing]
        probe = fit_probe(x[fitted], level[fitted], prob.shape[1], C=C, validation=validation)
        prob[held] = probe.predict(x[held])
    return prob


def predicted_numbers(x: Array, y: Array, patient: Ints, *, seed: int = 0) -> Array:
    """Numbers out of fold by ridges, shape (recording,); see :func:`predicted_levels`."""
    found = np.zeros(len(x))
    quarter = np.searchsorted(np.quantile(y, [0.25, 0.5, 0.75]), y)
    for fitted, choosing, held in _folds(quarter, patient, seed):
        group, validation = patient[fitted], (x[choosing], y[choosing])
        ridge = fit_ridge(x[fitted], y[fitted], PENALTIES, group=group, validation=validation)
        found[held] = ridge.predict(x[held]).ravel()
    return found


def over_new_people(found: Resampled) -> Resampled:
    """Resampled metrics of out-of-fold predictions, spread as over new people to fit heads on, too.

    Resamples hold the heads fixed. Other people to fit on would vary the metrics as well, by a share of their
    variance over people that are predicted: those a head is not fitted on over those that it is fitted on.

    References
    ----------
    Nadeau and Bengio, "Inference for the generalization error", Machine Learning 52, 2003, section 4.
    """
    wider = np.sqrt(1 + 2 / (FOLDS - 2))  # one fold is predicted, and one chooses
    rows = {name: np.array(values)[:, None] for name, values in found.by_seed.items()}
    return replace(
        found, draws={name: rows[name] + wider * (d - rows[name]) for name, d in found.draws.items()}
    )


def _folds(level: Ints, patient: Ints, seed: int) -> Iterator[tuple[Ints, Ints, Ints]]:
    """Recordings to fit on, to choose the penalty by, and to predict; patients dealt out by their level."""
    _, first, inverse = np.unique(patient, return_index=True, return_inverse=True)
    order = numpy_generator(seed, "audit folds").permutation(len(first))
    order = order[np.argsort(level[first][order], kind="stable")]
    fold = np.empty(len(first), np.int64)
    fold[order] = np.arange(len(first)) % FOLDS
    of = fold[inverse]
    for k in range(FOLDS):
        choosing = (of == (k + 1) % FOLDS).nonzero()[0]
        yield np.flatnonzero((of != k) & (of != (k + 1) % FOLDS)), choosing, np.flatnonzero(of == k)
