"""A contrastive encoder as a transformer: from a panel to a table of embeddings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import pandas as pd

from tsrep.estimators.panel_estimator import SMALL, PanelTransformer


@dataclass(eq=False, repr=False)
class ContrastiveEncoder(PanelTransformer):
    """Learns a representation of time series without labels, and gives one vector for each.

    Parameters
    ----------
    encoder : str or mapping, default="resnet1d"
        Name of an encoder of tsrep, or its settings with a ``name``. Or the reference of a trained
        one, such as a run folder or ``hub:owner/name``: it is taken as it is, so that ``objective`` and
        ``epochs`` have no effect, and signals are standardised as it was trained. They are in its unit and
        rate, and have its channels by name or, of an array, in its order.
    objective : str or mapping, default="simclr"
        What is learned, likewise. Objectives that need patients and trials (``"comet"``) take data frames
        with the levels (patient, trial, time) or (patient, trial, sample, time); one encoder is trained on
        all.
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
        Learning rate.
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

    pool: str = "max-mean"

    _tags: ClassVar[dict[str, Any]] = {"scitype:transform-output": "Primitives"}

    _test_params: ClassVar[list[dict[str, Any]]] = [
        SMALL,
        {
            "encoder": "dilated-conv",
            "objective": "ts2vec",
            "encoder_params": {"hidden": 4, "dim": 4, "depth": 2},
            "pool": "max",
            "epochs": 1,
            "standardise": "record",
        },
    ]

    def _transform(self, X: Any, y: Any = None) -> pd.DataFrame:
        del y
        instances = self._instances(X)
        x = self._embedded(instances)
        return pd.DataFrame(x, index=instances.index, columns=[f"z{i}" for i in range(x.shape[1])])
