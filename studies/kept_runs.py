"""Runs and numbers of a program that may be stopped and started again."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch

from tsrep.errors import RunError
from tsrep.evaluation.scores import nan_to_none
from tsrep.files import write_json
from tsrep.reading import read_json
from tsrep.runs.config import Configuration
from tsrep.runs.fit import fit
from tsrep.runs.folder import Run


class Kept:
    """Numbers and texts by name in a file of JSON, which are worked out once; NaN is null there.

    Parameters
    ----------
    path : Path
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.values: dict[str, Any] = _with_nan(read_json(path)) if path.exists() else {}

    def refuse_others(self, name: str, told: Any) -> None:
        """Check that what is kept was worked out by these settings, which stand beside it.

        Raises
        ------
        RunError
            When it was worked out by others.
        """
        text = json.dumps(told, sort_keys=True, default=list)
        if self.once(name, lambda: text) != text:
            raise RunError(f"{self.path} was made with another {name}; remove it, or give another --out")

    def once(self, name: str, make: Callable[[], Any]) -> Any:
        """The value of a name, made where it is missing."""
        if name not in self.values:
            self.values[name] = make()
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_json(self.path, nan_to_none(self.values))
        return self.values[name]


def command_line(description: str | None, name: str, *, page: str, seeds: int) -> argparse.ArgumentParser:
    """Options that all programs on data of a folder have.

    Parameters
    ----------
    description : str
        The program's docstring.
    name : str
        Of the folder of its runs.
    page : str
        Name of the page that it writes.
    seeds : int
        How many there are by default.
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", type=lambda text: Path(text).resolve(), required=True, help="data folder")
    parser.add_argument("--runs", type=Path, default=Path("runs") / name, help="folder of the runs")
    parser.add_argument("--out", type=Path, default=Path("docs/results") / page, help="page to write")
    parser.add_argument("--seeds", type=int, default=seeds)
    parser.add_argument("--workers", type=int, default=2, help="runs at a time, one thread each")
    return parser


def one_thread_workers(count: int) -> ProcessPoolExecutor:
    """Processes that start afresh, each with one thread."""
    return ProcessPoolExecutor(count, get_context("spawn"), initializer=torch.set_num_threads, initargs=(1,))


def folder_name(name: str) -> str:
    """The name of a method as that of a folder."""
    return "".join(c if c.isalnum() or c in "-." else "_" for c in name)


def kept_run(path: Path, config: Configuration, *, illustrate: bool = True) -> Run:
    """The run of a configuration in a folder: finished, resumed, or made.

    Parameters
    ----------
    path : Path
    config : Configuration
    illustrate : bool
        Also make what only a reader of its report wants.

    Raises
    ------
    RunError
        When the folder holds a run of other settings, those of evaluation aside.
    """
    if not (path / "config.yaml").exists():
        run = fit(config, out=path, progress=False, illustrate=illustrate)
    elif Run(path).config.model_copy(update={"evaluation": config.evaluation}) != config:
        raise RunError(f"{path} was made with other settings than the script has now; remove it")
    elif Run(path).finished:
        return Run(path)
    else:
        run = fit(resume=path, progress=False, illustrate=illustrate)
    print(f"trained {path} in {run.provenance['seconds']:.0f} s", flush=True)
    return run


def log(run: Run) -> list[dict[str, Any]]:
    """What training wrote down, step by step."""
    lines = (run.path / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def validation_scores(run: Run) -> dict[int, float]:
    """Validation score by epoch, 0 being the random initialisation; minus the error of a forecast."""
    return {r["epoch"]: r["score"] for r in log(run) if r["kind"] == "validation" and "score" in r}


def kept_score(run: Run) -> float:
    """Validation score of the weights that were kept."""
    return validation_scores(run)[run.provenance["training"]["epoch"]]


def _with_nan(kept: Any) -> Any:
    if isinstance(kept, dict):
        return {key: _with_nan(inner) for key, inner in kept.items()}
    if isinstance(kept, list):
        return [_with_nan(inner) for inner in kept]
    return math.nan if kept is None else kept
