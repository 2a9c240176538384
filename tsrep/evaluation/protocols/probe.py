"""Linear probe: logistic regression on frozen features, its C chosen on the validation part."""

from __future__ import annotations

from dataclasses import dataclass

from tsrep.evaluation.arrays import Array
from tsrep.evaluation.heads.classifier import Classifier
from tsrep.evaluation.labels.linear_probe import C_GRID, Scheme, fit_probe
from tsrep.evaluation.protocols.labels import FrozenFeatureProtocol, Strengths
from tsrep.evaluation.protocols.protocol import Held, Masks
from tsrep.registry import PROTOCOLS
from tsrep.signals.panel import Ints


@PROTOCOLS.register("probe")
@dataclass
class LinearProbe(FrozenFeatureProtocol):
    """Logistic regression on frozen, standardised features.

    Parameters
    ----------
    C : tuple of float
        Inverse regularisation strengths, of which the validation part chooses by macro AUROC; the last one
        is taken where the validation part itself is scored.
    scheme : {"multinomial", "one-vs-rest"}
        For three exclusive classes and more. The published evaluation of COMET is ``"one-vs-rest"`` with
        ``C=(1.0,)``.

    References
    ----------
    Alain & Bengio, "Understanding intermediate layers using linear classifier probes", ICLR workshop, 2017.
    """

    title, rank, takes_unknown = "linear probe", 0, True

    C: Strengths = C_GRID
    scheme: Scheme = "multinomial"

    def fit(
        self,
        features: Array,
        label: Array,
        classes: int,
        *,
        group: Ints,
        validation: Held,
        known: Masks = (None, None),
    ) -> Classifier:
        """See :func:`~tsrep.evaluation.labels.linear_probe.fit_probe`."""
        del group
        held = validation if len(self.C) > 1 else None
        return fit_probe(features, label, classes, C=self.C, validation=held, scheme=self.scheme, known=known)
