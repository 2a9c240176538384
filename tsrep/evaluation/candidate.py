"""What a protocol scores: trained encoders, and the random-initialised ones that they are compared with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
    of_draw : sequence of mappings of str to callable
        In place of each of ``models``, what makes the one that was chosen by a draw of labels, by its name,
        where training kept an epoch for each; equal models are made by the same callable.
    weights, contract : str
        Digests of the weights and of the signal contract of the first encoder, where there is one.
    features : sequence of arrays, shape (sample of the panel, feature)
        In place of models, for protocols on frozen features; one, or one for each seed.
    """

    name: str
    role: Role
    models: Sequence[Callable[[], Model]] = ()
    of_draw: Sequence[Mapping[str, Callable[[], Model]]] = ()
    features: Sequence[Array] = ()
    weights: str = ""
    contract: str = ""

    @property
    def count(self) -> int:
        """How many encoders there are: one for all seeds, or one for each."""
        return len(self.features or self.models)

    def maker(self, seed: int, draw: str = "") -> Callable[[], Model]:
        """What makes encoder and objective of a seed, chosen by no labels but those of the draw."""
        at = seed % self.count
        return self.of_draw[at][draw] if self.of_draw else self.models[at]

    def model(self, seed: int, draw: str = "") -> Model:
        """Encoder and objective of a seed, made anew."""
        return self.maker(seed, draw)()

    @classmethod
    def of_features(cls, name: str, features: Array | Sequence[Array]) -> Candidate:
        """From one array, or one for each seed; the control is the one called as such."""
        role: Role = "control" if name == RANDOM_INIT else "method"
        return cls(name, role, features=features if isinstance(features, Sequence) else [features])
