"""A run's encoders and forecasters on a series that they were not trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tsrep.errors import RunError
from tsrep.evaluation.forecasts.evaluation import SeriesEvaluation
from tsrep.evaluation.scores import Scores
from tsrep.runs.config import plain
from tsrep.runs.config_files import assemble
from tsrep.runs.contamination import SeenPolicy
from tsrep.runs.label_evaluation import Tell
from tsrep.runs.loaded_encoder import LoadedEncoder
from tsrep.runs.other_data import OtherData
from tsrep.runs.prepare_series import PreparedSeries
from tsrep.runs.references.reference import Reference
from tsrep.runs.task import SeriesTask
from tsrep.runs.unchanged import changed
from tsrep.signals import Series

STANDARDISED = (
    "the series is standardised on its own training part, not by the mean and deviation that the encoder was "
    "trained with"
)


class OnSeries:
    """What a run trained, on another series of the same step and as many channels.

    Parameters
    ----------
    reference : Reference
        A run, whose objective forecasts or whose look-back says how the series is cut.
    encoders : sequence of LoadedEncoder
    data : OtherData
    seen : {"refuse", "leave-out", "keep"}
        Nothing is known of what of a series was seen, but for the run's own.
    progress : bool

    Raises
    ------
    RunError
        When channels, covariates or step differ, or it is the run's own series divided otherwise.
    """

    def __init__(
        self,
        reference: Reference,
        encoders: Sequence[LoadedEncoder],
        data: OtherData,
        *,
        seen: SeenPolicy,
        progress: bool,
    ) -> None:
        del encoders, seen
        self.run, self.data = reference.run, data
        own = plain(self.run.config)
        told = data.model_dump(mode="json")
        given = {name: told[name] for name in ("dataset", "root", "strict", "split", "evaluation")}
        self.task = SeriesTask(assemble(own, given))
        series = self.task.load(progress=progress)
        self.own = series.digest == self.run.provenance["data"]["digest"]
        if self.own and data.split is None:
            self.task = SeriesTask(assemble(own, given | {"split": own["split"]}))
        self._refuse_other_channels(series)
        self.prepared: PreparedSeries = self.task.prepared(series)
        if self.own and (found := changed(self.run, self.prepared)):
            raise RunError(f"{found}; leave the split out, or restore that of the run")

    def _refuse_other_channels(self, series: Series) -> None:
        trained = self.run.provenance["data"]
        for what, then, now in (
            ("channels", len(trained["targets"]), len(series.channels)),
            ("covariates", len(trained["covariates"]), len(series.covariate_names)),
            ("step", trained["freq"], series.freq),
        ):
            if then != now:
                raise RunError(
                    f"{self.data.dataset.name} has {what} {now}, {self.run.path} was trained on {then}; "
                    "choose a series that is alike"
                )

    @property
    def whose(self) -> str:
        """What scores say of the data."""
        return "own data" if self.own else "other data"

    @property
    def facts(self) -> dict[str, Any]:
        """For ``provenance.json``."""
        return {
            "data": {"name": self.data.dataset.name} | self.prepared.facts,
            "window": {"standardise": "on its own training part"},
            "whose": self.whose,
            "conversion": [] if self.own else [STANDARDISED],
            "unusable": [],
        }

    def evaluation(self, folder: Path, tell: Tell) -> SeriesEvaluation:
        """What protocols are given."""
        del folder
        return self.task.evaluation(self.prepared, tell)

    def scores(self, evaluation: SeriesEvaluation) -> Scores:
        """Scores of forecasts beside random initialisations and baselines."""
        scores = self.task.score(self.task.candidates(self.run, self.prepared), evaluation)
        marked = tuple(replace(score, data=self.whose) for score in scores)
        return replace(scores, scores=marked)

    def write(self, folder: Path) -> None:
        """Nothing besides the scores."""
