"""Probabilities of a method on some units, with everything that scoring them needs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tsrep.array_files import read_arrays, write_arrays
from tsrep.errors import DataError
from tsrep.evaluation.arrays import Array
from tsrep.evaluation.labels.metrics import positives
from tsrep.reading import readable

Key = tuple[str, str, float, str, str]  # method, protocol, fraction, subsample_by, part
_FIELDS, _IF_ANY = ("prob", "target", "patient", "trial"), ("known", "fits")  # in the order of the class


@dataclass(frozen=True, eq=False)
class Predictions:
    """Predicted probabilities and targets.

    Attributes
    ----------
    prob : float array, shape (unit, class)
    target : int64 array, shape (unit,), or bool array, shape (unit, class)
    patient, trial : int64 arrays, shape (unit,)
        ``trial`` is the record that a window was cut from.
    known : bool array, shape of ``target``, or None
        Which targets of several classes are known; the others are not scored. None for all.
    fits : float array, shape (encoder, draw of labels, unit, class), or None
        Where ``prob`` is a mean: the probabilities that it is the mean of. With several encoders and one draw
        each encoder may have a draw of its own.
    """

    prob: Array
    target: Array
    patient: Array
    trial: Array
    known: Array | None = None
    fits: Array | None = None

    def __post_init__(self) -> None:
        n = len(self.prob)
        for name in ("target", "patient", "trial"):
            if len(getattr(self, name)) != n:
                raise DataError(
                    f"{len(getattr(self, name))} values of {name} for {n} rows of probabilities; give {n}"
                )
        if self.prob.ndim != 2:
            raise DataError(f"probabilities of shape {self.prob.shape}; give one for each unit and class")
        if ((self.prob < -1e-6) | (self.prob > 1 + 1e-6)).any():
            worst = self.prob.flat[np.nanargmax(np.abs(self.prob - 0.5))]
            raise DataError(f"{worst:g} is no probability; give values from 0 to 1")
        if not n:
            raise DataError("there are no predictions to score; the evaluated part of the split is empty")

        if self.known is not None and self.known.shape != self.target.shape:
            raise DataError(f"known has shape {self.known.shape} for targets of shape {self.target.shape}")
        if self.fits is not None and self.fits.shape[2:] != self.prob.shape:
            raise DataError(f"fits have shape {self.fits.shape} for probabilities of shape {self.prob.shape}")

    def __len__(self) -> int:
        return len(self.prob)

    def of(self, units: Array) -> Predictions:
        """Predictions of some units, by a mask or indices."""
        known = None if self.known is None else self.known[units]
        fits = None if self.fits is None else self.fits[:, :, units]
        return Predictions(
            self.prob[units], self.target[units], self.patient[units], self.trial[units], known, fits
        )

    @property
    def each(self) -> list[Predictions]:
        """Those of each encoder and draw of labels, the draws of an encoder together."""
        if self.fits is None:
            return [self]
        return [replace(self, prob=prob, fits=None) for draws in self.fits for prob in draws]

    @property
    def draws(self) -> int:
        """Draws of labels of each encoder."""
        return 1 if self.fits is None else self.fits.shape[1]

    def of_class(self, k: int) -> Predictions:
        """One class against all others, of the units that state it."""
        flags = positives(self.target, self.prob.shape[1])[:, [k]]
        stated = np.ones(len(self), bool) if self.known is None else self.known[:, k]
        return Predictions(self.prob[stated][:, [k]], flags[stated], self.patient[stated], self.trial[stated])

    def same_units(self, other: Predictions) -> bool:
        """Whether others are of the same units with the same targets, in the same order."""
        return all(
            np.array_equal(getattr(self, name), getattr(other, name))
            for name in ("trial", "patient", "target")
        )

    @property
    def multilabel(self) -> bool:
        """Whether a unit can have several classes at once."""
        return self.target.ndim == 2


def mean_predictions(predictions: Sequence[Predictions], *, draws: int | None = None) -> Predictions:
    """Probabilities averaged over seeds, for figures; all must be of the same units in the same order.

    Parameters
    ----------
    predictions : sequence of Predictions
    draws : int, optional
        Every so many are of one encoder on other draws of labels; given, each is kept beside the mean.
    """
    first = predictions[0]
    if not all(p.same_units(first) for p in predictions):
        raise DataError("predictions of different seeds are of different units; score the same part for all")
    every = np.stack([p.prob for p in predictions])
    fits = every.reshape(-1, draws, *every.shape[1:]) if draws and len(every) > 1 else None
    prob = np.asarray(every.mean(axis=0, dtype=np.float64))
    return Predictions(prob, first.target, first.patient, first.trial, first.known, fits)


def save_predictions(path: Path, predictions: Mapping[Key, Predictions]) -> None:
    """Write predictions by their keys to an ``.npz`` file, atomically."""
    arrays: dict[str, Array] = {"keys": np.array(json.dumps(list(predictions)))}
    for number, entry in enumerate(predictions.values()):
        given = {name: getattr(entry, name) for name in (*_FIELDS, *_IF_ANY)}
        arrays |= {f"{number}.{name}": values for name, values in given.items() if values is not None}
    write_arrays(path, **arrays)


def load_predictions(path: Path) -> dict[Key, Predictions]:
    """Read what :func:`save_predictions` wrote.

    Raises
    ------
    RunError
        When the file is not readable as predictions.
    """
    with readable(path, "predictions", "remove it and evaluate again"):
        stored = read_arrays(path)
        keys = json.loads(str(stored["keys"]))
        return {
            (method, protocol, float(fraction), subsample_by, part): Predictions(
                *(stored[f"{i}.{name}"] for name in _FIELDS),
                *(stored.get(f"{i}.{name}") for name in _IF_ANY),
            )
            for i, (method, protocol, fraction, subsample_by, part) in enumerate(keys)
        }
