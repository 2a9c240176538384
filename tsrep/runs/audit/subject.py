"""What is audited: recordings with all that is known of them, and their vectors by encoder and "
"reference."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsrep.evaluation.arrays import Array
from tsrep.evaluation.audit.attributes import over_new_people
from tsrep.evaluation.bootstrap import Resampled, resample, resampled_by, share_interval
from tsrep.evaluation.bootstrap.patients import Weighable
from tsrep.evaluation.labels.aggregate import aggregated
from tsrep.evaluation.labels.evaluation import Part
from tsrep.evaluation.labels.linear_probe import Standardiser
from tsrep.evaluation.predictions import Predictions
from tsrep.evaluation.protocols.protocol import outcome, protocol_of
from tsrep.evaluation.scores import RANDOM_INIT
from tsrep.runs.compare.entrant import Sight
from tsrep.runs.label_evaluation import Tell
from tsrep.signals.hand_features import amplitude_and_spectrum
from tsrep.signals.panel import Ints, Panel
from tsrep.signals.same_signal import same_signal
from tsrep.signals.sketch import signal_vectors

SIGNAL, HAND = "signal itself", "amplitude and spectrum"
FEWEST = 20  # patients of a level, and with and without a class in a cell
OTHER, UNKNOWN = "other", "unknown"


@dataclass(frozen=True, eq=False)
class Subject:
    """Recordings of a data set as an encoder sees them.

    Attributes
    ----------
    sight : Sight
    tell : callable
        Told in words what comes next.
    """

    sight: Sight
    tell: Tell

    @property
    def name(self) -> str:
        """Of the encoder."""
        return self.sight.entrant.name

    @property
    def panel(self) -> Panel:
        """Windows."""
        return self.sight.shown.prepared.panel

    @property
    def seed(self) -> int:
        """Of draws and resamples."""
        return self.sight.evaluation.seed

    @property
    def part(self) -> Part:
        """Which part of the split is audited."""
        return self.sight.evaluation.part

    @cached_property
    def patient(self) -> Ints:
        """Of each recording, in the order of :attr:`Panel.trials`."""
        at: Ints = self.panel.patient[np.unique(self.panel.trial, return_index=True)[1]]
        return at

    @cached_property
    def first_windows(self) -> Panel:
        """The first window of each recording, for what is the same in all: label, cohort, metadata."""
        return self.panel.select(np.unique(self.panel.trial, return_index=True)[1])

    def known(self, name: str) -> NDArray[Any] | None:
        """Something known of each recording; None where the data do not say it of any."""
        if name == "cohort":
            at = self.first_windows.cohort
            return None if at is None else np.array(self.panel.cohort_names)[at]
        values = self.panel.meta.get(name)
        return None if values is None or not len(values) else values

    def recordings(self, part: str) -> Ints:
        """Recordings of a part of the split."""
        return np.unique(np.searchsorted(self.panel.trials, self.panel.trial[self._samples(part)]))

    def _samples(self, part: str) -> Ints:
        index: Ints = getattr(self.sight.evaluation.split, part)
        return index

    @cached_property
    def scored(self) -> Ints:
        """Recordings of the audited part, of copies of one signal the first."""
        records = self.sight.shown.prepared.records
        found = self.recordings(self.part)
        row = records.row[np.unique(records.trial, return_index=True)[1]]
        of = row[np.searchsorted(records.trials, self.panel.trials[found])]
        return found[np.sort(np.unique(same_signal(records)[of], return_index=True)[1])]

    @property
    def copies(self) -> int:
        """Recordings of the audited part that are left out as copies of others."""
        return len(self.recordings(self.part)) - len(self.scored)

    @cached_property
    def vectors(self) -> Mapping[str, Sequence[Array]]:
        """Vectors of all recordings by encoder and reference, shape (recording, dim), one for each encoder.

        Means over the windows of a recording, standardised by the training part.
        """
        found = {name: [self._standardised(x) for x in arrays] for name, arrays in self._encoded()}
        records = self.sight.shown.prepared.records
        there = records.select(np.isin(records.trial, self.panel.trials))
        for name, of in ((SIGNAL, signal_vectors), (HAND, amplitude_and_spectrum)):
            self.tell(name)
            found[name] = [self._standardised(aggregated(of(there), there.trial, "mean", multilabel=True))]
        return found

    def _encoded(self) -> Iterator[tuple[str, list[Array]]]:
        evaluation = self.evaluation
        for candidate in self.sight.candidates():
            windows = (evaluation.features(candidate, k) for k in range(candidate.count))
            rows = [aggregated(x, self.panel.trial, "mean", multilabel=True) for x in windows]
            yield (RANDOM_INIT if candidate.role == "control" else self.name), rows

    def _standardised(self, x: Array) -> Array:
        fitted = self.recordings("train")
        return Standardiser.fit(x[fitted if len(fitted) else self.scored])(x)

    @cached_property
    def evaluation(self) -> Any:
        """That of the probe, which keeps what was embedded."""
        return replace(self.sight.evaluation, heads=None, on_step=self.tell)

    def _predictions(self, part: Part) -> Predictions:
        """Probabilities of classes of recordings by the encoder's probe."""
        evaluation = replace(self.evaluation, part=part, as_for_test=part != self.part)
        protocol = protocol_of(self.sight.data.evaluation.of("probe"))
        encoder = self.sight.candidates()[0]
        found = outcome(protocol, [encoder], evaluation).predictions
        return next(each for key, each in found.items() if key[0] == encoder.name)

    @cached_property
    def tested(self) -> Predictions:
        """Those of the audited part, without copies."""
        found = self._predictions(self.part)
        return found.of(np.isin(found.trial, self.panel.trials[self.scored]))

    @cached_property
    def validated(self) -> Predictions | None:
        """Those of the encoder on the validation part; None where there is none, or it is the audited one."""
        if self.part == "validation" or not len(self.recordings("validation")):
            return None
        return self._predictions("validation")

    def at(self, predictions: Predictions) -> Ints:
        """Recordings that predictions are of."""
        return np.searchsorted(self.panel.trials, predictions.trial)

    def resampled(self, scorers: Sequence[Weighable], patients: int, form: Any = share_interval) -> Resampled:
        """Metrics on resamples of patients."""
        n = self.evaluation.n_bootstrap
        return resampled_by(scorers, patients, n_bootstrap=n, seed=self.seed, form=form)

    def resampled_out_of_fold(
        self, scorers: Sequence[Weighable], patients: int, form: Any = share_interval
    ) -> Resampled:
        """The same of what heads predict that are fitted on other folds of these patients."""
        return over_new_people(self.resampled(scorers, patients, form))

    def resample(self, predictions: Sequence[Predictions], names: Sequence[str]) -> Resampled:
        """Metrics of predictions on resamples of patients."""
        n = self.evaluation.n_bootstrap
        return resample(predictions, n_bootstrap=n, seed=self.seed, names=names)

    def each(
        self, of: Callable[[Array], Weighable], patients: int, form: Any = share_interval
    ) -> dict[str, Resampled]:
        """Metrics of what is predicted out of fold from the vectors of encoder and references.

        Parameters
        ----------
        of : callable
            From vectors of all recordings to metrics.
        patients : int
            Who are resampled.
        form : callable
            Of intervals.
        """
        found = {}
        for name, arrays in self.vectors.items():
            self.tell(name)
            found[name] = self.resampled_out_of_fold([of(x) for x in arrays], patients, form)
        return found

    def levels(self, name: str) -> tuple[Ints, list[str]] | None:
        """Levels of something, shape (audited recording,), and their names; None with fewer than two.

        Those of fewer than 20 patients are taken together; -1 is of none, as where it is unknown.
        """
        values = self.known(name)
        if values is None:
            return None
        texts = as_texts(values[self.scored])
        patients = self.patient[self.scored]
        counts = {each: len(np.unique(patients[texts == each])) for each in np.unique(texts) if each}
        kept = [each for each, n in counts.items() if n >= FEWEST]
        texts = np.where(np.isin(texts, kept) | (texts == ""), texts, OTHER).astype(object)
        if np.unique(patients[texts == OTHER]).size >= FEWEST:
            kept.append(OTHER)
        if len(kept) < 2:
            return None
        index = {each: k for k, each in enumerate(kept)}
        return np.array([index.get(each, -1) for each in texts], np.int64), [str(each) for each in kept]


def as_texts(values: NDArray[Any]) -> NDArray[np.str_]:
    """Levels as texts, empty where unknown; whole numbers without a point."""
    if values.dtype.kind == "f":
        return np.array(["" if np.isnan(v) else f"{v:g}" for v in values])
    return values.astype(str)
