"""Beginning a study, joining one, opening it again, and the sampler and pruner that its workers take."""

from __future__ import annotations

import socket
import time
import warnings
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner, WilcoxonPruner
from optuna.samplers import BaseSampler, GPSampler, QMCSampler, RandomSampler, TPESampler
from optuna.study import StudyDirection

from tsrep.errors import ConfigError
from tsrep.files import write_json
from tsrep.rng import numpy_generator
from tsrep.runs.config import Configuration
from tsrep.runs.task import task_of
from tsrep.studies.define.check import check_study, reference
from tsrep.studies.define.configuration import configuration
from tsrep.studies.define.definition import Definition, Pruning, Sampling, read_definition
from tsrep.studies.keep.place import Place
from tsrep.studies.keep.storage import opened_storage
from tsrep.studies.keep.tickets import top_up
from tsrep.studies.work.baseline import measured
from tsrep.studies.work.trial import BASELINES, run_trial, seeded
from tsrep.studies.work.worker import Job
from tsrep.yaml_files import write_yaml

ROOT = Path("runs") / "studies"
DIGEST, DEFINITION, HOME = "space", "definition", "home"


@dataclass(frozen=True)
class Study:
    """A study in its folder.

    Attributes
    ----------
    definition : Definition
    place : Place
    storage : str or None
        Address, with a password where one was given.
    """

    definition: Definition
    place: Place
    storage: str | None

    @property
    def folder(self) -> Path:
        """Of the study, on this machine."""
        return self.place.folder

    def job(self, hours: float | None = None) -> Job:
        """What its workers do."""
        definition = self.definition
        epochs = _example(definition).training.epochs
        return Job(
            study=definition.study,
            folder=self.folder,
            storage=self.storage,
            run_trial=partial(run_trial, definition, self.folder, self.place.data),
            sampler=partial(new_sampler, definition.sampler, definition.seed),
            pruner=new_pruner(definition.pruner, epochs * len(definition.tasks) * definition.seeds),
            until=None if hours is None else time.time() + 3600 * hours,
        )

    def opened(self) -> AbstractContextManager[optuna.Study]:
        """The study in its storage, as long as the block runs.

        Raises
        ------
        ConfigError, RunError
            When the storage cannot be opened, or has no such study.
        """
        return self.job().opened()


def begin(
    definition: Definition,
    *,
    folder: Path | None = None,
    storage: str | None = None,
    root: Path | None = None,
    trials: int | None = None,
) -> Study:
    """Begin a study, or join the one of that name in the storage; every ticket of its budget waits then.

    Parameters
    ----------
    definition : Definition
    folder : Path, optional
        By default ``runs/studies/<name>``.
    storage : str, optional
        By default a journal file in the folder; see :func:`tsrep.studies.keep.storage.open_storage`.
    root : Path, optional
        Where the data are.
    trials : int, optional
        Instead of the budget's.

    Raises
    ------
    ConfigError
        When a configuration of the space is not valid, or another study has that name.
    DataError, RunError
        When the data or the storage are not there.
    """
    check_study(definition)
    folder = folder or ROOT / definition.study
    if (folder / "study.yaml").exists():
        known = open_study(folder, storage=storage, root=root)
        _refuse_other(definition, known.definition.digest, str(folder))
        study = Study(definition, known.place, known.storage)
    else:
        Place.refuse_taken(folder.resolve())  # before anything is made in the storage
        examples = {task: _example(definition, task) for task in definition.tasks}
        baselines = {
            task: measured(seeded(config, definition.seed, root), task) for task, config in examples.items()
        }
        if storage is not None:  # before a folder is made, as a study of that name may be there
            _create(definition, storage, folder)
        text = write_yaml(definition.model_dump(mode="json"))
        study = Study(definition, Place.create(folder, text, storage, root), storage)
        write_json(folder / BASELINES, baselines)
        if storage is None:
            _create(definition, storage, folder)
    add_trials(study, trials or definition.budget.trials)
    return study


def add_trials(study: Study, trials: int) -> None:
    """See to it that a study has so many trials, those that are lost put back."""
    beginnings = study.definition.beginnings()
    if study.definition.sampler.name == "grid":
        trials = min(trials, len(beginnings))
    with study.opened() as opened:
        top_up(opened, trials, beginnings)


def open_study(place: Path | str, *, storage: str | None = None, root: Path | None = None) -> Study:
    """The study in a folder, or of a name in ``runs/studies``.

    Raises
    ------
    RunError
        When there is none.
    ConfigError
        When its definition is broken.
    """
    named = not (Path(place) / "study.yaml").exists() and (ROOT / place / "study.yaml").exists()
    found = Place(ROOT / place if named else place)
    if root is not None:
        found.move_data(root)
    return Study(read_definition(found.definition), found, storage or found.storage)


def is_home(study: optuna.Study) -> bool:
    """Whether the study was begun on this machine."""
    return bool(study.user_attrs.get(HOME) == socket.gethostname())


def _create(definition: Definition, storage: str | None, folder: Path) -> None:
    """Make the study in the storage, or check that the one there is the same."""
    up = task_of(_example(definition)).maximises
    ways = [StudyDirection.MAXIMIZE if up else StudyDirection.MINIMIZE, StudyDirection.MINIMIZE]
    optuna.logging.set_verbosity(optuna.logging.WARNING)  # it tells what is told better here
    with opened_storage(storage, folder) as opened:
        study = optuna.create_study(
            study_name=definition.study,
            storage=opened,
            directions=ways[: len(definition.goals)],
            load_if_exists=True,
        )
        known = study.user_attrs.get(DIGEST)
        if known is None:
            study.set_user_attr(DEFINITION, definition.model_dump(mode="json"))
            study.set_user_attr(HOME, socket.gethostname())
            study.set_user_attr(DIGEST, definition.digest)
        else:
            _refuse_other(definition, str(known), "the storage")


def _example(definition: Definition, task: str | None = None) -> Configuration:
    task = next(iter(definition.tasks)) if task is None else task
    return configuration(definition, reference(definition), task)


def _refuse_other(definition: Definition, digest: str, where: str) -> None:
    if digest != definition.digest:
        raise ConfigError(
            f"{where} has a study {definition.study} with other ranges, tasks or seeds, whose trials are not "
            "comparable; give this one another name (study: in its file)"
        )


def new_sampler(settings: Sampling, seed: int, ticket: int) -> BaseSampler:
    """The sampler that draws a ticket; its own draws depend on study seed and ticket alone."""
    own = int(numpy_generator(seed, "sampler", ticket).integers(2**31))
    with warnings.catch_warnings(action="ignore", category=ExperimentalWarning):
        if settings.name == "tpe":
            return TPESampler(
                n_startup_trials=settings.startup, multivariate=True, group=True, constant_liar=True, seed=own
            )
        if settings.name == "gp":
            return GPSampler(seed=own, n_startup_trials=settings.startup, warn_independent_sampling=False)
        if settings.name == "qmc":  # one sequence, of which each trial takes the next point
            rest = RandomSampler(seed=own)  # of what counts under a condition
            return QMCSampler(
                scramble=True, seed=seed, independent_sampler=rest, warn_independent_sampling=False
            )
        return RandomSampler(seed=own)


def new_pruner(settings: Pruning, steps: int) -> BasePruner:
    """The pruner of trials that report ``steps`` times at most."""
    with warnings.catch_warnings(action="ignore", category=ExperimentalWarning):
        if settings.name == "median":
            return MedianPruner(n_startup_trials=settings.startup, n_warmup_steps=settings.min_steps)
        if settings.name == "hyperband":
            return HyperbandPruner(
                min_resource=min(settings.min_steps, steps),
                max_resource=steps,
                reduction_factor=settings.reduction,
            )
        if settings.name == "wilcoxon":
            return WilcoxonPruner(p_threshold=settings.p, n_startup_steps=settings.min_steps)
    return NopPruner()
