"""Whether representations of two recordings tell that they are of one patient."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.stats import hypergeom

from tsrep.evaluation.arrays import Array
from tsrep.rng import numpy_generator
from tsrep.signals.panel import Ints

DRAWS = 20


@dataclass(frozen=True, eq=False)
class Galleries:
    """Random choices of one recording of each patient, and of another one of those who have two.

    Attributes
    ----------
    gallery : int64 array, shape (draw, patient)
        Recordings to search in.
    probe : int64 array, shape (draw, person)
        Recordings whose patient is sought.
    own : int64 array, shape (person,)
        Place of that patient in the gallery.
    """

    gallery: Ints
    probe: Ints
    own: Ints

    @classmethod
    def drawn(cls, patient: Ints, *, draws: int = DRAWS, seed: int = 0) -> Galleries:
        """Galleries of recordings.

        Parameters
        ----------
        patient : int64 array, shape (recording,)
        draws : int
        seed : int
        """
        _, inverse, count = np.unique(patient, return_inverse=True, return_counts=True)
        first, own = np.cumsum(count) - count, np.flatnonzero(count > 1)
        generator = numpy_generator(seed, "galleries")
        gallery = np.empty((draws, len(count)), np.int64)
        probe = np.empty((draws, len(own)), np.int64)
        for draw in range(draws):
            order = generator.permutation(len(patient))
            order = order[np.argsort(inverse[order], kind="stable")]  # by patient, at random within
            gallery[draw], probe[draw] = order[first], order[first[own] + 1]
        return cls(gallery, probe, own)

    @property
    def size(self) -> int:
        """Patients in a gallery."""
        return int(self.gallery.shape[1])

    @property
    def patients(self) -> int:
        """Patients who are sought."""
        return len(self.own)


@dataclass(frozen=True, eq=False)
class Recognition:
    """Who is nearer to a sought recording than the patient whom it is of.

    Attributes
    ----------
    nearer : float64 array, shape (draw, person)
        Patients of the gallery that are nearer; those at the same distance count half.
    nearer_matched, matched : float64 arrays, shape (draw, person)
        The same among patients alike, and how many of these there are.
    size : int
        Patients in the gallery.
    equal_error : float
        Rate of errors at the threshold of similarity where two recordings of one patient are held apart as
        often as those of two are held to be of one.
    """

    nearer: Array
    nearer_matched: Array
    matched: Array
    size: int
    equal_error: float

    def top(self, k: int, size: int | None = None) -> Array:
        """How often a patient is among the nearest ``k``, shape (draw, person).

        Parameters
        ----------
        k : int
        size : int, optional
            Of a random part of the gallery; the share over all such parts.
        """
        worse = self.size - 1 if size is None else size - 1
        found: Array = hypergeom.cdf(k - 1, self.size - 1, np.ceil(self.nearer).astype(int), worse)
        return found

    @cached_property
    def reciprocal_rank(self) -> Array:
        """Of the patient in the gallery, shape (draw, person)."""
        return 1 / (1 + self.nearer)

    @cached_property
    def above_others(self) -> Array:
        """Share of other patients that are further away: the AUROC of one person, shape (draw, person)."""
        return 1 - self.nearer / max(self.size - 1, 1)

    @cached_property
    def top_matched(self) -> Array:
        """Whether nobody alike is nearer, shape (draw, person); NaN where nobody is alike."""
        return np.where(self.matched > 0, self.nearer_matched < 0.5, np.nan)

    @cached_property
    def chance_matched(self) -> Array:
        """Of :attr:`top_matched`."""
        return np.where(self.matched > 0, 1 / (1 + self.matched), np.nan)


def recognise(vectors: Array, galleries: Galleries, alike: NDArray[np.bool_] | None = None) -> Recognition:
    """Search patients by the cosine of their recordings.

    Parameters
    ----------
    vectors : float array, shape (recording, dim)
        Standardised.
    galleries : Galleries
    alike : bool array, shape (recording, recording), optional
        Whose patients count as alike; without it nobody's.
    """
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = np.asarray(vectors / np.where(length > 0, length, 1), np.float32)
    nearer, nearer_matched, matched = (np.empty(galleries.probe.shape) for _ in range(3))
    person, errors = np.arange(galleries.patients), []
    for draw, (probe, gallery) in enumerate(zip(galleries.probe, galleries.gallery, strict=True)):
        cosine = unit[probe] @ unit[gallery].T  # (person, patient)
        own = cosine[person, galleries.own].copy()
        others = np.ones(cosine.shape, bool)
        others[person, galleries.own] = False
        wins = (cosine > own[:, None]) + 0.5 * (cosine == own[:, None])
        same = others & (False if alike is None else alike[np.ix_(probe, gallery)])
        nearer[draw] = (wins * others).sum(axis=1)
        nearer_matched[draw], matched[draw] = (wins * same).sum(axis=1), same.sum(axis=1)
        errors.append(_equal_error(own, cosine[others]))
    return Recognition(nearer, nearer_matched, matched, galleries.size, float(np.mean(errors)))


def _equal_error(same: Array, different: Array) -> float:
    """Where the share of ``same`` below a threshold equals that of ``different`` above it."""
    threshold = np.sort(same)
    missed = np.arange(len(same)) / len(same)
    falsely = 1 - np.searchsorted(np.sort(different), threshold) / len(different)
    at = int(np.argmin(np.abs(missed - falsely)))
    return float((missed[at] + falsely[at]) / 2)
