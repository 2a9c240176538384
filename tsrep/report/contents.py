"""What a run folder holds; parts that are not there yet are None or empty."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from numpy.typing import NDArray

from tsrep.errors import ConfigError, RunError
from tsrep.evaluation.scores import Scores
from tsrep.files import read_arrays
from tsrep.inspect.curves import Curves, read_curves
from tsrep.runs.naming import folder_of
from tsrep.yaml_files import read_yaml

if TYPE_CHECKING:
    from tsrep.evaluation.forecasts.coverage import Coverage

T = TypeVar("T")
Array = NDArray[Any]
Arrays = Mapping[str, Array]


@dataclass(frozen=True, eq=False)
class Contents:
    """A run folder in memory.

    Attributes
    ----------
    run : Path
    config, provenance, split : mappings
        As written by the run; empty when missing.
    curves : Curves or None
        This and what follows the scores is of the first of several seeds.
    scores : Scores
    embeddings, examples, traces : mappings of arrays, or None
        Of records.
    coverage : Coverage or None
        Of the prediction intervals on the test part, of a run that forecasts.
    """

    run: Path
    config: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    split: Mapping[str, Any] = field(default_factory=dict)
    curves: Curves | None = None
    scores: Scores = field(default_factory=Scores)
    embeddings: Arrays | None = None
    examples: Arrays | None = None
    traces: Arrays | None = None
    coverage: Coverage | None = None

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
        """Whether training has ended, as far as the folder tells."""
        return len(self.scores) > 0 or self.embeddings is not None or "seconds" in self.provenance

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
    from tsrep.runs.folder import Run  # its room loads torch

    return place if (place / "evaluation.yaml").is_file() else Run(place).path


def read_run(run: Path) -> Contents:
    """Read all of a run folder that is there.

    Raises
    ------
    RunError
        When the folder is missing, is no run folder, or holds a file that cannot be read.
    """
    if not run.is_dir():
        raise RunError(f"there is no run folder {run}; `tsrep fit` makes one")
    known = ("config.yaml", "evaluation.yaml", "provenance.json", "metrics.jsonl", "scores.json")
    if not any((run / name).is_file() for name in known):
        raise RunError(
            f"{run} is no run folder: it has none of {', '.join(known)}; give one made by `tsrep fit`"
        )
    from tsrep.evaluation.forecasts.coverage import Coverage  # its room loads torch

    first = folder_of(run, 0)  # of several seeds the first one is shown
    one = first if first.is_dir() else run
    log = one / "metrics.jsonl"
    recipe = next((run / n for n in known[:2] if (run / n).is_file()), run / known[0])
    return Contents(
        run=run,
        config=_settings(recipe, partial(read_yaml, what=recipe.name)),
        provenance=_settings(run / "provenance.json", json.loads),
        split=_settings(run / "split.json", json.loads),
        curves=read_curves(log) if log.is_file() and log.stat().st_size else None,
        scores=Scores.load(run) if (run / "scores.json").is_file() else Scores(),
        embeddings=_arrays(one / "embeddings.npz"),
        examples=_arrays(one / "examples.npz"),
        traces=_arrays(one / "traces.npz"),
        coverage=Coverage.load(held) if (held := one / "coverage.json").is_file() else None,
    )


def _settings(path: Path, parse: Callable[[str], Any]) -> dict[str, Any]:
    remedy = "restore it, or train the run again"
    return dict(_read(path, lambda file: parse(file.read_text(encoding="utf-8")), remedy) or {})


def _arrays(path: Path) -> dict[str, Array] | None:
    return _read(path, read_arrays, "remove it and run `tsrep evaluate` again")


def _read(path: Path, read: Callable[[Path], T], remedy: str) -> T | None:
    try:
        return read(path) if path.is_file() else None
    except (ValueError, OSError, ConfigError) as error:
        raise RunError(f"{path} cannot be read ({error}); {remedy}") from error
