"""The folder of a run, and reading back what is in it."""

from __future__ import annotations

import shlex
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tsrep.encoders.encoder import Encoder
from tsrep.errors import ConfigError, RunError, UnknownPart
from tsrep.evaluation.scores import Scores
from tsrep.files import write_json
from tsrep.objectives.forecaster import Forecaster
from tsrep.objectives.objective import Objective
from tsrep.reading import read_json, readable
from tsrep.runs import trained
from tsrep.runs.config import Configuration, configure
from tsrep.runs.config_files import read_config
from tsrep.runs.encoder_file import EncoderFile, read_encoder_file
from tsrep.runs.history import history, plot_history
from tsrep.runs.loaded_encoder import LoadedEncoder
from tsrep.runs.manifest import changed, changing, refuse_changed, refuse_without, stored_scores
from tsrep.runs.naming import ENCODER_FILE, PROVENANCE, SPLIT, folder_of, refuse_no_run, whole_of
from tsrep.runs.overview import row_of
from tsrep.runs.prepared import Prepared
from tsrep.runs.trained_by import refuse_other_settings, trained_by, trained_further_by
from tsrep.runs.unchanged import own_data
from tsrep.text import in_a_line, in_html, plural

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame

    from tsrep.runs.predict.sources import Recordings
    from tsrep.runs.predict.table import PredictionTable
    from tsrep.runs.task import Task

RESTORE = "restore it, or train the run again"


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
        self.path = located(Path(path))
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
        return trained.encoder(self)

    def loaded(self) -> LoadedEncoder:
        """The trained encoder with all that travels with it.

        Raises
        ------
        RunError
            When training has not ended, or a file is missing or broken.
        """
        return trained.loaded(self)

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
        return trained.forecaster(self)

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
        return trained.objective(self, encoder or self.encoder())

    @property
    def counts(self) -> dict[str, int]:
        """Numbers of channels, covariates and classes that it was trained on."""
        data = self.provenance["data"]
        return {key: len(data.get(key, [])) for key in ("channels", "covariates", "classes")}

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
        """Read, split and cut the data of the run again; see :func:`tsrep.runs.unchanged.own_data`.

        Parameters
        ----------
        root : Path, optional
            Where the data are, if they have moved.
        """
        from tsrep.runs.task import task_of

        return own_data(self, task_of(self.config.at(root)), progress=False)

    @property
    def split_digest(self) -> str:
        """Digest of the split that it was started with."""
        refuse_changed(self.path, SPLIT)
        file = self.path / SPLIT
        with readable(file, "a split", RESTORE):
            return str(read_json(file)["digest"])


def opened(run: Run | Path | str) -> Run:
    """A run from its folder, or as it is."""
    return run if isinstance(run, Run) else Run(run)


def located(path: Path) -> Path:
    """The folder that ``RUN`` or ``RUN@2`` means."""
    name, at, seed = path.name.rpartition("@")
    if not (name and at) or path.exists():
        return path
    run = Run(path.with_name(name))
    count = len(run.folders)
    if not (seed.isdecimal() and int(seed) < count):
        which = f"{run.path}@0 to {run.path}@{count - 1}" if count > 1 else f"{run.path}"
        raise RunError(f"{run.path} has {plural(count, 'encoder')} and no {path}; give {which}")
    return run.folders[int(seed)]
