"""Logistic regression with C by cross-validation, as published for the UCR and UEA archives."""

from __future__ import annotations

from dataclasses import dataclass

from tsrep.evaluation.arrays import Array
from tsrep.evaluation.heads.classifier import Classifier
from tsrep.evaluation.labels.svm import LOGISTIC_C, fit_logistic
from tsrep.evaluation.protocols.labels import FrozenFeatureProtocol, Strengths
from tsrep.evaluation.protocols.protocol import Held
from tsrep.registry import PROTOCOLS
from tsrep.signals.panel import Ints


@PROTOCOLS.register("logistic")
@dataclass
class CrossValidatedLogistic(FrozenFeatureProtocol):
    """Multinomial logistic regression on standardised features.

    It is fitted on the training and the validation part together where the test part is scored.

    Parameters
    ----------
    C : tuple of float
        Inverse regularisation strengths, of which the best cross-validated accuracy chooses.

    References
    ----------
    Zheng et al., "Parametric Augmentation for Time Series Contrastive Learning", ICLR 2024, section 4.2.
    """

    title, metric, rank = "cross-validated logistic regression", "accuracy", 20
    fits_on_validation, multilabel = True, False

    C: Strengths = LOGISTIC_C

    def fit(
        self, features: Array, label: Array, classes: int, *, group: Ints, validation: Held
    ) -> Classifier:
        """See :func:`~tsrep.evaluation.labels.svm.fit_logistic`."""
        del validation
        return fit_logistic(features, label, classes, group=group, C=self.C)
