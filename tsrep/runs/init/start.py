"""Weights of a reference put into a new encoder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import BaseModel
from torch import Tensor

from tsrep.encoders.encoder import Encoder, StemWeight
from tsrep.errors import ConfigError
from tsrep.runs.init.channels import ChannelChange
from tsrep.runs.init.recipe import architecture_of
from tsrep.runs.init.settings import Init

if TYPE_CHECKING:
    from tsrep.runs.loaded_encoder import LoadedEncoder

LEAST = 0.5  # share of the weights that must match
Draw = Callable[[str], Tensor]


@dataclass(frozen=True)
class Started:
    """What a new network has from a reference.

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

    def with_objective(self, other: Started, prefix: str) -> Started:
        """The same with what an objective has."""
        fresh = (*self.fresh, *(f"{prefix}{name}" for name in other.fresh))
        return Started(self.taken + other.taken, fresh, (*self.notes, *other.notes))


def start(
    encoder: Encoder, loaded: LoadedEncoder, init: Init, *, channels: Sequence[str], draw: Draw, seed: int
) -> Started:
    """Fill an encoder, in place, with the weights of a reference.

    Parameters
    ----------
    encoder : Encoder
        For the channels of the run; every weight of it is replaced.
    loaded : LoadedEncoder
    init : Init
    channels : sequence of str
        Names of the channels of the run, in order.
    draw : callable
        From the name of a weight to one that is drawn for this name alone.
    seed : int
        Of the noise by which weights of several new channels differ.

    Raises
    ------
    ConfigError
        When weights do not fit.
    """
    weights, notes = _for_channels(encoder, loaded, init, tuple(channels), seed)
    own = encoder.state_dict()
    fresh = tuple(name for name, tensor in own.items() if not _fits(weights.get(name), tensor))
    stem = {one.name for one in encoder.stem_weights()} if fresh and init.channels == "fresh" else set()
    _refuse_too_little(own, [name for name in fresh if name not in stem], loaded, init)
    taken = {name: weights[name] for name in own if name not in fresh}
    encoder.load_state_dict(taken | {name: draw(name) for name in fresh})
    if fresh:
        notes = (*notes, _share_told(own, fresh))
    return Started(len(taken), fresh, notes)


def refuse_other_architecture(settings: BaseModel, loaded: LoadedEncoder, init: Init) -> None:
    """Check that an encoder has the settings of the reference.

    Parameters
    ----------
    settings : BaseModel
        Of the encoder of the run.
    loaded : LoadedEncoder
    init : Init

    Raises
    ------
    ConfigError
        Naming the first setting that differs.
    RunError
        When nobody knows the settings of the reference.
    """
    known = architecture_of(loaded).settings
    if init.what == "all-matching":
        return
    mine, theirs = (one.model_dump(mode="json") for one in (settings, known))
    for name in dict.fromkeys([*mine, *theirs]):
        if mine.get(name) != theirs.get(name):
            raise ConfigError(
                f"encoder.{name} is {mine.get(name)!r}, the weights of {loaded.reference} have "
                f"{theirs.get(name)!r}; leave encoder out to take theirs"
            )


def _for_channels(
    encoder: Encoder, loaded: LoadedEncoder, init: Init, channels: tuple[str, ...], seed: int
) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """Weights of the reference for the channels of the run, and what was done to them."""
    weights, old = dict(loaded.encoder.state_dict()), loaded.contract.channels
    if old is None or old == channels:
        return weights, ()
    change = ChannelChange(old, channels, rescale=init.channels == "adapt-rescale")
    if init.channels == "refuse":
        change.refuse(loaded.reference)
    own = encoder.state_dict()
    stem = [one for one in encoder.stem_weights() if _reads_each(one, weights, own, change)]
    if not stem:
        return weights, ()
    if init.channels == "fresh" or not change.kept:
        if init.channels != "fresh" and init.strict:
            raise ConfigError(
                f"no channel of the data ({', '.join(channels[:4])}) has a name in common with those of "
                f"{loaded.reference} ({', '.join(old[:4])}); name them alike, or set init.channels to fresh"
            )
        return {name: value for name, value in weights.items() if name not in {s.name for s in stem}}, (
            "the weights of the input channels are drawn anew",
        )
    adapted = {one.name: change.adapted(weights[one.name], one, seed) for one in stem}
    return weights | adapted, (change.told(),)


def _reads_each(
    stem: StemWeight, theirs: Mapping[str, Tensor], mine: Mapping[str, Tensor], change: ChannelChange
) -> bool:
    """Whether a weight has columns for each named channel; not where channels are shown one by one."""
    counts = (theirs, change.old), (mine, change.new)
    return all(
        stem.name in weights and weights[stem.name].shape[stem.axis] == stem.block * len(names)
        for weights, names in counts
    )


def _fits(weight: Tensor | None, own: Tensor) -> bool:
    return weight is not None and weight.shape == own.shape


def _refuse_too_little(
    own: Mapping[str, Tensor], fresh: Sequence[str], loaded: LoadedEncoder, init: Init
) -> None:
    if not fresh:
        return
    if init.what != "all-matching" and init.strict:
        raise ConfigError(
            f"{loaded.reference} has no weights {fresh[0]} of shape {tuple(own[fresh[0]].shape)}, which the "
            "encoder needs; set init.strict to false to draw them anew"
        )
    share = 1 - sum(own[name].numel() for name in fresh) / sum(tensor.numel() for tensor in own.values())
    if share < LEAST:
        raise ConfigError(
            f"only {100 * share:.1f} % of the weights match those of {loaded.reference}, and half of them "
            "must; leave encoder out to take theirs, or init to start from none"
        )


def _share_told(own: Mapping[str, Tensor], fresh: Sequence[str]) -> str:
    whole = sum(tensor.numel() for tensor in own.values())
    share = 100 - 100 * sum(own[name].numel() for name in fresh) / whole
    shown = ", ".join(fresh[:4]) + (", ..." if len(fresh) > 4 else "")
    return (
        f"{len(own) - len(fresh)} of {len(own)} tensors ({share:.1f} % of the weights) were taken; fresh "
        f"are: {shown}"
    )
