"""Partial credit for decisions on a related class: the metric of the 2021 challenge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tsrep.errors import ConfigError
from tsrep.evaluation.arrays import Array

CreditName = Literal["challenge-2021"]
NORMAL = "NSR"
# The published weights of two classes are one half minus the distance of these places on a line, with two
# exceptions. Fibrillation and flutter stand at one place, and so does their union.
PLACES = {
    "AF": 0.25, "AFL": 0.25, "AF-or-AFL": 0.25, "BBB": 0.225, "Brady": 0.05, "LBBB": 0.225, "RBBB": 0.15,
    "IAVB": 0.05, "IRBBB": 0.05, "LAD": 0.1, "LAnFB": 0.1, "LPR": 0.05, "LQRSV": 0.175, "LQT": 0.2,
    "NSIVCB": 0.1, "NSR": 0.0, "PAC": 0.0875, "PR": 0.125, "PRWP": 0.175, "PVC": 0.125, "QAb": 0.35,
    "RAD": 0.1, "SA": 0.05, "SB": 0.05, "STach": 0.125, "TAb": 0.25, "TInv": 0.25,
}  # fmt: skip
EXCEPTIONS = {frozenset(("BBB", "LBBB")): 0.475, frozenset(("LQRSV", "PRWP")): 0.475}


@dataclass(frozen=True, eq=False)
class Credit:
    """What deciding on a class earns where another one is true.

    A recording shares its weight among the classes that are true or decided on. The sum over recordings is
    scaled so that always deciding on the normal class alone is 0, and deciding on the true classes is 1.

    Attributes
    ----------
    weights : float64 array, shape (true class, decided class)
    normal : int
        Number of the normal class.

    References
    ----------
    Reyna et al., "Will two do? Varying dimensions in electrocardiography: the PhysioNet/Computing in
    Cardiology Challenge 2021", CinC 2021.
    """

    weights: Array
    normal: int

    @classmethod
    def of(cls, name: CreditName, classes: Sequence[str]) -> Credit:
        """Of some classes, by their names.

        Raises
        ------
        ConfigError
            When a class is none of the challenge, or its normal class is missing.
        """
        if odd := [each for each in classes if each not in PLACES]:
            raise ConfigError(
                f"evaluation.credit {name} knows no class {odd[0]!r}; it is defined on the scored classes of "
                "the challenge, as cinc2021 has them, so leave it out or choose that task"
            )
        if NORMAL not in classes:
            raise ConfigError(
                f"evaluation.credit {name} is relative to always deciding on {NORMAL}, which is no class of "
                "the data; leave it out or choose sources that state it"
            )
        place = np.array([PLACES[each] for each in classes])
        weights = 0.5 - np.abs(place[:, None] - place)
        for pair, weight in EXCEPTIONS.items():
            if pair <= set(classes):
                one, two = (list(classes).index(each) for each in pair)
                weights[one, two] = weights[two, one] = weight
        np.fill_diagonal(weights, 1.0)
        return cls(weights, list(classes).index(NORMAL))

    def earned(self, true: Array, decided: Array) -> dict[str, Array]:
        """What each recording earns as decided, by its true classes and by the normal one.

        Parameters
        ----------
        true, decided : bool array, shape (recording, class)
        """
        inactive = np.zeros_like(true)
        inactive[:, self.normal] = True
        return {
            "earned": self._sum(true, decided),
            "most": self._sum(true, true),
            "inactive": self._sum(true, inactive),
        }

    def _sum(self, true: Array, decided: Array) -> Array:
        share = np.maximum((true | decided).sum(axis=1), 1)
        found: Array = ((true @ self.weights) * decided).sum(axis=1) / share
        return found[:, None]


def scaled_credit(earned: Array, most: Array, inactive: Array) -> Array:
    """The metric from sums; 0 where the true classes earn no more than the normal one."""
    span = most - inactive
    return np.where(span == 0, 0.0, (earned - inactive) / np.where(span == 0, 1.0, span))
