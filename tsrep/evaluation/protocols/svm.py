"""SVM (RBF) and logistic regression as published for the UCR and UEA archives: C by cross-validation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from tsrep.evaluation.arrays import Array
from tsrep.evaluation.heads.classifier import Classifier
from tsrep.evaluation.labels.svm import LOGISTIC_C, SVM_C, fit_logistic, fit_svm
from tsrep.evaluation.protocols.labels import FrozenFeatureProtocol, Strengths
from tsrep.evaluation.protocols.protocol import Held
from tsrep.registry import PROTOCOLS
from tsrep.signals.panel import Ints


@dataclass
class CrossValidated(FrozenFeatureProtocol):
    """Fitted on the training and the validation part together where the test part is scored."""

    metric = "accuracy"
    fits_on_validation, multilabel = True, False
    fitted_by: ClassVar[Callable[..., Classifier]]

    C: Strengths

    def fit(
        self, features: Array, label: Array, classes: int, *, group: Ints, validation: Held
    ) -> Classifier:
        """A classifier whose ``C`` cross-validation chooses."""
        del validation
        return type(self).fitted_by(features, label, classes, group=group, C=self.C)


@PROTOCOLS.register("svm")
@dataclass
class SupportVectorMachine(CrossValidated):
    """SVM with an RBF kernel on features that are not standardised.

    Parameters
    ----------
    C : tuple of float
        Inverse regularisation strengths, of which the best cross-validated accuracy chooses.

    References
    ----------
    Yue et al., "TS2Vec: Towards Universal Representation of Time Series", AAAI 2022, section 4.1.
    """

    title, rank = "SVM (RBF)", 10
    fitted_by = staticmethod(fit_svm)

    C: Strengths = SVM_C


@PROTOCOLS.register("logistic")
@dataclass
class CrossValidatedLogistic(CrossValidated):
    """Multinomial logistic regression on standardised features.

    Parameters
    ----------
    C : tuple of float
        Inverse regularisation strengths, of which the best cross-validated accuracy chooses.

    References
    ----------
    Zheng et al., "Parametric Augmentation for Time Series Contrastive Learning", ICLR 2024, section 4.2.
    """

    title, rank = "cross-validated logistic regression", 20
    fitted_by = staticmethod(fit_logistic)

    C: Strengths = LOGISTIC_C
