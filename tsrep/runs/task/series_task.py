"""What a run does with one long record in time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

import torch

from tsrep.encoders.encoder import Encoder
from tsrep.encoders.sliding import refuse_short_context
from tsrep.errors import ConfigError, TsrepError
from tsrep.evaluation.forecasts.baselines import RIDGE_NLINEAR
from tsrep.evaluation.forecasts.coverage import Covering
from tsrep.evaluation.forecasts.errors import Forecast
from tsrep.evaluation.forecasts.evaluation import SeriesEvaluation
from tsrep.evaluation.forecasts.settings import ForecastSettings
from tsrep.evaluation.forecasts.spans import EvaluationSpans, Part
from tsrep.evaluation.scores import Scores
from tsrep.objectives.objective import Objective
from tsrep.registry import PROTOCOLS
from tsrep.runs.config import Configuration
from tsrep.runs.embed import Embeddings, embed_series
from tsrep.runs.evaluation_settings import EvaluationSettings
from tsrep.runs.intervals import FILE as INTERVALS
from tsrep.runs.intervals import covering, write_intervals
from tsrep.runs.label_evaluation import Tell
from tsrep.runs.prepare_series import PreparedSeries, prepare_series, some_steps_of_a_season
from tsrep.runs.prepared import split_by_rule
from tsrep.runs.task.task import Task, silent
from tsrep.runs.validation_score import (
    FORECAST_NAME,
    direct_score,
    forecast_score,
)
from tsrep.signals import Series
from tsrep.splits.by_time import TimeSplit
from tsrep.training.distributed import pick_device
from tsrep.training.loop import ValidationScore

if TYPE_CHECKING:
    from pathlib import Path

    from tsrep.datasets.findings import Finding
    from tsrep.runs.folder import Run
    from tsrep.runs.loaded_encoder import LoadedEncoder
    from tsrep.signals.convert import Policies


class SeriesTask(Task):
    """One long record in time, scored by forecasts of its later part."""

    name, type, maximises = "series", Series, False
    data, divided = "a series", "a series, divided in time"

    @property
    def judged_by(self) -> str:
        """See :attr:`Task.judged_by`."""
        if not self.objective.forecasts:
            return "a ridge forecast from the representation"
        if not self.objective.trains_forecasts(self.config.objective):
            raise ConfigError(
                "objective.weight is 1, so that no forecast is trained to be judged; stay below 1"
            )
        return "its own forecasts"

    def check(self) -> None:
        """See :meth:`Task.check`."""
        super().check()
        for sentence in chain(self._against_objective(), self._against_window(), self._against_scores()):
            raise ConfigError(sentence)

    def _against_objective(self) -> Iterator[str]:
        """What the objective or the choice of weights needs and a series does not have."""
        config, data = self.config, self.config.dataset.name
        if self.objective.forecasts and config.window.steps is not None:
            yield (
                f"window.steps has no effect on objective {config.objective.name}, whose samples are "
                "look-back and horizon; set objective.lookback and objective.horizon"
            )
        if config.training.keep == "probe":
            yield (
                f"training.keep is probe, which needs labels, and {data} is a series; set it to score, loss "
                "or last"
            )
        if self.objective.needs:
            wanted = " and a ".join(sorted(self.objective.needs))
            yield (
                f"objective {config.objective.name} needs a {wanted} of every sample, which {data} does not "
                "have; use one such as autotcl or ts2vec"
            )

    def _against_window(self) -> Iterator[str]:
        window = self.config.window
        if window.standardise not in ("channel", "none"):
            yield (
                f"window.standardise is {window.standardise!r}, but a series is standardised per channel; "
                "set it to channel or none"
            )
        if window.seconds is not None or window.hop_seconds is not None:
            yield (
                f"{self.config.dataset.name} is a series, which is cut by steps and not by seconds; leave "
                "window.seconds out and set window.steps and window.hop_steps"
            )

    def _against_scores(self) -> Iterator[str]:
        settings, fields = self.config.evaluation, EvaluationSettings.model_fields
        for name in self.meaningless():
            if name in settings.given or getattr(settings, name) != fields[name].default:
                yield (
                    f"evaluation.{name} is for labelled samples, and {self.config.dataset.name} is a series; "
                    "leave it out, or look under evaluation.forecast"
                )

    def prepared(self, data: Series) -> PreparedSeries:
        """See :meth:`Task.prepared`."""
        return prepare_series(self.config, data)

    def findings(self, data: Series, tell: Tell) -> tuple[list[Finding], TsrepError | None]:
        """See :meth:`Task.findings`."""
        from tsrep.datasets.check_series import check_series

        season = f"a season of {data.period} steps" if data.period > 1 else "no season"
        first, last = (str(data.time[i]).replace("T", " ") for i in (0, -1))
        tell(
            f"{data.source}: {len(data):,} steps of {data.freq} from {first} to {last}, "
            f"{len(data.channels)} channels, {len(data.covariate_names)} covariates, {season}"
        )
        split, problem = None, None
        try:
            split = split_by_rule(self.config, data)
            counts = ", ".join(f"{n['steps']:,} {part}" for part, n in split.counts.items())
            tell(f"split {split.how}: {counts} steps")
            panel = self.prepared(data).panel
            tell(f"{len(panel):,} windows of {panel.length} steps to train and validate on")
            horizons = self._refuse_short_parts(split)
            tell(f"long enough for horizons of {', '.join(map(str, horizons))} steps")
        except TsrepError as error:
            problem = error
        return check_series(data, split), problem

    def validation_score(
        self, prepared: PreparedSeries, objective: Objective, device: torch.device
    ) -> tuple[ValidationScore | None, str]:
        """See :meth:`Task.validation_score`; None where no head is trained that could be scored."""
        if not objective.forecasts:
            return forecast_score(self.config, prepared, device), FORECAST_NAME
        return direct_score(prepared, device) if objective.has_forecasts else None, FORECAST_NAME

    def evaluation(
        self, prepared: PreparedSeries, tell: Tell, folder: Path | None = None
    ) -> SeriesEvaluation:
        """See :meth:`Task.evaluation`."""
        del folder
        config = self.config
        windows = config.training_windows
        return SeriesEvaluation(
            prepared.instances,
            prepared.spans,
            part=config.evaluation.part or "test",
            lookback=windows.history if windows is not None else 0,
            horizon=windows.horizon if windows is not None else 0,
            seed=config.seed,
            device=pick_device(config.device),
            on_step=tell,
        )

    def comparison(
        self, prepared: PreparedSeries, configs: Sequence[Configuration], part: Part = "test"
    ) -> SeriesEvaluation:
        """See :meth:`Task.comparison`; baselines look back as far as the run that looks back furthest."""
        windows = [config.training_windows for config in configs]
        lookback = max(each.history if each is not None else 0 for each in windows)
        return replace(self.evaluation(prepared, silent), part=part, lookback=lookback)

    def baseline_error(self, prepared: PreparedSeries) -> float | None:
        """Mean squared error of ridge-nlinear over the horizons.

        The ridge is fitted on four fifths of the training part, its penalty is chosen on the rest, and every
        window of the validation part counts.
        """
        evaluation = replace(self.evaluation(prepared, silent), part="validation")
        return self.score([], evaluation).mean(RIDGE_NLINEAR, "mse")

    def evaluate(self, run: Run, prepared: PreparedSeries, tell: Tell) -> Scores:
        """See :meth:`Task.evaluate`; counts on the test part how often the prediction intervals hold."""
        evaluation, counted = self.evaluation(prepared, tell), list[Covering]()
        runs = run.by_seed

        def watched(forecast: Forecast) -> Forecast:
            counted.append(covering(runs[len(counted)], prepared, forecast))
            return counted[-1].forecast

        if evaluation.part == "test":
            evaluation = replace(evaluation, watched=watched)
        scores = self.score(self.candidates(run, prepared), evaluation)
        for one, each in zip(runs, counted, strict=False):  # none where the part is not the test part
            each.result().save(one.path / "coverage.json")
        return scores

    def snapshot(self, run: Run, prepared: PreparedSeries, device: torch.device) -> None:
        """Prediction intervals, where the run forecasts; missing ones are made when they are asked for."""
        del device
        if run.objective().has_forecasts and not (run.path / INTERVALS).exists():
            write_intervals(run, prepared)

    @classmethod
    def embed(cls, loaded: LoadedEncoder, data: Series, batch_size: int, policies: Policies) -> Embeddings:
        """See :meth:`Task.embed`; one vector a step, each from its own past alone."""
        del policies
        loaded.refuse_other_task(cls.name, "what is to be embedded")
        return embed_series(loaded, data, batch_size)

    def warnings(self, prepared: PreparedSeries) -> Iterator[str]:
        """See :meth:`Task.warnings`."""
        yield from super().warnings(prepared)
        if (sentence := some_steps_of_a_season(self.config, prepared.records)) is not None:
            yield sentence

    def meaningless(self) -> list[str]:
        """See :meth:`Task.meaningless`."""
        shared = ["pool", "labels", "subsample_by", "aggregate", "n_bootstrap"]
        given = self.config.evaluation.given
        return shared + [name for name in given if PROTOCOLS.entry(name).task != self.name]

    def _refuse_short_parts(self, split: TimeSplit) -> tuple[int, ...]:
        """Check that the parts of a series are long enough to be scored as the run will be.

        Returns
        -------
        tuple of int
            The horizons.

        Raises
        ------
        ConfigError
            Saying which part is too short and which horizon still fits.
        """
        settings: ForecastSettings = PROTOCOLS.build(self.config.evaluation.of("forecast"))
        windows = self.config.training_windows
        if windows is not None:
            settings = replace(settings, horizons=(windows.horizon,), skip=0)
        part: Part = self.config.evaluation.part or "test"
        EvaluationSpans(split, part, reach_back=windows is not None).check(settings)
        return settings.horizons

    def _refuse_unscorable(self, encoder: Encoder, prepared: PreparedSeries) -> None:
        self._refuse_short_parts(prepared.spans)
        if not self.objective.forecasts:
            refuse_short_context(encoder, self.config.evaluation.of("forecast").context)
