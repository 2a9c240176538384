"""What a run does with its kind of data: labelled recordings of patients, or a series in time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache, partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch

from tsrep.datasets.dataset import PATIENTS_UNKNOWN
from tsrep.datasets.tables.identifiers import look_alikes
from tsrep.encoders.encoder import Encoder
from tsrep.encoders.sliding import refuse_short_context
from tsrep.errors import ConfigError, DataError, TsrepError
from tsrep.evaluation.candidate import Candidate, Model
from tsrep.evaluation.forecasts.baselines import RIDGE_NLINEAR
from tsrep.evaluation.forecasts.coverage import Covering
from tsrep.evaluation.forecasts.errors import Forecast
from tsrep.evaluation.forecasts.evaluation import SeriesEvaluation
from tsrep.evaluation.forecasts.settings import ForecastSettings
from tsrep.evaluation.forecasts.spans import EvaluationSpans, Part
from tsrep.evaluation.labels.evaluation import LabelEvaluation, draw_name
from tsrep.evaluation.labels.metrics import classes_scored
from tsrep.evaluation.protocols.protocol import outcome, protocol_of
from tsrep.evaluation.scores import RANDOM_INIT, Scores
from tsrep.objectives.objective import Objective
from tsrep.registry import DATASETS, PROTOCOLS, SPLITS, Registry
from tsrep.runs.batches import across_chunks
from tsrep.runs.build import new_encoder
from tsrep.runs.config import Configuration
from tsrep.runs.embed import Embeddings, embed_recordings, embed_series
from tsrep.runs.evaluation_settings import EvaluationSettings
from tsrep.runs.intervals import FILE as INTERVALS
from tsrep.runs.intervals import covering, write_intervals
from tsrep.runs.label_evaluation import Tell, label_evaluation, random_starts
from tsrep.runs.ledger import Ledger
from tsrep.runs.ledger_of_run import ledger_of_parts
from tsrep.runs.prepare_panel import PreparedPanel, cut_windows, prepare_panel
from tsrep.runs.prepare_series import PreparedSeries, prepare_series, some_steps_of_a_season
from tsrep.runs.prepared import DataSettings, Prepared, split_by_rule
from tsrep.runs.report_examples import write_snapshots
from tsrep.runs.unseen import unseen_before
from tsrep.runs.validation_score import (
    FORECAST_NAME,
    PROBE_NAME,
    direct_score,
    forecast_score,
    labelled_parts,
    probe_score,
)
from tsrep.signals import Panel, Series
from tsrep.signals.quality import told
from tsrep.splits.by_time import TimeSplit
from tsrep.splits.split import Split
from tsrep.training.distributed import pick_device
from tsrep.training.loop import ValidationScore

if TYPE_CHECKING:
    from pathlib import Path

    from tsrep.datasets.findings import Finding
    from tsrep.runs.folder import Run
    from tsrep.runs.loaded_encoder import LoadedEncoder
    from tsrep.signals.convert import Policies


def _silent(_what: str) -> None:
    return None


class Task(ABC):
    """A configuration with all that depends on its kind of data.

    Parameters
    ----------
    config : Configuration

    Attributes
    ----------
    name : str
        Of the kind, as data sets, split rules and protocols declare it.
    type : type
        Of the data.
    data, divided : str
        What the data are and how they are divided, for messages.
    maximises : bool
        Whether the validation score is larger for better weights by itself, and not minus an error.
    """

    name: ClassVar[str]
    type: ClassVar[type[Panel] | type[Series]]
    data: ClassVar[str]
    divided: ClassVar[str]
    maximises: ClassVar[bool]

    def __init__(self, config: Configuration) -> None:
        self.config = config
        self.objective = config.objective_class

    def load(self, *, progress: bool = True) -> Any:
        """The data set.

        Raises
        ------
        DataError
            When it is missing or broken.
        """
        return read_data(self.config, type(self), progress=progress)

    def prepare(self, *, progress: bool = True) -> Prepared:
        """Read the data, split and cut them, and standardise.

        Raises
        ------
        ConfigError, DataError, SplitError
            When settings and data do not go together.
        """
        return self.prepared(self.load(progress=progress))

    def check(self) -> None:
        """Check that split, protocols and objective go with the kind of the data, before any are read.

        Raises
        ------
        ConfigError
            Naming the first part that does not.
        """
        config, data = self.config, self.config.dataset.name
        if config.split is not None and SPLITS.entry(config.split.name).task != self.name:
            fitting = " or ".join(self._fitting(SPLITS))
            raise ConfigError(f"{data} is {self.divided}, not by {config.split.name}; use {fitting}")
        for protocol in config.evaluation.protocols:
            if PROTOCOLS.entry(protocol).task != self.name:
                raise ConfigError(
                    f"{data} is {self.data}, which the protocol {protocol} does not score; use "
                    f"{' or '.join(self._fitting(PROTOCOLS))}"
                )
            protocol_of(config.evaluation.of(protocol))
        if config.pretrain is not None and config.pretrain.keep not in ("last", "loss"):
            raise ConfigError(
                f"pretrain.keep is {config.pretrain.keep}, but pre-training by a contrast is not scored; set "
                "it to last or loss"
            )
        if config.pretrain is not None and self.objective.pretraining(config.objective) is None:
            raise ConfigError(
                f"pretrain trains by the contrast of an objective alone, and objective "
                f"{config.objective.name} has none; set objective.contrast or leave pretrain out"
            )

    def _fitting(self, registry: Registry) -> list[str]:
        """Names of what goes with this kind of data, without plug-ins that cannot be loaded."""
        found = []
        for name in registry.names():
            with suppress(ConfigError):
                found += [name] if registry.entry(name).task == self.name else []
        return found

    def refuse_unmet_needs(self, encoder: Encoder, objective: Objective, prepared: Prepared) -> None:
        """Check that the training part has what the objective contrasts, and that the score can choose.

        Raises
        ------
        ConfigError
            When there is nothing to train, samples are shorter than the encoder's stride, no trial or patient
            has two samples, there is one patient only, or no class of the validation part has both values;
            for a series also when a part is too short for a horizon, or the context for the encoder.
        """
        if prepared.panel.length < encoder.stride:
            raise ConfigError(
                f"samples of {prepared.panel.length} steps are shorter than one step of the encoder "
                f"{self.config.encoder.name}, which has {encoder.stride}; use longer windows or another "
                "encoder"
            )
        name, inner = self.config.objective.name, objective.inner_optimisations()
        apart = {id(p) for one in inner for p in one.module.parameters()}
        trained = (p for part in (encoder, objective) for p in part.parameters() if id(p) not in apart)
        if not any(p.requires_grad for p in trained):
            raise ConfigError(
                f"encoder {self.config.encoder.name} has no weights and objective {name} adds none to train; "
                "use another encoder, or objective forecast"
            )
        if "label" in objective.needs and not all(map(len, labelled_parts(prepared))):
            raise ConfigError(
                f"objective {name} learns from labels, and the training or the validation part has no sample "
                "whose labels are wholly known; use an objective that needs none, or another split"
            )
        self._refuse_unknown_patients(objective)
        train = prepared.panel.select(prepared.split.train)
        self._refuse_lonely_samples(train, objective)
        objective.refuse_unfit(encoder, train)
        self._refuse_unscorable(encoder, prepared)

    def _refuse_unknown_patients(self, objective: Objective) -> None:
        if objective.contrasts_patients and not self._patients_known:
            raise ConfigError(
                f"objective {self.config.objective.name} contrasts patients, but those of "
                f"{self.config.dataset.name} are not known, as one recording is taken for one person; set "
                "objective.patient_weight=0 or take another objective"
            )

    @property
    def _patients_known(self) -> bool:
        """False where one recording is taken for one person."""
        return bool(DATASETS.build(self.config.dataset).independence != "recording")

    def _refuse_lonely_samples(self, train: Panel, objective: Objective) -> None:
        name = self.config.objective.name
        for what, ids, remedy in (
            ("trial", train.trial, "shorten the window"),
            ("patient", train.patient, "shorten the window or add records"),
        ):
            if what in objective.needs and len(np.unique(ids)) == len(train):
                raise ConfigError(
                    f"objective {name} needs several samples of a {what}, but each has one; {remedy}"
                )
        if "patient" in objective.needs and len(np.unique(train.patient)) < 2:
            raise ConfigError(f"objective {name} needs at least two training patients; add patients")

    @property
    @abstractmethod
    def judged_by(self) -> str:
        """What the validation score is of; scores of different things are not comparable.

        Raises
        ------
        ConfigError
            When the objective trains nothing that is judged.
        """

    @abstractmethod
    def prepared(self, data: Any) -> Prepared:
        """Data that were read, split, cut and standardised."""

    @abstractmethod
    def findings(self, data: Any, tell: Tell) -> tuple[list[Finding], TsrepError | None]:
        """What a look at the data finds, and what `tsrep fit` would refuse.

        Parameters
        ----------
        data : Panel or Series
        tell : callable
            Told what the data are and how they are cut and split.
        """

    @abstractmethod
    def validation_score(
        self, prepared: Any, objective: Objective, device: torch.device
    ) -> tuple[ValidationScore | None, str]:
        """The scores by which training may choose its weights, larger being better, and what the first is."""

    @abstractmethod
    def evaluation(self, prepared: Any, tell: Tell, folder: Path | None = None) -> Any:
        """What protocols are given.

        Parameters
        ----------
        prepared : Prepared
        tell : callable
            Told in words what comes next.
        folder : Path, optional
            Where protocols that train keep their state.
        """

    def score(self, candidates: Sequence[Candidate], evaluation: Any) -> Scores:
        """Scores under every protocol of the configuration, beside its baselines."""
        scores = Scores()
        for name in self.config.evaluation.protocols:
            scores += outcome(protocol_of(self.config.evaluation.of(name)), candidates, evaluation)
        return scores

    @abstractmethod
    def comparison(self, prepared: Any, configs: Sequence[Configuration], part: Part = "test") -> Any:
        """What a protocol is given to compare runs with all labels and all seeds.

        Parameters
        ----------
        prepared : Prepared
        configs : sequence of Configuration
            Of the runs of all methods, on the same data and split.
        part : {"test", "validation"}
            Where it is the validation part, models are chosen as they are for the test part.
        """

    def baseline_error(self, prepared: Any) -> float | None:
        """Validation error that others are relative to; None where the validation score is no error."""
        del prepared
        return None

    def evaluate(self, run: Run, prepared: Any, tell: Tell) -> Scores:
        """Scores of a finished run; what else the evaluation counts goes into its folder."""
        evaluation = self.evaluation(prepared, tell, run.path / "finetune")
        return self.score(self.candidates(run, prepared), evaluation)

    @abstractmethod
    def snapshot(self, run: Run, prepared: Any, device: torch.device) -> None:
        """Keep in a finished run's folder what only a reader of the run wants."""

    @classmethod
    @abstractmethod
    def embed(cls, loaded: LoadedEncoder, data: Any, batch_size: int, policies: Policies) -> Embeddings:
        """Representations of data of this kind by an encoder.

        Raises
        ------
        RunError, ContractError
            When the encoder takes data of another kind, or cannot be shown such signals.
        """

    def candidates(self, run: Run, prepared: Prepared) -> list[Candidate]:
        """What is scored: what was trained, and random initialisations of its architecture."""
        runs = run.by_seed

        def trained(one: Run) -> Model:
            encoder = one.encoder()
            return encoder, one.objective(encoder)

        objectives = [cache(one.objective) for one in runs]

        def start(k: int) -> Model:
            # each run started from the one of its seed
            encoder = new_encoder(self.config, prepared.panel, self.config.seed + k)
            return encoder, objectives[k % len(runs)]()

        starts, file = random_starts(len(runs), self.config.evaluation), runs[0].encoder_file
        method = Candidate(
            self.config.objective.name,
            "method",
            [partial(trained, one) for one in runs],
            weights=file.digest,
            contract=file.contract.digest,
        )
        return [
            method,
            Candidate(RANDOM_INIT, "control", [partial(start, k) for k in range(starts)]),
        ]

    def warnings(self, prepared: Any) -> Iterator[str]:
        """What a user should know before training, a sentence each."""
        if (chunks := across_chunks(self.config, prepared.panel)) is not None:
            yield chunks

    def ledger(self, prepared: Any) -> Ledger | None:
        """Fingerprints of what training sees; None where there can be none, or none are wanted."""
        del prepared
        return None

    def meaningless(self) -> list[str]:
        """Settings of the evaluation that mean nothing for such data."""
        return []

    @abstractmethod
    def _refuse_unscorable(self, encoder: Encoder, prepared: Any) -> None:
        """Refuse data that cannot be scored as the run will be."""


class PanelTask(Task):
    """Labelled recordings, scored on patients never seen."""

    name, type, maximises = "panel", Panel, True
    data, divided = "a panel of labelled samples", "divided by patients"

    @property
    def judged_by(self) -> str:
        """See :attr:`Task.judged_by`."""
        return "a probe of the representation"

    def check(self) -> None:
        """See :meth:`Task.check`."""
        super().check()
        if self.objective.forecasts:
            raise ConfigError(
                f"objective {self.config.objective.name} forecasts a series, and {self.config.dataset.name} "
                "is a panel of labelled samples; use another objective or a series such as etth1"
            )

        if self.config.training.keep == "score":
            raise ConfigError(
                f"training.keep is score, the error of forecasts, and {self.config.dataset.name} is "
                f"{self.data}; set it to last, probe or loss"
            )
        if self._keeps_by_draw:
            self._refuse_other_draws()

    @property
    def _keeps_by_draw(self) -> bool:
        return self.config.training.keep == "probe"

    def _refuse_other_draws(self) -> None:
        """Check that no protocol draws labels otherwise than the probe that chooses the epoch."""
        settings = self.config.evaluation
        for name in settings.protocols:
            if PROTOCOLS.entry(name).cls.fits_on_validation and min(settings.labels) < 1:
                raise ConfigError(
                    f"protocol {name} draws its labels from training and validation part together, so that "
                    "training.keep probe would choose by labels that it does not use; set "
                    "evaluation.labels to [1.0], or training.keep to last"
                )

    def candidates(self, run: Run, prepared: Any) -> list[Candidate]:
        """See :meth:`Task.candidates`; with one epoch for each draw of labels, where training kept so."""
        trained, control = super().candidates(run, prepared)
        if not self._keeps_by_draw:
            return [trained, control]
        trained = replace(trained, of_draw=[one.models() for one in run.by_seed])
        evaluation = self.evaluation(prepared, _silent)
        for fraction, by in evaluation.draws():  # refused now, and not after the first scores
            for seed in range(evaluation.seeds):
                trained.maker(seed, draw_name(fraction, by, evaluation.seed + seed))
        return [trained, control]

    def prepared(self, data: Panel) -> PreparedPanel:
        """See :meth:`Task.prepared`."""
        return prepare_panel(self.config, data)

    def ledger(self, prepared: PreparedPanel) -> Ledger | None:
        """See :meth:`Task.ledger`."""
        split = prepared.split
        return ledger_of_parts(self.config, prepared.records, prepared.panel, split.train, split.validation)

    def warnings(self, prepared: PreparedPanel) -> Iterator[str]:
        """See :meth:`Task.warnings`."""
        yield from super().warnings(prepared)
        yield from prepared.notes
        yield from told(prepared.records)
        yield from self._notes(prepared.split)
        yield from (f"{names} are taken for different patients" for names in look_alikes(prepared.records))

    def _notes(self, split: Split) -> tuple[str, ...]:
        """What a reader of scores should know of patients and parts."""
        return (*split.notes, *(() if self._patients_known else (PATIENTS_UNKNOWN,)))

    def evaluate(self, run: Run, prepared: PreparedPanel, tell: Tell) -> Scores:
        """See :meth:`Task.evaluate`; without recordings that the weights a run began with had seen."""
        if not run.provenance.get("chain"):
            return super().evaluate(run, prepared, tell)
        ledger, part = Ledger.load(run.folders[0]), self.config.evaluation.part
        prepared, found = unseen_before(prepared, part, ledger, str(run.path))
        scores = super().evaluate(run, prepared, tell)
        marked = tuple(replace(score, contamination=found.plain()) for score in scores)
        return replace(scores, scores=marked, notes=(*scores.notes, *found.notes))

    def score(self, candidates: Sequence[Candidate], evaluation: LabelEvaluation) -> Scores:
        """See :meth:`Task.score`."""
        scores = super().score(candidates, evaluation)
        return replace(scores, notes=(*scores.notes, *self._notes(evaluation.split)))

    def findings(self, data: Panel, tell: Tell) -> tuple[list[Finding], TsrepError | None]:
        """See :meth:`Task.findings`."""
        from tsrep.datasets.check import check

        classes = f"{len(data.classes)} class{'es' * (len(data.classes) != 1)}"
        tell(
            f"{data.source}: {len(data):,} records of {len(set(data.patient.tolist())):,} patients, "
            f"{len(data.channels)} channels at {data.sfreq:g} Hz, {classes}"
        )
        windows, split = data, None
        try:
            windows = cut_windows(self.config, data)
            split = split_by_rule(self.config, windows)
        except TsrepError as error:
            return check(windows, None), error
        tell(f"{len(windows):,} windows of {windows.length / windows.sfreq:g} s")
        counts = ", ".join(f"{n['patients']} {part}" for part, n in split.counts.items())
        tell(f"split: {split.how}; {counts} patients")
        if not self._patients_known:
            tell(PATIENTS_UNKNOWN)
        return check(windows, split), None

    def validation_score(
        self, prepared: PreparedPanel, objective: Objective, device: torch.device
    ) -> tuple[ValidationScore | None, str]:
        """See :meth:`Task.validation_score`."""
        del objective
        train, held = labelled_parts(prepared)
        if not (self.config.training.scored and len(train) and len(held)):
            return None, PROBE_NAME
        draws = self.evaluation(prepared, _silent).drawn() if self._keeps_by_draw else {"": train}
        return probe_score(self.config, prepared, draws, held, device), PROBE_NAME

    def evaluation(self, prepared: PreparedPanel, tell: Tell, folder: Path | None = None) -> LabelEvaluation:
        """See :meth:`Task.evaluation`."""
        config = self.config
        return label_evaluation(
            prepared.panel,
            prepared.split,
            config.evaluation,
            encoders=config.seeds,
            device=pick_device(config.device),
            amp=config.training.amp,
            seed=config.seed,
            compile=config.training.compile,
            folder=folder,
            on_step=tell,
        )

    def comparison(
        self, prepared: PreparedPanel, configs: Sequence[Configuration], part: Part = "test"
    ) -> LabelEvaluation:
        """See :meth:`Task.comparison`."""
        seeds, evaluation = len({config.seed for config in configs}), self.evaluation(prepared, _silent)
        return replace(evaluation, part=part, as_for_test=True, fractions=(1.0,), seeds=seeds, heads=None)

    def snapshot(self, run: Run, prepared: PreparedPanel, device: torch.device) -> None:
        """A map of the records and some of them to plot."""
        if not (run.path / "examples.npz").exists():
            random = new_encoder(self.config, prepared.panel, self.config.seed)
            encoders = {"x": run.encoder(), "x_random": random}
            write_snapshots(run.path, prepared, encoders, self.config.evaluation.pool, device)

    @classmethod
    def embed(cls, loaded: LoadedEncoder, data: Panel, batch_size: int, policies: Policies) -> Embeddings:
        """See :meth:`Task.embed`; one vector a window."""
        loaded.refuse_other_task(cls.name, "what is to be embedded")
        return embed_recordings(loaded, data, batch_size, policies)

    def _refuse_unscorable(self, encoder: Encoder, prepared: PreparedPanel) -> None:
        del encoder
        if (heads := self.config.evaluation.of_heads) is not None:
            heads.refuse_unfit(prepared.panel)
        if not self._keeps_by_draw:
            return
        train, held = map(prepared.panel.select, labelled_parts(prepared))
        if not len(train):
            raise ConfigError(
                "no label of the training part is known, so no probe can choose the epoch; "
                "give it other patients or set training.keep to last or loss"
            )
        if not classes_scored(held.label, len(held.classes)):
            raise ConfigError(
                "no class of the validation part has both values, so no probe can choose the epoch; "
                "give it other patients or set training.keep to last or loss"
            )


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
        config, data, window = self.config, self.config.dataset.name, self.config.window
        if self.objective.forecasts and window.steps is not None:
            raise ConfigError(
                f"window.steps has no effect on objective {config.objective.name}, whose samples are "
                "look-back and horizon; set objective.lookback and objective.horizon"
            )
        if config.training.keep == "probe":
            raise ConfigError(
                f"training.keep is probe, which needs labels, and {data} is a series; set it to score, loss "
                "or last"
            )
        if self.objective.needs:
            wanted = " and a ".join(sorted(self.objective.needs))
            raise ConfigError(
                f"objective {config.objective.name} needs a {wanted} of every sample, which {data} does not "
                "have; use one such as autotcl or ts2vec"
            )
        if window.standardise not in ("channel", "none"):
            raise ConfigError(
                f"window.standardise is {window.standardise!r}, but a series is standardised per channel; "
                "set it to channel or none"
            )
        if window.seconds is not None or window.hop_seconds is not None:
            raise ConfigError(
                f"{data} is a series, which is cut by steps and not by seconds; leave window.seconds out and "
                "set window.steps and window.hop_steps"
            )
        given, fields = config.evaluation.given, EvaluationSettings.model_fields
        for name in self.meaningless():
            if name in given or getattr(config.evaluation, name) != fields[name].default:
                raise ConfigError(
                    f"evaluation.{name} is for labelled samples, and {data} is a series; leave it out, or "
                    "look under evaluation.forecast"
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
        return replace(self.evaluation(prepared, _silent), part=part, lookback=lookback)

    def baseline_error(self, prepared: PreparedSeries) -> float | None:
        """Mean squared error of ridge-nlinear over the horizons.

        The ridge is fitted on four fifths of the training part, its penalty is chosen on the rest, and every
        window of the validation part counts.
        """
        evaluation = replace(self.evaluation(prepared, _silent), part="validation")
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


TASKS: Mapping[str, type[Task]] = {task.name: task for task in (PanelTask, SeriesTask)}


def task_of(config: Configuration) -> Task:
    """The task of a configuration, by what its data set gives."""
    return TASKS[DATASETS.entry(config.dataset.name).task](config)


def task_for(data: Panel | Series) -> type[Task]:
    """The task on data of such a type."""
    return next(task for task in TASKS.values() if isinstance(data, task.type))


def read_data(config: DataSettings, task: type[Task], *, progress: bool = True) -> Any:
    """The data set of settings, of the type that a task works on.

    Raises
    ------
    DataError
        When it is missing or broken.
    """
    entry, dataset = DATASETS.entry(config.dataset.name), DATASETS.build(config.dataset)
    with entry.blamed("be read", DataError):
        data = dataset.load(config.root, strict=config.strict, progress=progress)
    if not isinstance(data, task.type):
        raise DataError(
            f"{entry} gives {data!r:.60}, but {task.data} is a {task.type.__name__}; let read return one"
        )
    return data if data.digest else data.hashed()


def prepare(config: Configuration, *, progress: bool = True) -> Any:
    """The data of a configuration, ready for training; see :meth:`Task.prepare`."""
    return task_of(config).prepare(progress=progress)
