"""Runs of a program that may be stopped and started again."""

from __future__ import annotations

from pathlib import Path

from tsrep.errors import RunError
from tsrep.runs.config import Configuration
from tsrep.runs.fit import fit
from tsrep.runs.folder import Run


def kept_run(path: Path, config: Configuration) -> Run:
    """The run of a configuration in a folder: finished, gone on with, or made.

    Raises
    ------
    RunError
        When the folder holds a run of other settings, those of evaluation aside.
    """
    if not (path / "config.yaml").exists():
        run = fit(config, out=path, progress=False)
    elif Run(path).config.model_copy(update={"evaluation": config.evaluation}) != config:
        raise RunError(f"{path} was made with other settings than the script has now; remove it")
    elif Run(path).finished:
        return Run(path)
    else:
        run = fit(resume=path, progress=False)
    print(f"trained {path} in {run.provenance['seconds']:.0f} s", flush=True)
    return run
