"""What a protocol scores: trained encoders, and the random-initialised ones that they are compared with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tsrep.encoders.encoder import Encoder
from tsrep.evaluation.arrays import Array
from tsrep.evaluation.scores import RANDOM_INIT, Role
from tsrep.objectives.objective import Objective

Model = tuple[Encoder, Objective | None]


@dataclass(frozen=True, eq=False)
class Candidate:
    """A method, or the control that it is compared with.

    Attributes
    ----------
    name : str
    role : {"method", "control"}
    models : sequence of callables
        One that makes the encoder and the objective that goes with it anew each time, or one for each seed.
    features : sequence of arrays, shape (sample of the panel, feature)
        In place of models, for protocols on frozen features; one, or one for each seed.
    """

    name: str
    role: Role
    models: Sequence[Callable[[], Model]] = ()
    features: Sequence[Array] = ()

    @property
    def count(self) -> int:
        """How many encoders there are: one for all seeds, or one for each."""
        return len(self.features or self.models)

    def model(self, seed: int) -> Model:
        """Encoder and objective of a seed, made anew."""
        return self.models[seed % self.count]()

    @classmethod
    def of_features(cls, name: str, features: Array | Sequence[Array]) -> Candidate:
        """From one array, or one for each seed; the control is the one called as such."""
        role: Role = "control" if name == RANDOM_INIT else "method"
        return cls(name, role, features=features if isinstance(features, Sequence) else [features])
