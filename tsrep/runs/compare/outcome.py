"""What comparisons, validations and audits have in common: how they are conducted, and their files."""

from __future__ import annotations

import hashlib
import json
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from tsrep.errors import ConfigError
from tsrep.evaluation.scores import nan_to_none
from tsrep.files import write_text
from tsrep.runs.compare.cells import Scored
from tsrep.runs.compare.table import Table
from tsrep.runs.evaluate import evaluating
from tsrep.runs.label_evaluation import FEWEST_STARTS, Tell
from tsrep.splits.split import PARTS
from tsrep.text import csv_text
from tsrep.yaml_files import write_yaml

FILE = "table.yaml"


class Outcome(ABC):
    """Numbers of encoders on data sets, as files.

    Attributes
    ----------
    kind : str
        What its files are called.
    """

    kind: ClassVar[str]

    @property
    @abstractmethod
    def encoders(self) -> list[str]:
        """Names of the encoders, in the order of the table."""

    @property
    @abstractmethod
    def datasets(self) -> list[str]:
        """Names of the data sets, in the order of the table."""

    @abstractmethod
    def content(self) -> dict[str, Any]:
        """All that is known, as JSON has it."""

    @abstractmethod
    def lines(self) -> Iterator[dict[str, Any]]:
        """A line for each number; columns that are not in a line are empty in it."""

    def to_json(self) -> str:
        """Everything; what is not defined is null."""
        plain = nan_to_none(self.content())
        return json.dumps(plain, indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    def to_csv(self) -> str:
        """A line for each number; what is not defined is empty."""
        lines = [{key: _told(value) for key, value in line.items()} for line in self.lines()]
        columns = dict.fromkeys(key for line in lines for key in line)
        return csv_text(lines, list(columns) or ["encoder", "dataset"])

    def save(self, folder: Path) -> None:
        """Write both."""
        write_text(folder / f"{self.kind}.csv", self.to_csv())
        write_text(folder / f"{self.kind}.json", self.to_json())


T = TypeVar("T", bound=Outcome)


def conducted(table: Table, out: Path, find: Callable[[Tell], T], *, progress: bool) -> T:
    """An outcome that is found, with its files.

    Parameters
    ----------
    table : Table
        Kept beside it, without the names of patients.
    out : Path
        Folder of the files.
    find : callable
        Is given what says on standard error what is being done.
    progress : bool
        Whether that says it.
    """
    with evaluating(progress) as tell:
        found = find(tell)
    found.save(out)
    write_text(out / FILE, write_yaml(_without_patients(table)))
    return found


def score_lines(each: Scored) -> Iterator[tuple[bool, dict[str, Any]]]:
    """Every metric of every score of a cell, and whether verdicts rest on it."""
    for score in (score for score in each.scores if score.unit == "record"):
        for metric, found in score.metrics.items():
            gain = None if score.marked else score.difference.get(metric)
            leading = score.role == "method" and metric == score.metric
            yield (
                leading,
                {
                    "row": score.method,
                    "role": score.role,
                    "metric": metric,
                    "value": found.value,
                    "low": found.low,
                    "high": found.high,
                    "gain": gain.value if gain else math.nan,
                    "gain_low": gain.low if gain else math.nan,
                    "gain_high": gain.high if gain else math.nan,
                    "gain_p": gain.p if gain else math.nan,
                    "records": score.n,
                    "patients": score.patients,
                },
            )


def refuse_few_initialisations(table: Table) -> None:
    """Check that there are enough random initialisations to tell how far they differ.

    Raises
    ------
    ConfigError
    """
    if table.label_seeds < FEWEST_STARTS:
        raise ConfigError(
            f"{table.label_seeds} random initialisations do not tell how far they differ; give "
            f"{FEWEST_STARTS} or more (--seeds, label_seeds in a table)"
        )


def _without_patients(table: Table) -> dict[str, Any]:
    """Settings of a table; of patients who are listed in a split their number and digest."""
    values: dict[str, Any] = table.model_dump(mode="json")
    for entry in values["datasets"]:
        split = entry["split"] or {}
        entry["split"] = {key: _digest(each) if key in PARTS else each for key, each in split.items()} or None
    return values


def _digest(part: Any) -> Any:
    """Of a list of patients; what is no list, such as a share, is as it was."""
    if not isinstance(part, list):
        return part
    digest = hashlib.sha256("\n".join(sorted(map(str, part))).encode()).hexdigest()
    return f"{len(part)} patients, SHA-256 {digest}"


def _told(value: object) -> object:
    return "" if isinstance(value, float) and math.isnan(value) else value
