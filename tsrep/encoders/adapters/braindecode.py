"""Models of braindecode as encoders."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn

from tsrep.encoders.adapters.adapter import Adapter
from tsrep.encoders.adapters.description import Description
from tsrep.encoders.adapters.reading import Read, input_of
from tsrep.errors import ConfigError
from tsrep.registry import nearest
from tsrep.rng import initial_weights
from tsrep.signals.contract import SignalContract

HEAD = "final_layer"
Arrange = Callable[[Tensor, int], Tensor]  # from features and number of channels to (batch, dim, time')


def _channel_major(z: Tensor, channels: int) -> Tensor:
    """From (batch, channel * token, dim), averaged over channels."""
    return z.reshape(len(z), channels, -1, z.shape[-1]).mean(dim=1).mT


def _token_major(z: Tensor, channels: int) -> Tensor:
    """From (batch, token * channel, dim), averaged over channels."""
    return z.reshape(len(z), -1, channels, z.shape[-1]).mean(dim=2).mT


def _grid(z: Tensor, channels: int) -> Tensor:
    """From (batch, channel, token, dim), averaged over channels."""
    del channels
    return z.mean(dim=1).mT


def _tokens(z: Tensor, channels: int) -> Tensor:
    """From (batch, token, dim)."""
    del channels
    return z.mT


def _steps(z: Tensor, channels: int) -> Tensor:
    """From (batch, dim, time)."""
    del channels
    return z


ARRANGED: Mapping[str, Arrange] = {
    **dict.fromkeys(
        ("Labram", "EEGDINO", "SignalJEPA", "SignalJEPA_Contextual", "SignalJEPA_PostLocal"), _channel_major
    ),
    "STEEGFormer": _token_major,
    **dict.fromkeys(("CBraMod", "CodeBrain"), _grid),
    **dict.fromkeys(("EEGPT", "SignalJEPA_PreLocal", "LUNA", "DANCE", "NeuroPose"), _tokens),
    **dict.fromkeys(("BDTCN", "BrainModule", "TCFormer"), _steps),
}


def braindecode_model(name: str, **settings: Any) -> nn.Module:
    """A model of the installed braindecode by the name of its class, with random weights.

    Raises
    ------
    ConfigError
        When braindecode is missing or does not load, has no such model, or refuses the settings.
    """
    try:
        models = import_module("braindecode.models")
    except ImportError as error:
        raise ConfigError(f"{name} needs the package braindecode ({error}); install it") from error
    except OSError as error:  # what the shared library of a torchaudio for another torch ends in
        raise ConfigError(
            "braindecode does not load here, as its torchaudio does not fit torch "
            f"{torch.__version__}; install the torchaudio of that version"
        ) from error
    if not hasattr(models, name):
        known = [each for each in dir(models) if inspect.isclass(getattr(models, each))]
        raise ConfigError(f"braindecode has no model {name!r}; {nearest(name, known)}")
    try:
        made: nn.Module = getattr(models, name)(**settings)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"braindecode's {name} cannot be made ({error}); correct its settings") from error
    return made


def from_braindecode(
    model: Any,
    *,
    unit: str,
    channels: Sequence[str] | None = None,
    scale: float = 1.0,
    features_axis: int | None = None,
    contract: Mapping[str, Any] | None = None,
    licence: str = "BSD-3-Clause",
    citation: str = "",
    parameters_from: str = "not stated",
    sources: Sequence[str] = (),
) -> Adapter:
    """A model under braindecode's conventions as an encoder.

    A model whose ``forward`` takes ``return_features`` gives its features; of any other the input of its
    ``final_layer`` is taken. Tokens of channels are averaged over channels.

    Parameters
    ----------
    model : braindecode model
        With ``n_times`` and ``sfreq``.
    unit : str
        What its numbers mean, such as ``"µV"``; its class does not say.
    channels : sequence of str, optional
        Names in its order; by default those of its ``chs_info``.
    scale : float
        It is shown ``scale`` times the signal in ``unit``; LaBraM wants 0.01 of microvolts.
    features_axis : int, optional
        Axis of the features that is their dimension, for classes that are not known here.
    contract : mapping, optional
        Further fields of the contract, such as ``filter`` and ``standardise``.
    licence, citation, parameters_from, sources
        See :class:`~tsrep.encoders.adapters.description.Description`.

    Returns
    -------
    Adapter
        In evaluation mode; the head takes no part.

    Raises
    ------
    ConfigError
        When channels or times are not known, or it is not known which axis of the features is which.
    """
    model = model.eval()
    names = tuple(channels or _names(model))
    read = _reader(model, features_axis)
    with torch.no_grad():
        z = read(model, torch.zeros(2, len(names), _told(model, "n_times")), names)
    fields: dict[str, Any] = {
        "modality": "eeg",
        "channels": names,
        "channel_mode": "named" if "ch_names" in _arguments(model) else "fixed",
        "reference": "as recorded",
        "sfreq": float(_told(model, "sfreq")),
        "unit": unit,
        "scale": scale,
        "window": {"steps": _told(model, "n_times"), "tail": "align"},
        "missing_values": "interpolate",
        "output": {
            "dim": z.shape[1],
            "stride": max(round(_told(model, "n_times") / z.shape[2]), 1) if z.ndim == 3 else None,
            "time": z.ndim == 3,
            "causal": False,
        },
        **(contract or {}),
    }
    description = Description(
        name=type(model).__name__,
        contract=SignalContract(**fields),
        licence=licence,
        citation=citation,
        parameters_from=parameters_from,
        sources=tuple(sources),
    )
    return Adapter(model, description, read=read, remake=_remake(model))


def _told(model: Any, name: str) -> Any:
    """A fact that a model may have been made without."""
    try:
        value = getattr(model, name)
    except (ValueError, AttributeError):  # braindecode raises where it was not given
        value = None
    if value is None:
        raise ConfigError(f"{type(model).__name__} does not say its {name}; make it with {name}")
    return value


def _names(model: Any) -> list[str]:
    try:
        return [str(each["ch_name"]) for each in _told(model, "chs_info")]
    except (ConfigError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{type(model).__name__} does not name its channels; give channels, or make it with chs_info"
        ) from error


def _arguments(model: nn.Module) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(model.forward).parameters


def _reader(model: nn.Module, axis: int | None) -> Read:
    """What reads its features and brings them to (batch, dim, time') or (batch, dim)."""
    arguments = _arguments(model)

    def features(model: nn.Module, x: Tensor, names: Sequence[str]) -> Tensor:
        named: dict[str, Any] = {"ch_names": list(names)} if "ch_names" in arguments else {}
        found: Tensor = model(x, return_features=True, **named)["features"]
        return found

    source: Read = features if "return_features" in arguments else input_of(HEAD)

    def read(model: nn.Module, x: Tensor, names: Sequence[str]) -> Tensor:
        return _arranged(model, source(model, x, names), len(names), axis)

    return read


def _arranged(model: nn.Module, z: Tensor, channels: int, axis: int | None) -> Tensor:
    name = type(model).__name__
    if axis is not None:
        return z.movedim(axis, 1).flatten(2) if z.ndim > 2 else z
    if name in ARRANGED:
        return ARRANGED[name](z, channels)
    if z.ndim == 2:
        return z
    if z.ndim == 4 and 1 in z.shape[2:]:  # (batch, dim, 1, time) of convolutions over channels and time
        return z.flatten(2)
    return z.movedim(_axis_of_width(model, z), 1).flatten(2)


def _axis_of_width(model: Any, z: Tensor) -> int:
    """The axis that is as wide as the model says that its representation is."""
    config = model.get_config() if hasattr(model, "get_config") else {}
    widths = {value for key, value in config.items() if key.endswith(("emb_dim", "embed_dim", "d_model"))}
    fitting = [axis for axis in range(1, z.ndim) if z.shape[axis] in widths]
    if len(fitting) != 1:
        raise ConfigError(
            f"{type(model).__name__} gives features of shape {tuple(z.shape)}, and no setting of it tells "
            "which axis is their dimension; say features_axis"
        )
    return fitting[0]


def _remake(model: Any) -> Callable[[int], nn.Module] | None:
    if not hasattr(model, "get_config"):
        return None

    def remake(seed: int) -> nn.Module:
        with initial_weights(seed, "encoder"):
            made: nn.Module = type(model).from_config(model.get_config())
        return made.eval()

    return remake
