"""A contrastive encoder as a transformer of series: a vector for every time step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from sktime.transformations.base import BaseTransformer
from torch import Tensor

from tsrep.estimators.embedding import each_step, refuse_other_channels, refuse_steps_between
from tsrep.estimators.epochs import at_the_door, refuse_other_recording
from tsrep.estimators.instances import instances_of, places
from tsrep.estimators.learning import learn
from tsrep.estimators.nesting import Nested
from tsrep.estimators.saving import SafeSaving, Stored
from tsrep.estimators.settings import panel_configuration
from tsrep.estimators.state import restored, stored


class TimestepEncoder(Nested, SafeSaving, BaseTransformer):  # type: ignore[misc]  # sktime has no types
    """Learns a representation of every time step without labels: from series to series of vectors.

    Parameters
    ----------
    encoder : str or mapping, default="dilated-conv"
        Name of an encoder of tsrep, or its settings with a ``name``. Without a context it must give a vector
        for each step (a stride of 1).
    objective : str or mapping, default="ts2vec"
        What is learned, likewise; see :class:`tsrep.estimators.ContrastiveEncoder`.
    encoder_params, objective_params : mapping, optional
        Further settings of both.
    context : int, optional
        Represent each step by so many earlier ones and itself alone, so that nothing of the future reaches
        it, as features of a forecast must be. None encodes each series as a whole.
    window : int, optional
        Steps of a training sample. None takes whole series, or halves of one alone of at most 256 steps.
    standardise, epochs, batch_size, lr, training_params, device, random_state
        As in :class:`tsrep.estimators.ContrastiveEncoder`.

    Attributes
    ----------
    encoder_ : tsrep.encoders.encoder.Encoder
        Trained, on the CPU.
    channels_ : tuple of str

    Examples
    --------
    >>> from sktime.datasets import load_airline
    >>> from tsrep.estimators import TimestepEncoder
    >>> y = load_airline()
    >>> small = {"hidden": 4, "dim": 4, "depth": 2}
    >>> encoder = TimestepEncoder(encoder_params=small, epochs=1, random_state=0)
    >>> encoder.fit_transform(y).shape
    (144, 4)
    """

    _tags = {  # noqa: RUF012 - sktime's way of declaring tags
        "authors": ["tsrep developers"],
        "maintainers": ["tsrep developers"],
        "python_dependencies": "torch",
        "scitype:transform-input": "Series",
        "scitype:transform-output": "Series",
        "transform-returns-same-time-index": True,
        "scitype:instancewise": False,
        "X_inner_mtype": ["pd-multiindex", "numpy3D", "pd_multiindex_hier"],
        "y_inner_mtype": "None",
        "fit_is_empty": False,
        "capability:multivariate": True,
        "capability:unequal_length": True,
        "capability:missing_values": True,
        "capability:missing_values:removes": True,
        "capability:categorical_in_X": False,
        "capability:categorical_in_y": False,
        "capability:random_state": True,
        "property:randomness": "derandomized",
    }

    def __init__(
        self,
        encoder: str | Mapping[str, Any] = "dilated-conv",
        objective: str | Mapping[str, Any] = "ts2vec",
        encoder_params: Mapping[str, Any] | None = None,
        objective_params: Mapping[str, Any] | None = None,
        context: int | None = None,
        window: int | None = None,
        standardise: str = "channel",
        epochs: int = 20,
        batch_size: int = 64,
        lr: float = 1e-3,
        training_params: Mapping[str, Any] | None = None,
        device: str = "auto",
        random_state: Any = None,
    ) -> None:
        self.encoder = encoder
        self.objective = objective
        self.encoder_params = encoder_params
        self.objective_params = objective_params
        self.context = context
        self.window = window
        self.standardise = standardise
        self.epochs = epochs
        self.batch_size = batch_size
        self.lr = lr
        self.training_params = training_params
        self.device = device
        self.random_state = random_state
        super().__init__()

    def fit(self, X: Any, y: Any = None) -> TimestepEncoder:
        """Train the encoder; see :meth:`tsrep.estimators.ContrastiveEncoder.fit`.

        Raises
        ------
        ConfigError
            When a parameter is wrong, or the encoder gives no vector for each step and there is no context.
        DataError
            When values are infinite.
        """
        X, recorded = at_the_door(X)
        super().fit(X, y)
        self.recorded_ = recorded
        return self

    def transform(self, X: Any, y: Any = None) -> Any:
        """A vector for each step, in the container that ``X`` came in and with its index.

        Raises
        ------
        DataError
            When channels or rate are not those of fit.
        """
        self.check_is_fitted()
        X, recorded = at_the_door(X)
        refuse_other_recording(self.recorded_, recorded)
        return super().transform(X, y)

    def _fit(self, X: Any, y: Any = None) -> TimestepEncoder:
        del y
        config = panel_configuration(self, labels=False)
        instances = instances_of(X)
        refuse_steps_between(config, len(instances.channels), self.context)
        self._learned = learn(config, instances, self.window)
        self.encoder_, self.channels_ = self._learned.encoder, instances.channels
        return self

    def _transform(self, X: Any, y: Any = None) -> Any:
        del y
        instances = instances_of(X)
        refuse_other_channels(self.channels_, instances)
        z = each_step(panel_configuration(self, labels=False), self._learned, instances, self.context)
        if isinstance(X, np.ndarray):
            return z.astype(np.float64)
        at = places(X.index)
        names = [f"z{i}" for i in range(z.shape[1])]
        return pd.DataFrame(z[at.instance, :, at.step].astype(np.float64), index=X.index, columns=names)

    def _stored(self) -> Stored:
        return stored(self._learned, self.channels_, self.recorded_)

    def _restore(self, facts: dict[str, Any], tensors: dict[str, Tensor]) -> None:
        config = panel_configuration(self, labels=False)
        self._learned, self.channels_, self.recorded_ = restored(config, facts, tensors)
        self.encoder_ = self._learned.encoder
        self._is_vectorized, self._is_fitted = False, True

    @classmethod
    def get_test_params(cls, parameter_set: str = "default") -> list[dict[str, Any]]:
        """Small settings for sktime's tests."""
        del parameter_set
        small = {"hidden": 4, "dim": 4, "depth": 2}
        return [
            {"encoder_params": small, "epochs": 1},
            {"encoder": "causal-tcn", "encoder_params": small, "context": 8, "epochs": 1},
        ]
