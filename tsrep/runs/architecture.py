"""A registered encoder without its weights: the settings and the number of channels that make it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError
from torch import Tensor

from tsrep.encoders.encoder import Encoder
from tsrep.errors import RunError, UnknownPart
from tsrep.registry import ENCODERS, explain
from tsrep.rng import initial_weights
from tsrep.runs.weights import fill


@dataclass(frozen=True)
class Architecture:
    """What a registered encoder is made by.

    Attributes
    ----------
    settings : Settings
        Of the encoder, with its registered ``name``.
    channels : int
        That are shown to it.
    """

    settings: BaseModel
    channels: int

    @property
    def name(self) -> str:
        """What the encoder is registered as."""
        return str(dict(self.settings)["name"])

    def drawn(self, seed: int) -> Encoder:
        """An encoder with random weights, those that a run of the seed starts from; on the CPU."""
        with initial_weights(seed, "encoder"):
            return self.blank()

    def filled(self, weights: Mapping[str, Tensor], file: str, recipe: str) -> Encoder:
        """The encoder with weights that were read from a file, on the CPU and in evaluation mode.

        Parameters
        ----------
        weights : mapping of str to Tensor
        file, recipe : str
            See :func:`tsrep.runs.weights.fill`.

        Raises
        ------
        RunError
            When weights and settings do not go together.
        """
        encoder = self.drawn(0)
        fill(encoder, weights, file, recipe)
        return encoder.eval()

    def blank(self) -> Encoder:
        """An encoder that torch's initialisers fill with weights."""
        encoder: Encoder = ENCODERS.build(self.settings, channels=self.channels)
        return encoder

    @classmethod
    def from_plain(cls, values: Mapping[str, Any], channels: int, file: str) -> Architecture:
        """From plain values, as metadata and ``config.json`` have them; nothing of them is executed.

        Raises
        ------
        RunError
            When no such encoder is installed, or a setting is unknown or out of range.
        """
        try:
            settings = ENCODERS.entry(str(values["name"])).settings.model_validate(dict(values))
        except UnknownPart as error:
            raise RunError(f"{file} needs an encoder that is not installed here: {error}") from error
        except ValidationError as error:
            raise RunError(f"{file}: encoder settings: {explain(error)}") from error
        except (KeyError, TypeError, ValueError) as error:
            raise RunError(f"{file} does not say which encoder it holds; restore it") from error
        return cls(settings, channels)

    def to_json(self) -> str:
        """The settings as JSON."""
        return json.dumps(self.settings.model_dump(mode="json"))
