"""What a run must be to be resumed, and how its settings may still change."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tsrep.errors import ConfigError, RunError
from tsrep.files import write_text
from tsrep.runs.config import Configuration
from tsrep.runs.config_files import dump_config
from tsrep.runs.folder import Run
from tsrep.runs.manifest import changing
from tsrep.runs.naming import ENCODER_FILE, WEIGHTS, refuse_no_run
from tsrep.runs.unchanged import refuse_changed_settings
from tsrep.training.distributed import Ranks
from tsrep.training.interrupt import Interrupted


def refuse_new_settings(run: Run, config: Any) -> None:
    """Check that a run is resumed with the settings that it was started with.

    Parameters
    ----------
    run : Run
    config : configuration, plain values or None
        Must be None: a run that is resumed has settings.

    Raises
    ------
    ConfigError
        When settings are given.
    RunError
        When those of the run were edited or lost.
    """
    _refuse_settings(run, config)
    refuse_changed_settings(run)
    _refuse_lost_settings(run)


def _refuse_settings(run: Run, config: Any) -> None:
    """A resumed run has its settings already, and starts where it was stopped."""
    if config is None:
        return
    if isinstance(config, Configuration) or "init" in config:
        raise ConfigError("a run that is resumed has its start already; leave init out")
    raise ConfigError(
        f"a run that is resumed keeps its settings; leave them out, or train it further in a new folder "
        f"with: {run.trained_further_by}"
    )


def _refuse_lost_settings(run: Run) -> None:
    """Check that no seed which has weights has lost its settings; one that has none is begun again."""
    for folder in run.folders:
        if any((folder / name).is_file() for name in (ENCODER_FILE, WEIGHTS, "state.pt")):
            refuse_no_run(folder, "restore it")


def refuse_fewer_seeds(run: Run, seeds: int) -> None:
    """Check that a run keeps the encoders that it has, and where they are.

    Parameters
    ----------
    run : Run
    seeds : int
        That it shall have.

    Raises
    ------
    RunError
    """
    has = run.config.seeds
    if has == 1 < seeds:
        command = shlex.join(["tsrep", "fit", "--config", str(run.path / "config.yaml")])
        raise RunError(f"{run.path} is a run of one seed; train several with: {command} --seeds {seeds}")
    if seeds < has:
        raise RunError(f"{run.path} has {has} seeds, not {seeds}; give more, or leave --seeds out")


def with_seeds(run: Run, seeds: int, ranks: Ranks) -> Run:
    """The run with as many seeds, of which it may have had fewer.

    Parameters
    ----------
    run : Run
    seeds : int
    ranks : Ranks
    """
    if run.config.seeds == seeds:
        return run
    if ranks.first:
        config = run.config.model_copy(update={"seeds": seeds})
        with changing(run.path, "config.yaml"):
            write_text(run.path / "config.yaml", dump_config(config))
    ranks.wait()
    return Run(run.path)


@contextmanager
def resumed_with_all(run: Run, one: Run) -> Iterator[None]:
    """Say of a training of a seed that is stopped how it is resumed together with the others.

    Parameters
    ----------
    run : Run
        Of all seeds.
    one : Run
        Of the seed.

    Raises
    ------
    Interrupted
    """
    try:
        yield
    except Interrupted as stop:
        if one.path == run.path:
            raise
        raise Interrupted(
            f"{one.path} was stopped, with the state saved; resume with: {run.resumed_by}"
        ) from stop
