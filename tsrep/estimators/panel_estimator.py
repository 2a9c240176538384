"""What the encoders and the classifier have in common: an encoder fitted to instances, and its scale."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, asdict, dataclass
from functools import partial
from typing import Any, ClassVar, Self

import numpy as np
import torch
from sktime.transformations.base import BaseTransformer
from torch import Tensor

from tsrep.encoders.pooling import POOLS
from tsrep.errors import DataError
from tsrep.estimators.estimator import Estimator, Stored, without_prefix
from tsrep.estimators.instances import Instances, instances_of, numbered
from tsrep.estimators.parameters import panel_configuration
from tsrep.estimators.reference import in_units, start_of
from tsrep.estimators.training import on_device, pretrain
from tsrep.evaluation.embedding import embed
from tsrep.rng import initial_weights
from tsrep.runs.build import blank_encoder
from tsrep.signals import Panel
from tsrep.signals.panel import Floats, Ints
from tsrep.signals.standardise import Scaler
from tsrep.training.distributed import pick_device

Transform = Callable[[Tensor], Tensor]
AT_ONCE = 2**18  # time steps that are encoded together
SMALL: dict[str, Any] = {  # settings of the default encoder and objective for sktime's tests
    "encoder_params": {"width": 4, "dim": 4},
    "objective_params": {"hidden": 4, "projection": 4},
    "epochs": 1,
}


@dataclass(eq=False, repr=False)
class PanelEstimator(Estimator):
    """An estimator that fits an encoder to instances, and knows it with the signals that it was fitted to."""

    encoder: str | Mapping[str, Any] = "resnet1d"
    objective: str | Mapping[str, Any] = "simclr"
    encoder_params: Mapping[str, Any] | None = None
    objective_params: Mapping[str, Any] | None = None
    _: KW_ONLY
    window: int | None = None
    standardise: str = "channel"

    _tags: ClassVar[dict[str, Any]] = {"capability:unequal_length": True}
    labelled: ClassVar[bool] = False

    def fit(self, X: Any, y: Any = None) -> Self:
        """Train on instances.

        Parameters
        ----------
        X : array, data frame or MNE Epochs
            An array of shape (instance, channel, time), or a data frame with a multi-index whose last level
            is time.
        y : ignored

        Raises
        ------
        ConfigError
            When a parameter is wrong, or the objective needs what ``X`` does not tell.
        DataError
            When values are infinite.
        """
        X, sfreq, channels = values_of(X)
        X = self._in_units(X, sfreq)
        super().fit(X, y)  # type: ignore[misc]  # of sktime's base class
        self.sfreq_ = sfreq
        if channels:
            self.channels_ = channels
        return self

    def _pretrain(self, X: Any, label: Ints | None = None, classes: int = 1) -> Instances:
        """Train an encoder by the objective, and give the instances that it was trained on."""
        instances, config = instances_of(X), panel_configuration(self)
        self.encoder_, self._scaler = pretrain(config, instances, self.window, label, classes)
        self.channels_, self._start = instances.channels, start_of(config)
        return instances

    def _in_units(self, x: Any, sfreq: float | None) -> Any:
        """Values, of Epochs in the unit of a trained encoder that is taken by reference."""
        contract = None if sfreq is None else panel_configuration(self).contract
        return x if contract is None or sfreq is None else in_units(x, sfreq, contract)

    def _values(self, X: Any) -> Any:
        """Values, of Epochs after a check that they have the rate and the channels of those in fit."""
        X, sfreq, channels = values_of(X)
        if sfreq is not None and self.sfreq_ is not None:
            if sfreq != self.sfreq_:
                raise DataError(
                    f"the epochs have a rate of {sfreq:g} Hz, the estimator was fitted at {self.sfreq_:g} "
                    "Hz; resample them"
                )
            self._refuse_other(channels)
        return self._in_units(X, sfreq)

    def _instances(self, X: Any) -> Instances:
        """Instances, after a check that their channels are those of fit."""
        found = instances_of(X)
        self._refuse_other(found.channels)
        return found

    def _refuse_other(self, channels: tuple[str, ...]) -> None:
        """Refuse channels of other names than in fit; those of arrays, without names, are counted alone."""
        counted = numbered(len(self.channels_)) == channels or numbered(len(channels)) == self.channels_
        if self.channels_ != channels and not counted:
            raise DataError(
                f"the data have the channels {', '.join(channels)}, the estimator was fitted on "
                f"{', '.join(self.channels_)}; select and order them alike"
            )

    def _embedded(self, instances: Instances) -> Floats:
        """One vector for each instance, shape (instance, feature): the mean over its windows.

        Raises
        ------
        DataError
            When an instance is shorter than a step of the encoder.
        """
        config = panel_configuration(self)
        device, pool = pick_device(config.device), POOLS[config.evaluation.pool]
        read = partial(features, on_device(self.encoder_, device), pool=pool, device=device)
        means = instances.means(read, self.window, self._scaler, self.encoder_.stride)
        return means.astype(np.float32)

    def _stored(self) -> Stored:
        scale = {} if self._scaler is None else asdict(self._scaler)
        tensors = {name: torch.from_numpy(value) for name, value in scale.items()}
        facts = {"channels": list(self.channels_), "sfreq": self.sfreq_, "start": self._start}
        return facts, tensors | self.encoder_.state_dict(prefix="encoder.")

    def _restore(self, facts: dict[str, Any], tensors: dict[str, Tensor]) -> None:
        self.channels_, self.sfreq_ = tuple(facts["channels"]), facts["sfreq"]
        self._start = facts["start"]
        with initial_weights(0, "about to be replaced"):
            self.encoder_ = blank_encoder(panel_configuration(self), len(self.channels_), 0).eval()
        self.encoder_.load_state_dict(without_prefix("encoder", tensors))
        scale = {name: tensors[name].numpy() for name in ("mean", "std") if name in tensors}
        self._scaler = Scaler(**scale) if scale else None
        self._is_vectorized, self._is_fitted = False, True


def features(encode: Transform, panel: Panel, *, pool: Transform, device: torch.device) -> Floats:
    """A vector for each sample, shape (sample, feature), whatever the length of samples."""
    at_once = max(1, AT_ONCE // panel.length)
    return embed(encode, panel, pool=pool, batch_size=at_once, device=device)


class PanelTransformer(PanelEstimator, BaseTransformer):  # type: ignore[misc]  # sktime has no types
    """An encoder as a transformer; it trains one network on all instances, hierarchical ones too."""

    _tags: ClassVar[dict[str, Any]] = {
        "scitype:transform-input": "Series",
        "scitype:instancewise": False,
        "X_inner_mtype": ["pd-multiindex", "numpy3D", "pd_multiindex_hier"],
        "y_inner_mtype": "None",
        "fit_is_empty": False,
        "capability:categorical_in_y": False,
    }

    def transform(self, X: Any, y: Any = None) -> Any:
        """Representations of instances.

        Parameters
        ----------
        X : array, data frame or MNE Epochs
            As in :meth:`fit`, with the same channels.
        y : ignored

        Returns
        -------
        pd.DataFrame or array
            Of ``ContrastiveEncoder`` a row for each instance, with its name as index; of ``TimestepEncoder``
            a vector for each step, in the container of ``X`` and with its index.

        Raises
        ------
        DataError
            When channels or rate are not those of fit, or an instance is too short.
        """
        self.check_is_fitted()
        return super().transform(self._values(X), y)

    def _fit(self, X: Any, y: Any = None) -> Self:
        del y
        self._pretrain(X)
        return self


def values_of(x: Any) -> tuple[Any, float | None, tuple[str, ...]]:
    """MNE Epochs as an array (epoch, channel, time) in volts, their rate in Hz, and names of their channels.

    Data channels that are not marked as bad are taken. Anything else stays as it is, and tells neither.
    """
    mne = sys.modules.get("mne")
    if mne is None or not isinstance(x, mne.BaseEpochs):
        return x, None, ()
    picked = x.copy().pick("data", exclude="bads")
    return picked.get_data(copy=False), float(x.info["sfreq"]), tuple(picked.ch_names)
