"""The folder of a run, and reading back what is in it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor, nn

from tsrep.encoders.encoder import Encoder
from tsrep.errors import ConfigError, RunError, UnknownPart
from tsrep.evaluation.candidate import Model
from tsrep.evaluation.heads.kept import FOLDER as HEADS
from tsrep.evaluation.heads.kept import load_heads
from tsrep.evaluation.scores import Scores
from tsrep.files import read_json, readable, write_json
from tsrep.objectives.forecaster import Forecaster
from tsrep.objectives.objective import Objective
from tsrep.registry import DATASETS
from tsrep.rng import initial_weights
from tsrep.runs.build import architecture_of, blank_encoder, blank_objective
from tsrep.runs.config import Configuration, configure, plain
from tsrep.runs.config_files import read_config
from tsrep.runs.encoder_file import EncoderFile, read_encoder_file, write_encoder_file
from tsrep.runs.history import history, plot_history
from tsrep.runs.kept_models import KeptModels
from tsrep.runs.ledger import FILE as LEDGER
from tsrep.runs.ledger import Ledger
from tsrep.runs.loaded_encoder import LoadedEncoder
from tsrep.runs.manifest import changed, changing, refuse_changed, refuse_without, stored_scores
from tsrep.runs.naming import folder_of, whole_of
from tsrep.runs.overview import row_of
from tsrep.runs.prepared import Prepared
from tsrep.runs.trained_by import refuse_other_settings, trained_by, trained_further_by
from tsrep.runs.weights import fill
from tsrep.signals.standardise import Scaler
from tsrep.text import in_a_line, in_html
from tsrep.training.checkpoint import kept_file, load_weights

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame

    from tsrep.runs.predict.sources import Recordings
    from tsrep.runs.predict.table import PredictionTable
    from tsrep.runs.task import Task

ENCODER_FILE, WEIGHTS, CONTRACT = "encoder.safetensors", "weights.safetensors", "contract.json"
PROVENANCE, SPLIT = "provenance.json", "split.json"
RESTORE = "restore it, or train the run again"
ENCODER, OBJECTIVE = "encoder.", "objective."  # of the names in the latter


class Run:
    """A run folder.

    A run of several seeds stands for the one of its first seed wherever one encoder is wanted.

    Parameters
    ----------
    path : Path
        Of the folder; ``RUN@2`` is the run of the third seed in the folder ``RUN``.

    Raises
    ------
    RunError
        When there is no run in that folder, or it has no such seed.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = _located(Path(path))
        refuse_no_run(self.path, "give the folder that fit made")

    @cached_property
    def config(self) -> Configuration:
        """The run's configuration.

        Raises
        ------
        ConfigError
            When the file is broken, or names a part of a plug-in that is not installed.
        """
        file = self.path / "config.yaml"
        try:
            config = configure(read_config(file))
        except UnknownPart as error:
            raise ConfigError(
                f"{file}: {error}; if a plug-in has it, install that, else name another in the file"
            ) from error
        refuse_without(self.path)
        if changed(self.path, file.name):  # by hand: what training depends on must be as it was
            then = self.provenance.get("settings", {})
            refuse_other_settings(then, config, self.path, "the run was started with")
        return config

    @property
    def task(self) -> Task:
        """What the run does with its kind of data."""
        from tsrep.runs.task import task_of

        return task_of(self.config)

    @property
    def provenance(self) -> dict[str, Any]:
        """Versions, code, data and machine.

        Raises
        ------
        RunError
            When the file is missing or broken.
        """
        refuse_changed(self.path, PROVENANCE)
        path = self.path / PROVENANCE
        with readable(path, "the provenance of a run", RESTORE):
            facts = read_json(path)
            if not isinstance(facts["data"]["channels"], list):
                raise TypeError("data.channels is no list")
            return facts

    def tell(self, **facts: Any) -> None:
        """Add facts to the provenance."""
        with changing(self.path, PROVENANCE):
            write_json(self.path / PROVENANCE, self.provenance | facts)

    @property
    def folders(self) -> tuple[Path, ...]:
        """Where each encoder is; of a run of one seed in its own folder."""
        count = self.config.seeds
        return tuple(folder_of(self.path, k) for k in range(count)) if count > 1 else (self.path,)

    @property
    def by_seed(self) -> tuple[Run, ...]:
        """The ordinary runs of all seeds that are begun; a run of one seed itself.

        Raises
        ------
        RunError
            When one of them was not made with the settings of this run.
        """
        if self.config.seeds == 1:
            return (self,)
        runs = [Run(folder) for folder in self.folders if (folder / "config.yaml").is_file()]
        own = dict(zip(self.folders, map(trained_by, self.config.by_seed), strict=True))
        for run in runs:
            refuse_other_settings(own[run.path], run.config, run.path, f"{self.path} wants")
        return tuple(runs)

    @property
    def finished(self) -> bool:
        """Whether training has ended, of all seeds."""
        return all((folder / ENCODER_FILE).is_file() for folder in self.folders)

    def is_complete(self, scored: bool) -> bool:
        """Whether nothing is left to do: training has ended and, where scores are wanted, there are some."""
        return self.finished and (not scored or (self.path / "scores.json").is_file())

    def encoder(self) -> Encoder:
        """The trained encoder, on the CPU, in evaluation mode.

        Raises
        ------
        RunError
            When training has not ended, or the file is broken.
        """
        self.refuse_unfinished()
        encoder = self._blank_encoder()
        self._fill(encoder, self.encoder_file.weights(), ENCODER_FILE)
        return encoder.eval()

    def _blank_encoder(self) -> Encoder:
        counts = self.counts
        with initial_weights(0, "about to be replaced"):
            return blank_encoder(self.config, counts["channels"], counts["covariates"])

    def loaded(self) -> LoadedEncoder:
        """The trained encoder with all that travels with it.

        Raises
        ------
        RunError
            When training has not ended, or a file is missing or broken.
        """
        self.refuse_unfinished()
        one, file = self.by_seed[0], self.encoder_file
        refuse_changed(one.path, LEDGER)
        return LoadedEncoder(
            one.encoder(),
            file.contract,
            str(self.path),
            file.digest,
            name=self.config.objective.name,
            heads=load_heads(self.path / HEADS),
            ledger=Ledger.load(one.path),
            citation=DATASETS.entry(self.config.dataset.name).cls.about.citation,
            provenance=one.provenance | {"split": one._split_digest},
            recipe=plain(one.config),
            architecture=file.architecture,
            objective=one.objective,
        )

    @property
    def encoder_file(self) -> EncoderFile:
        """What the file of the trained encoder says of it."""
        refuse_changed(self.folders[0], ENCODER_FILE)
        return read_encoder_file(self.folders[0] / ENCODER_FILE)

    def predict(self, recordings: Recordings, *, windows: bool = False, **options: Any) -> PredictionTable:
        """Predict labels of new recordings; see :func:`tsrep.api.predict`."""
        from tsrep.runs.predict.options import Options
        from tsrep.runs.predict.predict import predict

        return predict(self, recordings, windows=windows, options=Options.of(**options))

    @property
    def scores(self) -> Scores:
        """What the run was scored with.

        Raises
        ------
        RunError
            When it was not scored yet.
        """
        return stored_scores(self.path)

    @property
    def history(self) -> DataFrame:
        """What was written down while it trained; see :func:`tsrep.runs.history.history`."""
        return history(self.folders[0])

    @property
    def report(self) -> Path:
        """The page, which is there as soon as training has ended."""
        return self.path / "report.html"

    def plot(self, what: str = "loss", ax: Axes | None = None) -> Axes:
        """Plot a number over training steps; see :func:`tsrep.runs.history.plot_history`."""
        return plot_history(self.folders[0], what, ax)

    def __repr__(self) -> str:
        return in_a_line("Run", row_of(self.path).facts)

    def _repr_html_(self) -> str:
        return in_html(f"Run {self.path}", row_of(self.path).facts)

    def forecaster(self) -> Forecaster:
        """Trained encoder and head as one module, on the CPU, in evaluation mode.

        Raises
        ------
        RunError
            When the run does not forecast, training has not ended, or a file is broken.
        """
        encoder = self.encoder()
        objective = self.objective(encoder)
        if not objective.forecasts:
            raise RunError(
                f"{self.path} was trained by {self.config.objective.name}, which makes no forecasts; train "
                "one that does with: tsrep fit --objective forecast"
            )
        if not objective.has_forecasts:
            raise RunError(
                f"{self.path} was trained by its contrast alone (objective.weight is 1), so its head says "
                "nothing; train one with a smaller weight"
            )
        return Forecaster(encoder, objective).eval()

    def objective(self, encoder: Encoder | None = None) -> Objective:
        """The trained objective, with what it learned for itself such as an augmenter; on the CPU.

        Parameters
        ----------
        encoder : Encoder, optional
            That of :meth:`encoder`, where it is at hand.

        Raises
        ------
        RunError
            When training has not ended, or the file is broken.
        """
        self.refuse_unfinished()
        refuse_changed(self.folders[0], WEIGHTS)
        return self._objective(encoder or self.encoder(), load_weights(self.folders[0] / WEIGHTS))

    def _objective(self, encoder: Encoder, weights: Mapping[str, Tensor]) -> Objective:
        with initial_weights(0, "about to be replaced"):
            data, told = self.provenance["data"], dict[str, Any](self.counts)
            objective = blank_objective(
                self.config,
                encoder,
                **told,
                channel_names=tuple(data.get("channels", ())),
                class_names=tuple(data.get("classes", ())),
                multilabel=bool(data.get("multilabel")),
            )
        self._fill(objective, _beginning(OBJECTIVE, weights), WEIGHTS)
        return objective.eval()

    def models(self) -> KeptModels:
        """What makes encoder and objective of the epoch that training kept for each draw of labels."""
        training = self.provenance["training"]
        files = {epoch: kept_file(self.path, epoch) for epoch in training["kept"].values()}
        files[training["epoch"]] = self.path / WEIGHTS
        made = {epoch: partial(self._model, file) for epoch, file in files.items()}
        return KeptModels(self.path, {draw: made[epoch] for draw, epoch in training["kept"].items()})

    def _model(self, file: Path) -> Model:
        name = str(file.relative_to(self.path))
        refuse_changed(self.path, name)
        weights = load_weights(file)
        encoder = self._blank_encoder()
        self._fill(encoder, _beginning(ENCODER, weights), name)
        return encoder.eval(), self._objective(encoder, weights)

    @property
    def counts(self) -> dict[str, int]:
        """Numbers of channels, covariates and classes that it was trained on."""
        data = self.provenance["data"]
        return {key: len(data.get(key, [])) for key in ("channels", "covariates", "classes")}

    def _fill(self, module: nn.Module, weights: dict[str, Tensor], file: str) -> None:
        fill(module, weights, f"{self.folders[0]}/{file}", "config.yaml")

    def write_encoder(self, encoder: Encoder, prepared: Prepared) -> None:
        """Keep the weights with all that it takes to use them elsewhere, and the contract to read."""
        contract = prepared.contract_of(encoder)
        made = architecture_of(self.config, self.counts["channels"], self.counts["covariates"])
        write_encoder_file(self.path / ENCODER_FILE, encoder.state_dict(), made, contract)
        write_json(self.path / CONTRACT, json.loads(contract.to_json()))

    def scaler(self) -> Scaler | None:
        """What the encoder's signals were standardised by; None when each record has its own."""
        self.refuse_unfinished()
        kept = self.encoder_file.contract.standardise
        if kept.how == "record":
            return None
        mean, std = (np.array([values], np.float32) for values in (kept.mean or (0,), kept.std or (1,)))
        return Scaler(mean, std)

    def shared_scaler(self) -> Scaler:
        """The one that all of a series was standardised by.

        Raises
        ------
        RunError
            When the run does not say it.
        """
        if (scaler := self.scaler()) is None:
            raise RunError(f"{self.path} does not say how its series was standardised; train it again")
        return scaler

    def refuse_unfinished(self) -> None:
        """Check that training has ended, of all seeds.

        Raises
        ------
        RunError
            Saying which one has not, and how to finish it.
        """
        for folder in self.folders:
            if not (folder / ENCODER_FILE).is_file():
                raise RunError(f"{folder} has no encoder yet; finish it with: {self.resumed_by}")

    @property
    def resumed_by(self) -> str:
        """The command that finishes the run, with all seeds where it is one of several."""
        return shlex.join(["tsrep", "fit", "--resume", str(whole_of(self.path))])

    @property
    def trained_further_by(self) -> str:
        """The command that trains it further, in a new folder."""
        return trained_further_by(self.path)

    def prepare(self, root: Path | str | None = None) -> Prepared:
        """Read, split and cut the data of the run again; see :meth:`own_data`.

        Parameters
        ----------
        root : Path, optional
            Where the data are, if they have moved.
        """
        from tsrep.runs.task import task_of

        return self.own_data(task_of(self.config.at(root)), progress=False)

    def own_data(self, task: Task, *, progress: bool = True) -> Prepared:
        """The data that a task with the run's configuration reads, which must be those of the run.

        Raises
        ------
        RunError
            When data or split have changed.
        """
        prepared = task.prepare(progress=progress)
        if changed := self.changed(prepared):
            raise RunError(
                f"{changed}; restore data and settings, or name the data as others with --dataset and --root"
            )
        return prepared

    def refuse_other_settings(self) -> None:
        """Check that settings which training depends on are those that it was started with, of all seeds.

        Raises
        ------
        RunError
            Naming the first one that is not.
        """
        for run in dict.fromkeys((self, *self.by_seed)):
            then = run.provenance.get("settings", {})
            refuse_other_settings(then, run.config, run.path, "the run was started with")

    def refuse_other_data(self, prepared: Prepared) -> None:
        """Check before it is resumed that data and split made now are those of the run.

        Raises
        ------
        RunError
            When a digest differs.
        """
        if changed := self.changed(prepared):
            raise RunError(f"{changed}; restore data and settings, or start a new run")

    def changed(self, prepared: Prepared) -> str:
        """What is not as it was when the run was started; empty where all is."""
        for what, then, now in (
            ("data", self.provenance["data"]["digest"], prepared.digest),
            ("split", self._split_digest, prepared.split.digest),
        ):
            if then != now:
                return (
                    f"the {what} of {self.path} changed since it was started (digest {then[:12]}, now "
                    f"{now[:12]})"
                )
        return ""

    @property
    def _split_digest(self) -> str:
        refuse_changed(self.path, SPLIT)
        file = self.path / SPLIT
        with readable(file, "a split", RESTORE):
            return str(read_json(file)["digest"])


def refuse_no_run(folder: Path, remedy: str) -> None:
    """Check that a folder holds a run, as far as can be told from outside.

    Raises
    ------
    RunError
    """
    if (folder / "config.yaml").is_file():
        return
    if not folder.exists():
        raise RunError(f"{folder} is not a run folder (it is not there); {remedy}")
    if any((folder / name).exists() for name in (PROVENANCE, SPLIT)):
        raise RunError(
            f"{folder} has no config.yaml, so there is no run in it to resume: it was lost, or the run was "
            "stopped before it began; restore it, or remove the folder and start again"
        )
    raise RunError(f"{folder} is not a run folder (it has no config.yaml); {remedy}")


def opened(run: Run | Path | str) -> Run:
    """A run from its folder, or as it is."""
    return run if isinstance(run, Run) else Run(run)


def _located(path: Path) -> Path:
    """The folder that ``RUN`` or ``RUN@2`` means."""
    name, at, seed = path.name.rpartition("@")
    if not (name and at) or path.exists():
        return path
    run = Run(path.with_name(name))
    count = len(run.folders)
    if not (seed.isdecimal() and int(seed) < count):
        which = f"{run.path}@0 to {run.path}@{count - 1}" if count > 1 else f"{run.path}"
        raise RunError(f"{run.path} has {count} encoder{'s' * (count > 1)} and no {path}; give {which}")
    return run.folders[int(seed)]


def _beginning(word: str, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights whose names begin so, without that."""
    return {name.removeprefix(word): value for name, value in weights.items() if name.startswith(word)}
