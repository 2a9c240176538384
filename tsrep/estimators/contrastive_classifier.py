"""A classifier on a contrastive encoder: frozen with a logistic regression, or fine-tuned."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.utils import ClassifierTags, Tags, TargetTags
from sktime.classification.base import BaseClassifier
from torch import Tensor

from tsrep.errors import ConfigError, DataError
from tsrep.estimators.estimator import Stored, without_prefix
from tsrep.estimators.panel_estimator import SMALL, PanelEstimator
from tsrep.estimators.parameters import panel_configuration
from tsrep.estimators.training import finetune, on_device
from tsrep.evaluation.labels.linear_probe import Probe, Standardiser, fit_probe
from tsrep.evaluation.protocols.finetune import FineTuning, probabilities
from tsrep.registry import PROTOCOLS
from tsrep.sampling.batches import PanelTensors
from tsrep.signals import Panel
from tsrep.training.distributed import pick_device


@dataclass(eq=False, repr=False)
class ContrastiveClassifier(PanelEstimator, BaseClassifier):  # type: ignore[misc]  # sktime has no types
    """Learns a representation of the training series, then classes from it.

    Parameters
    ----------
    encoder : str or mapping, default="resnet1d"
        Name of an encoder of tsrep, or its settings with a ``name``. Or the reference of a trained
        one, such as a run folder or ``hub:owner/name``: it is taken as it is, so that ``objective`` and
        ``epochs`` have no effect, and signals are standardised as it was trained. They are in its unit and
        rate, and have its channels by name or, of an array, in its order.
    objective : str or mapping, default="simclr"
        What is learned before labels are looked at, likewise; ``"supervised"`` looks at them at once.
    encoder_params, objective_params : mapping, optional
        Further settings of both.
    finetune : bool, default=False
        Train all weights on the labels, from those that were learned. Otherwise the encoder stays as it is
        and a logistic regression on its embeddings is fitted.
    finetune_params : mapping, optional
        Settings of :class:`tsrep.evaluation.protocols.finetune.FineTuning`, such as
        ``{"epochs": 50, "lr": 1e-4, "head": {"head": "linear"}}``.
    C : float, default=1.0
        Inverse regularisation strength of the logistic regression.
    pool, window, standardise, epochs, batch_size, lr, training_params, device, random_state
        As in :class:`tsrep.estimators.ContrastiveEncoder`. With windows, probabilities of a fine-tuned
        network are means over those of an instance.

    Attributes
    ----------
    classes_ : array
        Labels in ascending order, which is the order of the columns of ``predict_proba``.
    encoder_ : tsrep.encoders.encoder.Encoder
        Trained, on the CPU.

    Notes
    -----
    Patients and trials are not known to a sktime classifier. For objectives that need them put a classifier
    behind a :class:`tsrep.estimators.ContrastiveEncoder`.

    Examples
    --------
    >>> from sktime.datasets import load_unit_test
    >>> from tsrep.estimators import ContrastiveClassifier
    >>> X, y = load_unit_test(split="train", return_type="numpy3d")
    >>> classifier = ContrastiveClassifier(encoder_params={"width": 4, "dim": 4}, epochs=1, random_state=0)
    >>> classifier.fit(X, y).predict_proba(X).shape
    (20, 2)
    """

    finetune: bool = False
    finetune_params: Mapping[str, Any] | None = None
    C: float = 1.0
    pool: str = "max-mean"

    _tags: ClassVar[dict[str, Any]] = {
        "X_inner_mtype": ["pd-multiindex", "numpy3D"],
        "y_inner_mtype": "numpy1D",
        "capability:predict_proba": True,
    }
    labelled = True

    _test_params: ClassVar[list[dict[str, Any]]] = [
        SMALL,
        {
            "encoder": "dilated-conv",
            "objective": "supervised",
            "encoder_params": {"hidden": 4, "dim": 4, "depth": 2},
            "epochs": 1,
            "finetune": True,
            "finetune_params": {"epochs": 1, "min_steps": 1},
        },
    ]

    def fit(self, X: Any, y: Any) -> Self:  # type: ignore[override]  # encoders do without labels
        """Train on instances and their labels.

        Parameters
        ----------
        X : array, data frame or MNE Epochs
            An array of shape (instance, channel, time), or a data frame with instance and time as index.
        y : array, series or list, length instance
            Labels of any kind that can be sorted.

        Raises
        ------
        ConfigError
            When a parameter is wrong, or the objective needs patients or trials.
        DataError
            When values are infinite, or a label is missing.
        """
        return super().fit(X, complete_labels(y))

    def __sklearn_tags__(self) -> Tags:
        """What scikit-learn (1.9) asks of a classifier in its searches, and sktime's do not tell."""
        target = TargetTags(required=True)
        return Tags(estimator_type="classifier", target_tags=target, classifier_tags=ClassifierTags())

    def _check_convert_X_for_predict(self, X: Any) -> Any:
        return super()._check_convert_X_for_predict(self._values(X))

    def _fit(self, X: Any, y: NDArray[Any]) -> Self:
        if not (isinstance(self.C, int | float) and 0 < self.C < math.inf):
            raise ConfigError(f"C is {self.C!r}; give a number above 0")
        label, classes = np.searchsorted(self.classes_, y).astype(np.int64), len(self.classes_)
        instances = self._pretrain(X, label, classes)
        if self.finetune:
            config = panel_configuration(self)
            self._head = finetune(config, self.encoder_, instances, self.window, label, classes, self._scaler)
        else:
            self._probe = fit_probe(self._embedded(instances), label, classes, C=(float(self.C),))
        return self

    def _predict_proba(self, X: Any) -> NDArray[np.float64]:
        instances = self._instances(X)
        if not self.finetune:
            return self._probe.predict(self._embedded(instances))
        device = pick_device(self.device)
        encoder, head = on_device(self.encoder_, device), on_device(self._head, device)

        def read(panel: Panel) -> NDArray[Any]:
            return probabilities(encoder, head, PanelTensors(panel, device))

        return instances.means(read, self.window, self._scaler, encoder.stride)

    def _stored(self) -> Stored:
        if self._is_vectorized:
            raise ConfigError(
                "the classifier was fitted on several columns of labels and holds one for each; save those "
                "of classifiers_ one by one"
            )
        classes = self.classes_.tolist()
        facts = {"classes": classes, "dtype": self.classes_.dtype.str}
        if not all(isinstance(each, str | int | float | bool) for each in classes):
            raise ConfigError(
                "labels that are no text, numbers or truth values cannot be stored; rename them"
            )
        if len(self.classes_) == 1:
            return facts, {}
        more, tensors = super()._stored()
        if self.finetune:
            return facts | more, tensors | self._head.state_dict(prefix="head.")
        parts = vars(self._probe) | vars(self._probe.standardiser)
        arrays = {f"probe.{k}": torch.tensor(v) for k, v in parts.items() if isinstance(v, np.ndarray)}
        return facts | more, tensors | arrays

    def _restore(self, facts: dict[str, Any], tensors: dict[str, Tensor]) -> None:
        classes = np.array(facts["classes"], dtype=facts["dtype"])
        # what fit of the base class notes about labels
        _, self._y_metadata, self._y_inner_mtype = self._check_y(classes, return_to_mtype=True)
        self.classes_, self.n_classes_ = classes, len(classes)
        self._class_dictionary = {value: i for i, value in enumerate(classes)}
        self._is_vectorized, self._is_fitted = False, True
        if len(classes) == 1:
            self.sfreq_ = None
            return
        super()._restore(facts, tensors)
        if self.finetune:
            protocol: FineTuning = PROTOCOLS.build(panel_configuration(self).evaluation.of("finetune"))
            self._head = protocol.new_head(self.encoder_, len(classes), multilabel=False, seed=0).eval()
            self._head.load_state_dict(without_prefix("head", tensors))
            return
        known = {name: value.numpy() for name, value in without_prefix("probe", tensors).items()}
        standardiser = Standardiser(known.pop("mean"), known.pop("deviation"))
        self._probe = Probe(standardiser, **known, C=float(self.C), multilabel=False, scheme="multinomial")


def complete_labels(y: Any) -> Any:
    """Labels, as an array where they are a list, tuple or categorical.

    Raises
    ------
    DataError
        Naming the first instance that has no label.
    """
    y = list(y) if isinstance(y, tuple) else y
    if isinstance(y, list | pd.Categorical | np.ndarray | pd.Series | pd.DataFrame):
        missing = np.argwhere(np.asarray(pd.isna(y)))
        if len(missing):
            raise DataError(
                f"the label of instance {missing[0, 0]} is missing; fill it in or leave the instance out"
            )
    return np.asarray(y) if isinstance(y, list | pd.Categorical) else y
