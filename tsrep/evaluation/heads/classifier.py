"""What every fitted model of the labels promises."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Self

from tsrep.evaluation.arrays import Array

if TYPE_CHECKING:
    from torch import nn

    from tsrep.encoders.encoder import Encoder


@dataclass(frozen=True, eq=False)
class Stored:
    """A classifier as files hold it.

    Attributes
    ----------
    arrays : dict of str to array
    settings : dict
        Numbers, texts and lists that JSON can hold.
    """

    arrays: dict[str, Array]
    settings: dict[str, Any] = field(default_factory=dict)


class Classifier(ABC):
    """A fitted model from features to class probabilities.

    One that is registered in :data:`~tsrep.registry.CLASSIFIERS` and gives :meth:`stored` is kept with the
    run; any other is scored only.

    Attributes
    ----------
    name : str
        Set when the class is registered.
    """

    name: ClassVar[str] = "unregistered"

    @abstractmethod
    def predict(self, features: Array) -> Array:
        """Probabilities, shape (sample, class), of features, shape (sample, feature)."""

    @property
    def width(self) -> int | None:
        """Features of a sample that it takes; None where it does not know."""
        return None

    @property
    def records_held(self) -> int:
        """Training samples whose features it holds, and so gives away; 0 of most."""
        return 0

    def around(self, encoder: Encoder) -> Encoder:
        """The encoder as it must be shown windows; the encoder itself by default."""
        return encoder

    def stored(self) -> Stored | None:
        """All that :meth:`restored` needs; None where it cannot be kept."""
        return None

    def module(self) -> nn.Module | None:
        """The same as a module of torch, from features to float64 probabilities; None where there is none."""
        return None

    @classmethod
    def restored(cls, arrays: Mapping[str, Array], settings: Mapping[str, Any]) -> Self:
        """The classifier again, which gives equal probabilities.

        Raises
        ------
        KeyError, TypeError, ValueError
            When something is missing or of another kind.
        """
        del arrays, settings
        raise ValueError(f"a classifier of kind {cls.name} is not kept")
