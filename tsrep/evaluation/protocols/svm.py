"""SVM (RBF) as published for the UCR and UEA archives: frozen features, C by cross-validation."""

from __future__ import annotations

from dataclasses import dataclass

from tsrep.evaluation.arrays import Array
from tsrep.evaluation.heads.classifier import Classifier
from tsrep.evaluation.labels.svm import SVM_C, fit_svm
from tsrep.evaluation.protocols.labels import FrozenFeatureProtocol, Strengths
from tsrep.evaluation.protocols.protocol import Held
from tsrep.registry import PROTOCOLS
from tsrep.signals.panel import Ints


@PROTOCOLS.register("svm")
@dataclass
class SupportVectorMachine(FrozenFeatureProtocol):
    """SVM with an RBF kernel on features that are not standardised.

    It is fitted on the training and the validation part together where the test part is scored.

    Parameters
    ----------
    C : tuple of float
        Inverse regularisation strengths, of which the best cross-validated accuracy chooses.

    References
    ----------
    Yue et al., "TS2Vec: Towards Universal Representation of Time Series", AAAI 2022, section 4.1.
    """

    title, metric, rank = "SVM (RBF)", "accuracy", 10
    fits_on_validation, multilabel = True, False

    C: Strengths = SVM_C

    def fit(
        self, features: Array, label: Array, classes: int, *, group: Ints, validation: Held
    ) -> Classifier:
        """See :func:`~tsrep.evaluation.labels.svm.fit_svm`."""
        del validation
        return fit_svm(features, label, classes, group=group, C=self.C)
