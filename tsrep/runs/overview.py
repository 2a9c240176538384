"""The runs below a folder at a glance, from their small files alone, so that a hundred take no time."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tsrep.errors import ConfigError, RunError
from tsrep.evaluation.headline import LOWER_IS_BETTER, headline
from tsrep.registry import nearest
from tsrep.runs.naming import SEEDS

RECIPES = ("config.yaml", "evaluation.yaml")  # of a run, and of scores on other data
TAIL = 4096  # bytes in which the last line of a log is looked for
FILTERS = ("name", "data", "objective", "encoder", "state")
SORTED = (*FILTERS, "date", "score", "gain")


@dataclass(frozen=True)
class RunRow:
    """What is known of a run without opening its weights.

    Attributes
    ----------
    name, folder : str
        Below the folder that was looked into, and from where the user is.
    data, objective, encoder : str
    date : str
        When it was started, UTC.
    state : str
        ``"scored"``, ``"trained"``, ``"stopped in epoch 3 of 20"``, ``"scored on other data"``, or why the
        folder cannot be read.
    metric : str
    value, low, high : float or None
        Of the score that stands for it, a mean over horizons without an interval where there are several.
    gain, gain_low, gain_high : float or None
        Over random initialisation.
    horizons : int
        How many the value is a mean over.
    """

    name: str
    folder: str
    data: str = ""
    objective: str = ""
    encoder: str = ""
    date: str = ""
    state: str = ""
    metric: str = ""
    value: float | None = None
    low: float | None = None
    high: float | None = None
    gain: float | None = None
    gain_low: float | None = None
    gain_high: float | None = None
    horizons: int = 0

    @property
    def facts(self) -> dict[str, str]:
        """What to show of it, empty where it is not known."""
        told = {
            key: getattr(self, key) for key in ("folder", "data", "objective", "encoder", "date", "state")
        }
        return told | {"score": self.score, "gain": in_words(self.gain, self.gain_low, self.gain_high, "+")}

    @property
    def score(self) -> str:
        """``auroc 0.842 [0.803, 0.881]``."""
        if self.value is None:
            return ""
        many = f" (mean of {self.horizons} horizons)" * (self.horizons > 1)
        return f"{self.metric} {in_words(self.value, self.low, self.high)}{many}"


def in_words(value: float | None, low: float | None, high: float | None, sign: str = "") -> str:
    """A value with its interval, where there is one; empty where there is no value."""
    if value is None:
        return ""
    ends = "" if low is None or high is None else f" [{low:{sign}.3f}, {high:{sign}.3f}]"
    return f"{value:{sign}.3f}{ends}"


def list_runs(
    folder: Path | str = "runs", *, where: Sequence[str] | Mapping[str, str] = (), sort: str = "date"
) -> list[RunRow]:
    """The runs below a folder, studies left out unless the folder is within one.

    Parameters
    ----------
    folder : Path
    where : mapping, or sequence of ``"column=pattern"``
        Such as ``{"data": "ptb-xl*"}``; case does not matter.
    sort : str
        A column; the newest, the best and the largest gain come first.

    Raises
    ------
    RunError
        When there is no such folder.
    ConfigError
        When a column is unknown.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise RunError(f"there is no folder {folder}; name the one with your runs, or train one: tsrep fit")
    if sort not in SORTED:
        raise ConfigError(f"runs are not sorted by {sort!r}; {nearest(sort, list(SORTED))}")
    patterns = _patterns(where)
    found = (row_of(each, str(each.relative_to(folder)).strip(".")) for each in _found(folder))
    rows = [row for row in found if _matches(row, patterns)]
    return sorted(sorted(rows, key=lambda row: row.name), key=_ORDER.get(sort, _by_text(sort)))


def _patterns(where: Sequence[str] | Mapping[str, str]) -> dict[str, str]:
    if isinstance(where, Mapping):
        pairs = dict(where)
    else:
        for each in where:
            if "=" not in each:
                raise ConfigError(f"--where {each!r} is not of the form column=pattern, such as data=ptb-xl*")
        pairs = dict(each.split("=", 1) for each in where)
    for column in pairs:
        if column not in FILTERS:
            raise ConfigError(f"runs are not chosen by {column!r}; {nearest(column, list(FILTERS))}")
    return pairs


def _matches(row: RunRow, patterns: Mapping[str, str]) -> bool:
    return all(fnmatchcase(getattr(row, key).lower(), value.lower()) for key, value in patterns.items())


def _by_text(column: str) -> Callable[[RunRow], Any]:
    return lambda row: str(getattr(row, column)).lower()


def _largest_first(column: str) -> Callable[[RunRow], Any]:
    """Errors and other scores do not compare, so that each metric has its own block."""

    def place(row: RunRow) -> tuple[bool, str, float]:
        value = getattr(row, column)
        falling = row.metric in LOWER_IS_BETTER
        return value is None, row.metric, math.inf if value is None else value if falling else -value

    return place


_ORDER: Mapping[str, Callable[[RunRow], Any]] = {
    "date": lambda row: (not row.date, [-ord(letter) for letter in row.date]),
    "score": _largest_first("value"),
    "gain": _largest_first("gain"),
}


def _found(folder: Path) -> Iterator[Path]:
    """Folders of runs; those inside of a run belong to it, and those of a study to that."""
    if any((folder / name).is_file() for name in RECIPES):
        yield folder
        return
    try:
        below = sorted(path for path in folder.iterdir() if path.is_dir() and path.name[:1] != ".")
    except OSError:
        return
    for each in below:
        if not (each / "study.yaml").is_file() and not each.is_symlink():
            yield from _found(each)


def row_of(folder: Path, name: str = "") -> RunRow:
    """What is known of one run; a folder that cannot be read says why.

    Parameters
    ----------
    folder : Path
    name : str
        By default that of the folder.
    """
    name = name or folder.resolve().name
    try:
        return RunRow(name, str(folder), **_facts(folder))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        fault = " ".join(str(error).split())[:60]
        return RunRow(name, str(folder), state=f"not readable: {fault}")


def _facts(folder: Path) -> dict[str, Any]:
    told = _json(folder / "provenance.json")
    settings, other = told.get("settings") or {}, told.get("encoder") or {}
    own = str(other.get("name") or settings["objective"]["name"])
    facts = {
        "data": str(told["data"].get("name") or told["data"].get("source") or ""),
        "objective": own,
        "encoder": str(other.get("reference") or settings["encoder"]["name"]),
        "date": str(told.get("started", ""))[:16].replace("T", " "),
    }
    scores = _json(folder / "scores.json")["scores"] if (folder / "scores.json").is_file() else []
    facts["state"] = _state(folder, bool(other), bool(scores))
    return facts | _headline(scores, own)


def _json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise OSError(f"{path.name} is missing") from error
    except ValueError as error:
        raise ValueError(f"{path.name} is broken") from error
    if not isinstance(values, dict):
        raise ValueError(f"{path.name} is broken")
    return values


def _state(folder: Path, other: bool, scored: bool) -> str:
    if other:
        return "scored on other data"
    seeds = [path for path in (folder / SEEDS).glob("*") if path.is_dir()] or [folder]
    if scored:
        return "scored"
    if all((one / "encoder.safetensors").is_file() for one in seeds):
        return "trained"
    return _progress(next(one for one in seeds if not (one / "encoder.safetensors").is_file()))


def _progress(folder: Path) -> str:
    """How far a training came, by its log."""
    log = folder / "metrics.jsonl"
    if not log.is_file() or not log.stat().st_size:
        return "not finished"
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - TAIL))
        last = json.loads(file.read().splitlines()[-1])
    epochs = _json(folder / "provenance.json").get("settings", {}).get("training", {}).get("epochs", "?")
    return f"not finished: epoch {last['epoch']} of {epochs}"


def _headline(entries: Iterable[Mapping[str, Any]], own: str) -> dict[str, Any]:
    """The scores that stand for the run, as columns."""
    main = headline([_light(entry) for entry in entries], own)
    if not main:
        return {}
    first, n = main[0], len(main)
    value = math.fsum(score.value for score in main) / n
    facts = {"metric": first.metric, "value": value, "horizons": n if first.horizon else 0}
    gains = [score.difference[score.metric] for score in main if score.metric in score.difference]
    if gains and all(gain["value"] is not None for gain in gains):
        facts["gain"] = math.fsum(gain["value"] for gain in gains) / len(gains)
    if n == 1:
        facts |= {end: first.metrics[first.metric][end] for end in ("low", "high")}
        facts |= {f"gain_{end}": gain[end] for gain in gains for end in ("low", "high")}
    return facts


def _light(entry: Mapping[str, Any]) -> SimpleNamespace:
    """A score of the file without the checks of its class, which would take longer than all else."""
    found = entry["metrics"].get(entry["metric"]) or {}
    value = found.get("value")
    return SimpleNamespace(
        **{"rank": 100, "horizon": 0, "target": "", **entry, "value": math.nan if value is None else value}
    )
