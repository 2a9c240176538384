"""A contrastive encoder as a transformer of series: a vector for every time step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from torch import Tensor, nn

from tsrep.encoders.sliding import refuse_short_context, sliding_last_step
from tsrep.errors import ConfigError
from tsrep.estimators.instances import Instances, places
from tsrep.estimators.panel_estimator import PanelTransformer, features
from tsrep.estimators.parameters import panel_configuration, whole
from tsrep.estimators.training import on_device
from tsrep.rng import initial_weights
from tsrep.runs.build import blank_encoder
from tsrep.signals.panel import Floats
from tsrep.training.distributed import pick_device

SMALL: dict[str, Any] = {"hidden": 4, "dim": 4, "depth": 2}


@dataclass(eq=False, repr=False)
class TimestepEncoder(PanelTransformer):
    """Learns a representation of every time step without labels: from series to series of vectors.

    Parameters
    ----------
    encoder : str or mapping, default="dilated-conv"
        Name of an encoder of tsrep, or its settings with a ``name``. Or the reference of a trained
        one; see :class:`tsrep.estimators.ContrastiveEncoder`. Without a context it must give a vector
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

    encoder: str | Mapping[str, Any] = "dilated-conv"
    objective: str | Mapping[str, Any] = "ts2vec"
    context: int | None = None

    _tags: ClassVar[dict[str, Any]] = {
        "scitype:transform-output": "Series",
        "transform-returns-same-time-index": True,
        "capability:missing_values:removes": True,
    }

    _test_params: ClassVar[list[dict[str, Any]]] = [
        {"encoder_params": SMALL, "epochs": 1},
        {"encoder": "causal-tcn", "encoder_params": SMALL, "context": 8, "epochs": 1},
    ]

    def _fit(self, X: Any, y: Any = None) -> Self:
        self._refuse_steps_between(X.shape[1])
        return super()._fit(X, y)

    def _transform(self, X: Any, y: Any = None) -> Any:
        del y
        z = self._each_step(self._instances(X)).astype(np.float64)
        if isinstance(X, np.ndarray):
            return z
        instance, step = places(X.index)
        return pd.DataFrame(z[instance, :, step], X.index, [f"z{i}" for i in range(z.shape[1])])

    def _each_step(self, instances: Instances) -> Floats:
        """A vector for each step, shape (instance, dim, time); NaN after the end of an instance."""
        device = pick_device(self.device)
        encoder = on_device(self.encoder_, device)

        def encode(x: Tensor) -> Tensor:
            return encoder(x) if self.context is None else sliding_last_step(encoder, x, self.context)

        found = np.full((len(instances), encoder.dim, instances.values.shape[2]), np.nan, np.float32)
        for panel, index in instances.standardised(instances.windows(None), self._scaler):
            z = features(encode, panel, pool=nn.Flatten(), device=device)
            found[index, :, : panel.length] = z.reshape(len(index), encoder.dim, panel.length)
        return found

    def _refuse_steps_between(self, channels: int) -> None:
        """Check that the encoder gives a vector for each step, by itself or with a context.

        Raises
        ------
        ConfigError
            When it does not, or the context is no number of steps or holds no step of the encoder.
        """
        config = panel_configuration(self)
        with initial_weights(0, "only looked at"):
            encoder = blank_encoder(config, channels, 0)
        if self.context is not None:
            refuse_short_context(encoder, whole(self.context, "context"))
        elif encoder.stride > 1:
            raise ConfigError(
                f"encoder {config.encoder.name} gives a vector for every {encoder.stride} steps, not for "
                "each; set context, or use one such as dilated-conv or causal-tcn"
            )
