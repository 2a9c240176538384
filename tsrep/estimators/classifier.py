"""A classifier on a contrastive encoder: frozen with a logistic regression, or fine-tuned."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils import ClassifierTags, Tags, TargetTags
from sktime.classification.base import BaseClassifier
from torch import Tensor

from tsrep.errors import ConfigError
from tsrep.estimators.embedding import embedded, refuse_other_channels
from tsrep.estimators.epochs import at_the_door, refuse_other_recording
from tsrep.estimators.finetuning import finetune, new_head, probabilities
from tsrep.estimators.instances import Instances, instances_of
from tsrep.estimators.labels import labels_at_the_door
from tsrep.estimators.learning import learn
from tsrep.estimators.nesting import Nested
from tsrep.estimators.saving import SafeSaving, Stored
from tsrep.estimators.settings import panel_configuration
from tsrep.estimators.state import load_prefixed, prefixed, restored, stored
from tsrep.evaluation.labels.linear_probe import Probe, Standardiser, fit_probe

PROBE = ("weight", "intercept", "fitted", "constant")


class ContrastiveClassifier(Nested, SafeSaving, BaseClassifier):  # type: ignore[misc]  # sktime has no types
    """Learns a representation of the training series, then classes from it.

    Parameters
    ----------
    encoder : str or mapping, default="resnet1d"
        Name of an encoder of tsrep, or its settings with a ``name``.
    objective : str or mapping, default="simclr"
        What is learned before labels are looked at, likewise; ``"supervised"`` looks at them at once.
    encoder_params, objective_params : mapping, optional
        Further settings of both.
    finetune : bool, default=False
        Train all weights on the labels, from those that were learned. Otherwise the encoder stays as it is
        and a logistic regression on its embeddings is fitted.
    finetune_params : mapping, optional
        Settings of the fine-tuning, such as ``{"epochs": 50, "lr": 1e-4, "head": {"head": "linear"}}``.
    penalty : float, default=1.0
        ``C`` of the logistic regression; smaller is stronger.
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

    _tags = {  # noqa: RUF012 - sktime's way of declaring tags
        "authors": ["tsrep developers"],
        "maintainers": ["tsrep developers"],
        "python_dependencies": "torch",
        "X_inner_mtype": ["pd-multiindex", "numpy3D"],
        "y_inner_mtype": "numpy1D",
        "capability:multivariate": True,
        "capability:unequal_length": True,
        "capability:missing_values": True,
        "capability:categorical_in_X": False,
        "capability:predict_proba": True,
        "capability:random_state": True,
        "property:randomness": "derandomized",
    }

    def __init__(
        self,
        encoder: str | Mapping[str, Any] = "resnet1d",
        objective: str | Mapping[str, Any] = "simclr",
        encoder_params: Mapping[str, Any] | None = None,
        objective_params: Mapping[str, Any] | None = None,
        finetune: bool = False,
        finetune_params: Mapping[str, Any] | None = None,
        C: float = 1.0,
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
        self.finetune = finetune
        self.finetune_params = finetune_params
        self.C = C
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

    def fit(self, X: Any, y: Any) -> ContrastiveClassifier:
        """Train.

        Parameters
        ----------
        X : array (instance, channel, time), data frame with instance and time as index, or MNE Epochs
        y : array, series or list, length instance
            Labels of any kind that can be sorted.

        Raises
        ------
        ConfigError
            When a parameter is wrong, or the objective needs patients or trials.
        DataError
            When values are infinite, or a label is missing.
        """
        X, recorded = at_the_door(X)
        super().fit(X, labels_at_the_door(y))
        self.recorded_ = recorded
        return self

    def __sklearn_tags__(self) -> Tags:
        """What scikit-learn (1.9) asks of a classifier in its searches, and sktime's do not tell."""
        target = TargetTags(required=True)
        return Tags(estimator_type="classifier", target_tags=target, classifier_tags=ClassifierTags())

    def _check_convert_X_for_predict(self, X: Any) -> Any:
        X, recorded = at_the_door(X)
        refuse_other_recording(self.recorded_, recorded)
        return super()._check_convert_X_for_predict(X)

    def _fit(self, X: Any, y: NDArray[Any]) -> ContrastiveClassifier:
        config = panel_configuration(self, labels=True)
        if not (isinstance(self.C, int | float) and 0 < self.C < math.inf):
            raise ConfigError(f"penalty is {self.C!r}; give a number above 0")
        instances = instances_of(X)
        label = np.searchsorted(self.classes_, y).astype(np.int64)
        classes = len(self.classes_)
        self._learned = learn(config, instances, self.window, label, classes)
        if self.finetune:
            self._head = finetune(config, self._learned, instances, self.window, label, classes)
        else:
            x = embedded(config, self._learned, instances, self.window)
            self._probe = fit_probe(x, label, classes, C=(float(self.C),))
        self.encoder_, self.channels_ = self._learned.encoder, instances.channels
        return self

    def _predict_proba(self, X: Any) -> NDArray[np.float64]:
        instances = instances_of(X)
        refuse_other_channels(self.channels_, instances)
        config = panel_configuration(self, labels=True)
        said = self._said(config, instances)
        found: NDArray[np.float64] = said / said.sum(axis=1, keepdims=True)
        return found

    def _said(self, config: Any, instances: Instances) -> NDArray[np.float64]:
        if self.finetune:
            return probabilities(config, self._learned, self._head, instances, self.window)
        found: NDArray[np.float64] = self._probe.predict(
            embedded(config, self._learned, instances, self.window)
        )
        return found

    def _predict(self, X: Any) -> NDArray[Any]:
        found: NDArray[Any] = self.classes_[self._predict_proba(X).argmax(axis=1)]
        return found

    def _stored(self) -> Stored:
        if self._is_vectorized:
            raise ConfigError(
                "the classifier was fitted on several columns of labels and holds one for each; save those "
                "of classifiers_ one by one"
            )
        facts: dict[str, Any] = {"classes": self.classes_.tolist(), "dtype": self.classes_.dtype.str}
        if not all(isinstance(each, str | int | float | bool) for each in facts["classes"]):
            raise ConfigError(
                "labels that are no text, numbers or truth values cannot be stored; rename them"
            )
        if len(self.classes_) == 1:
            return facts, {}
        more, tensors = stored(self._learned, self.channels_, self.recorded_)
        if self.finetune:
            return facts | more, tensors | prefixed("head", self._head)
        probe = self._probe
        arrays = {name: getattr(probe, name) for name in PROBE}
        arrays |= {"mean": probe.standardiser.mean, "deviation": probe.standardiser.deviation}
        return facts | more, tensors | {f"probe.{k}": torch.tensor(v) for k, v in arrays.items()}

    def _restore(self, facts: dict[str, Any], tensors: dict[str, Tensor]) -> None:
        classes = np.array(facts["classes"], dtype=facts["dtype"])
        self._remember_labels(classes)
        if len(classes) == 1:
            self.recorded_ = None
            return
        config = panel_configuration(self, labels=True)
        self._learned, self.channels_, self.recorded_ = restored(config, facts, tensors)
        self.encoder_ = self._learned.encoder
        if self.finetune:
            self._head = new_head(config, self.encoder_, len(classes))
            load_prefixed("head", self._head, tensors)
            return
        known = {k.removeprefix("probe."): v.numpy() for k, v in tensors.items() if k.startswith("probe.")}
        standardiser = Standardiser(known["mean"], known["deviation"])
        self._probe = Probe(
            standardiser,
            **{name: known[name] for name in PROBE},
            C=float(self.C),
            multilabel=False,
            scheme="multinomial",
        )

    def _remember_labels(self, classes: NDArray[Any]) -> None:
        """What fit of the base class notes about labels."""
        _, self._y_metadata, self._y_inner_mtype = self._check_y(classes, return_to_mtype=True)
        self.classes_, self.n_classes_ = classes, len(classes)
        self._class_dictionary = {value: i for i, value in enumerate(classes)}
        self._is_vectorized, self._is_fitted = False, True

    @classmethod
    def get_test_params(cls, parameter_set: str = "default") -> list[dict[str, Any]]:
        """Small settings for sktime's tests."""
        del parameter_set
        return [
            {
                "encoder_params": {"width": 4, "dim": 4},
                "objective_params": {"hidden": 4, "projection": 4},
                "epochs": 1,
            },
            {
                "encoder": "dilated-conv",
                "objective": "supervised",
                "encoder_params": {"hidden": 4, "dim": 4, "depth": 2},
                "epochs": 1,
                "finetune": True,
                "finetune_params": {"epochs": 1, "min_steps": 1},
            },
        ]
