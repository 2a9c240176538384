"""Weights of a reference put into a new encoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tsrep.encoders.encoder import Encoder
from tsrep.runs.init.settings import Init

if TYPE_CHECKING:
    from tsrep.runs.loaded_encoder import LoadedEncoder


@dataclass(frozen=True)
class Started:
    """What a new encoder has from a reference.

    Attributes
    ----------
    taken : int
        Tensors that came from it, adapted ones included.
    fresh : tuple of str
        Names of those that were drawn anew.
    notes : tuple of str
        What was changed on the way, a sentence each.
    """

    taken: int
    fresh: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def start(
    encoder: Encoder, loaded: LoadedEncoder, init: Init, *, channels: Sequence[str] = (), seed: int = 0
) -> Started:
    """Fill an encoder, in place, with the weights of a reference.

    Parameters
    ----------
    encoder : Encoder
        With random weights, for the channels of the run.
    loaded : LoadedEncoder
    init : Init
    channels : sequence of str
        Names of the channels of the run, in order.
    seed : int
        Of the weights that are drawn anew, each by its name.

    Raises
    ------
    ConfigError
        When weights do not fit.
    """
    del init, channels, seed
    encoder.load_state_dict(loaded.encoder.state_dict())
    return Started(len(encoder.state_dict()))
