"""A contrastive encoder as a transformer: from a panel to a table of embeddings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from sktime.transformations.base import BaseTransformer
from torch import Tensor

from tsrep.estimators.embedding import embedded, refuse_other_channels
from tsrep.estimators.epochs import at_the_door, refuse_other_recording
from tsrep.estimators.instances import instances_of
from tsrep.estimators.learning import learn
from tsrep.estimators.nesting import Nested
from tsrep.estimators.saving import SafeSaving, Stored
from tsrep.estimators.settings import panel_configuration
from tsrep.estimators.state import restored, stored


class ContrastiveEncoder(Nested, SafeSaving, BaseTransformer):  # type: ignore[misc]  # sktime has no types
    """Learns a representation of time series without labels, and gives one vector for each.

    Parameters
    ----------
    encoder : str or mapping, default="resnet1d"
        Name of an encoder of tsrep, or its settings with a ``name``.
    objective : str or mapping, default="simclr"
        What is learned, likewise. Objectives that need patients and trials (``"comet"``) take data frames
        with
        the levels (patient, trial, time) or (patient, trial, sample, time); one encoder is trained on all.
    encoder_params, objective_params : mapping, optional
        Further settings of both.
    pool : {"max", "mean", "last", "max-mean"}, default="max-mean"
        From one vector for each step to one for each instance.
    window : int, optional
        Steps of a training sample. Instances are cut into windows without overlap, and an embedding is the
        mean over those of its instance. None takes whole instances.
    standardise : {"channel", "global", "record", "none"}, default="channel"
        Mean and deviation that are removed: of each channel or of all together, over all training instances,
        or of each instance itself.
    epochs : int, default=20
    batch_size : int, default=64
    lr : float, default=1e-3
    training_params : mapping, optional
        Further settings of the training loop, such as ``{"schedule": "constant"}``.
    device : str, default="auto"
        ``"cpu"``, ``"cuda"`` or ``"auto"``. What is fitted is kept on the CPU.
    random_state : int, RandomState, Generator or None, default=None
        Equal seeds give equal weights on the CPU, bit for bit. A generator is read, not moved on.

    Attributes
    ----------
    encoder_ : tsrep.encoders.encoder.Encoder
        Trained, on the CPU.
    channels_ : tuple of str

    Notes
    -----
    Instances may have different lengths: training pads them with missing steps, embeddings are made without
    padding. A step with a missing value in any channel counts as missing in all, and encoders mask it.
    MNE ``Epochs`` may take the place of an array. Values are held as float32: where a channel's offset is ten
    thousand times its deviation and more, take it off before.

    Examples
    --------
    >>> from sktime.datasets import load_unit_test
    >>> from tsrep.estimators import ContrastiveEncoder
    >>> X, _ = load_unit_test(split="train", return_type="numpy3d")
    >>> encoder = ContrastiveEncoder(encoder_params={"width": 4, "dim": 4}, epochs=1, random_state=0)
    >>> encoder.fit_transform(X).shape
    (20, 8)
    """

    _tags = {  # noqa: RUF012 - sktime's way of declaring tags
        "authors": ["tsrep developers"],
        "maintainers": ["tsrep developers"],
        "python_dependencies": "torch",
        "scitype:transform-input": "Series",
        "scitype:transform-output": "Primitives",
        "scitype:instancewise": False,
        "X_inner_mtype": ["pd-multiindex", "numpy3D", "pd_multiindex_hier"],
        "y_inner_mtype": "None",
        "fit_is_empty": False,
        "capability:multivariate": True,
        "capability:unequal_length": True,
        "capability:missing_values": True,
        "capability:categorical_in_X": False,
        "capability:categorical_in_y": False,
        "capability:random_state": True,
        "property:randomness": "derandomized",
    }

    def __init__(
        self,
        encoder: str | Mapping[str, Any] = "resnet1d",
        objective: str | Mapping[str, Any] = "simclr",
        encoder_params: Mapping[str, Any] | None = None,
        objective_params: Mapping[str, Any] | None = None,
        pool: str = "max-mean",
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
        self.pool = pool
        self.window = window
        self.standardise = standardise
        self.epochs = epochs
        self.batch_size = batch_size
        self.lr = lr
        self.training_params = training_params
        self.device = device
        self.random_state = random_state
        super().__init__()

    def fit(self, X: Any, y: Any = None) -> ContrastiveEncoder:
        """Train the encoder.

        Parameters
        ----------
        X : array (instance, channel, time), data frame with a multi-index, or MNE Epochs
        y : ignored

        Raises
        ------
        ConfigError
            When a parameter is wrong, or the objective needs what ``X`` does not tell.
        DataError
            When values are infinite.
        """
        X, recorded = at_the_door(X)
        super().fit(X, y)
        self.recorded_ = recorded
        return self

    def transform(self, X: Any, y: Any = None) -> pd.DataFrame:
        """One row for each instance, with its name as index and a column for each feature.

        Raises
        ------
        DataError
            When channels or rate are not those of fit, or an instance is too short.
        """
        self.check_is_fitted()
        X, recorded = at_the_door(X)
        refuse_other_recording(self.recorded_, recorded)
        return super().transform(X, y)

    def _fit(self, X: Any, y: Any = None) -> ContrastiveEncoder:
        del y
        config = panel_configuration(self, labels=False)
        instances = instances_of(X)
        self._learned = learn(config, instances, self.window)
        self.encoder_, self.channels_ = self._learned.encoder, instances.channels
        return self

    def _transform(self, X: Any, y: Any = None) -> pd.DataFrame:
        del y
        instances = instances_of(X)
        refuse_other_channels(self.channels_, instances)
        x = embedded(panel_configuration(self, labels=False), self._learned, instances, self.window)
        return pd.DataFrame(x, index=instances.index, columns=[f"z{i}" for i in range(x.shape[1])])

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
        return [
            {"encoder_params": {"width": 4, "dim": 4}, "objective_params": SMALL_HEAD, "epochs": 1},
            {
                "encoder": "dilated-conv",
                "objective": "ts2vec",
                "encoder_params": {"hidden": 4, "dim": 4, "depth": 2},
                "pool": "max",
                "epochs": 1,
                "standardise": "record",
            },
        ]


SMALL_HEAD = {"hidden": 4, "projection": 4}
