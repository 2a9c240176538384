"""What a run folder holds; parts that are not there yet are None or empty."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from numpy.typing import NDArray

from tsrep.array_files import read_arrays
from tsrep.errors import ConfigError, RunError
from tsrep.evaluation.scores import Scores
from tsrep.inspect.curves import Curves, read_curves
from tsrep.reading import read_json, readable, refuse_other_format
from tsrep.runs.manifest import changed, refuse_changed
from tsrep.runs.naming import folder_of, refuse_no_run
from tsrep.training.collapse import collapse
from tsrep.yaml_files import read_yaml

if TYPE_CHECKING:
    from tsrep.evaluation.forecasts.coverage import Coverage

T = TypeVar("T")
RECEPTIVE = "receptive-field"
PARTS_OF_CONFIG = ("dataset", "window", "split", "encoder", "objective", "training", "evaluation")
CONFIG_KINDS: dict[str, Any] = dict.fromkeys(PARTS_OF_CONFIG, dict) | dict.fromkeys(("seed", "seeds"), int)
OTHER_KINDS: dict[str, Any] = {"dataset": dict, "evaluation": dict, "seed": int}
FACT_KINDS: dict[str, Any] = {
    **dict.fromkeys(("data", "versions", "git", "training", "window", "encoder", "init"), dict),
    **dict.fromkeys(("seconds", "parameters", "threads"), int | float),
    "chain": list,
}
SPLIT_KINDS: dict[str, Any] = {"counts": dict, "digest": str}
Array = NDArray[Any]
Arrays = Mapping[str, Array]


@dataclass(frozen=True, eq=False)
class Contents:
    """A run folder in memory.

    Attributes
    ----------
    run : Path
    config, provenance, split, flow : mappings
        As written by the run; empty when missing.
    cohorts : sequence of mappings
        Scores of each cohort, of a run on several.
    curves : Curves or None
        This and what follows the scores is of the first of several seeds.
    scores : Scores
    embeddings, examples, traces : mappings of arrays, or None
        Of records.
    coverage : Coverage or None
        Of the prediction intervals on the test part, of a run that forecasts.
    receptive : mapping or None
        Numbers of the receptive field, as they were plotted.
    unread : tuple of str
        What is not available, or not as it was written, and why.
    """

    run: Path
    config: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    split: Mapping[str, Any] = field(default_factory=dict)
    flow: Mapping[str, Any] = field(default_factory=dict)
    cohorts: Sequence[Mapping[str, Any]] = ()
    curves: Curves | None = None
    scores: Scores = field(default_factory=Scores)
    embeddings: Arrays | None = None
    examples: Arrays | None = None
    traces: Arrays | None = None
    coverage: Coverage | None = None
    receptive: Mapping[str, Any] | None = None
    unread: tuple[str, ...] = ()

    @property
    def task(self) -> str:
        """Which kind of data the run was on; without a provenance by what was scored."""
        return str(self.provenance.get("task") or ("series" if self.scores.horizons else "panel"))

    @property
    def data(self) -> Mapping[str, Any]:
        """What was read, from the provenance."""
        return self.provenance.get("data") or {}

    @property
    def source(self) -> str:
        """What the data are, called synthetic where they are."""
        source = str(self.data.get("source") or self.data.get("name") or "unknown data")
        told = any(word in source.lower() for word in ("synthetic", "simulated"))
        return f"synthetic data ({source})" if self.synthetic and not told else source

    @property
    def counts(self) -> Mapping[str, Mapping[str, Any]]:
        """How much each part of the split has."""
        return self.split.get("counts") or {}

    @property
    def window(self) -> Mapping[str, Any]:
        """How the data were cut and standardised."""
        return self.config.get("window") or self.provenance.get("window") or {}

    @property
    def encoder(self) -> Mapping[str, Any]:
        """The encoder whose scores on other data have this folder of their own; of a run empty."""
        return self.provenance.get("encoder") or {}

    @property
    def skipped(self) -> list[tuple[str, str]]:
        """What could not be read, and why."""
        return self.data.get("skipped") or []

    @property
    def synthetic(self) -> bool:
        """Whether the signals were simulated."""
        return bool(self.data.get("synthetic"))

    @property
    def identifiers(self) -> bool:
        """Whether records and patients may be named and shown: public or simulated data, or as set."""
        from tsrep.runs.ledger_of_run import is_public  # its room loads torch

        if self.synthetic or (self.config.get("report") or {}).get("identifiers"):
            return True
        try:
            return is_public(str(self.data.get("name")))
        except ConfigError:  # of a plug-in that is not installed here
            return False

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names, from the embeddings or else from the split."""
        if self.embeddings is not None and "classes" in self.embeddings:
            return tuple(str(name) for name in self.embeddings["classes"])
        return tuple(next((part["classes"] for part in self.counts.values() if part.get("classes")), ()))

    @property
    def seeds(self) -> range:
        """Seeds of the encoders."""
        first = int(self.config.get("seed") or 0)
        return range(first, first + int(self.config.get("seeds") or 1))

    @property
    def objective(self) -> str:
        """Name of the pre-training objective, or of a foreign encoder; a dash when neither is known."""
        if self.encoder:
            return str(self.encoder["name"])
        return str((self.config.get("objective") or {}).get("name", "–"))

    @property
    def finished(self) -> bool:
        """Whether training has ended, as far as the folder tells; of scores on other data it has."""
        known = bool(self.encoder) or "seconds" in self.provenance
        return known or len(self.scores) > 0 or self.embeddings is not None

    @property
    def unlabelled(self) -> bool:
        """Whether the recordings came without labels, so that nothing is scored on them."""
        return self.data.get("classes") == [] and not self.data.get("targets")

    @property
    def to_score(self) -> str:
        """The command that gives the folder its scores."""
        if not self.finished:
            return shlex.join(["tsrep", "fit", "--resume", str(self.run)])
        if self.unlabelled:
            return shlex.join(["tsrep", "evaluate", str(self.run), "--dataset", "NAME", "--root", "DIR"])
        if not self.encoder:
            return shlex.join(["tsrep", "evaluate", str(self.run)])
        name, root = self.config["dataset"]["name"], self.config.get("root")
        place = ["--root", str(root)] if root else []
        reference = str(self.encoder["reference"])
        return shlex.join(["tsrep", "evaluate", reference, "--dataset", name, *place, "--out", str(self.run)])

    @property
    def collapse(self) -> str | None:
        """That the representations collapsed in training, in words; None where they did not."""
        rows = self.curves.representations if self.curves is not None else []
        return collapse(rows) if rows else None

    def kept_epoch(self) -> int | None:
        """The epoch whose weights were kept, None when nothing was validated."""
        rule = (self.config.get("training") or {}).get("keep", "last")
        return self.curves.kept_epoch(rule) if self.curves is not None else None


def folder_to_show(place: Path) -> Path:
    """The folder of a run, ``RUN@2`` included, or of the scores of an encoder on other data.

    Raises
    ------
    RunError
        When it is neither.
    """
    if any((place / name).is_file() for name in ("config.yaml", "evaluation.yaml")):
        return place
    if "@" not in place.name:
        refuse_no_run(place, "give the folder that fit made")
    from tsrep.runs.folder import Run  # its room loads torch

    return Run(place).path


def read_run(run: Path) -> Contents:
    """Read all of a run folder that is there.

    Raises
    ------
    RunError
        When the folder is missing or is no run folder. Files that cannot be read are left out, and told.
    """
    if not run.is_dir():
        raise RunError(f"there is no run folder {run}; `tsrep fit` makes one")
    known = ("config.yaml", "evaluation.yaml", "provenance.json", "metrics.jsonl", "scores.json")
    if not any((run / name).is_file() for name in known):
        raise RunError(
            f"{run} is no run folder: it has none of {', '.join(known)}; give one made by `tsrep fit`"
        )
    from tsrep.evaluation.forecasts.details import load_details
    from tsrep.evaluation.predictions import load_predictions
    from tsrep.evaluation.targets.values import load_values

    first = folder_of(run, 0)  # of several seeds the first one is shown
    whole = Readable(run)
    one = Readable(first, whole.unread) if first.is_dir() else whole
    recipe = next((name for name in known[:2] if (run / name).is_file()), known[0])
    kinds = CONFIG_KINDS if recipe == known[0] else OTHER_KINDS
    return Contents(
        run=run,
        config=whole.told(recipe, lambda path: _settings(read_config(path), kinds)) or {},
        provenance=whole.read("provenance.json", lambda path: _settings(read_json(path), FACT_KINDS)) or {},
        split=whole.read("split.json", lambda path: _settings(read_json(path), SPLIT_KINDS)) or {},
        flow=whole.read("flow.json", read_json) or {},
        cohorts=whole.read("cohorts.json", lambda path: read_json(path)["scores"]) or (),
        curves=one.read("metrics.jsonl", read_curves) if _size(one.folder / "metrics.jsonl") else None,
        scores=replace(
            whole.read("scores.json", _scores) or Scores(),
            predictions=whole.read("predictions.npz", load_predictions) or {},
            forecasts=whole.read("forecasts.npz", load_details) or {},
            values=whole.read("values.npz", load_values) or {},
        ),
        embeddings=one.read("embeddings.npz", partial(_arrays, rows=("x", "label", "part"))),
        examples=one.read("examples.npz", partial(_arrays, rows=("x", "label", "patient"))),
        traces=one.read("traces.npz", partial(_arrays, rows=())),
        coverage=one.read("coverage.json", _coverage),
        receptive=whole.read(f"figures/{RECEPTIVE}.json", _receptive),
        unread=tuple(whole.unread),
    )


def _coverage(path: Path) -> Coverage:
    from tsrep.evaluation.forecasts.coverage import Coverage  # its room loads torch

    return Coverage.load(path)


class Readable:
    """Files of a folder that are read where they can be, and what is wrong with the others.

    Parameters
    ----------
    folder : Path
    unread : list of str, optional
        Gains a sentence for each file that is not available.
    """

    def __init__(self, folder: Path, unread: list[str] | None = None) -> None:
        self.folder, self.unread = folder, [] if unread is None else unread

    def read(self, name: str, reader: Callable[[Path], T]) -> T | None:
        """What a reader makes of a file; None where it is missing, damaged or not as it was written."""
        path = self.folder / name
        if not path.is_file():
            return None
        try:
            refuse_changed(self.folder, name)
            with readable(path, "what a run writes", "restore it"):
                return reader(path)
        except RunError as error:
            self.unread.append(str(error))
            return None

    def told(self, name: str, reader: Callable[[Path], T]) -> T | None:
        """The same of a file that may be edited: a change is told, and the file is read."""
        try:
            fault = changed(self.folder, name)
        except RunError as error:
            fault = str(error)
        self.unread += [f"{fault}; it is shown as it is now"] * bool(fault)
        try:
            path = self.folder / name
            with readable(path, "settings", "restore it"):
                return reader(path) if path.is_file() else None
        except RunError as error:
            self.unread.append(str(error))
            return None


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def read_config(path: Path) -> dict[str, Any]:
    """Settings of a configuration or evaluation, which are not checked further."""
    found: dict[str, Any] = read_yaml(path.read_text(encoding="utf-8"), path.name) or {}
    refuse_other_format(path, found.get("version", 1), 1)
    return found


def _settings(found: dict[str, Any], kinds: Mapping[str, Any]) -> dict[str, Any]:
    """Values by name, whose kinds a page relies on."""
    for name, kind in kinds.items():
        if found.get(name) is not None and not isinstance(found[name], kind):
            raise TypeError(f"{name} is of the type {type(found[name]).__name__}")
    return found


def _receptive(path: Path) -> dict[str, Any]:
    found = read_json(path)
    numbers = next(iter(found["runs"].values()))
    for name in ("forecasts", "encoder", "method", "windows", "lags"):
        numbers[name]
    return found


def _scores(path: Path) -> Scores:
    return Scores.from_json(path.read_text(encoding="utf-8"), path)


def _arrays(path: Path, rows: Sequence[str]) -> dict[str, Array]:
    """Arrays, some of which have a row for each thing shown."""
    found = read_arrays(path)
    if len({len(found[name]) for name in rows}) > 1:
        raise ValueError(f"{' and '.join(rows)} are not of the same length")
    return found
