"""The metric log of a run as arrays."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsrep.errors import RunError
from tsrep.reading import read_lines, readable
from tsrep.text import as_error

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Curves:
    """What a run wrote down while it trained; a value that was not logged is NaN.

    Attributes
    ----------
    step : int64 array, shape (line,)
        Of each training line, in order.
    terms : dict of str to float64 array, shape (line,)
        Each weighted loss term; their sum is ``loss``.
    loss, lr : float64 arrays, shape (line,)
    validation_step, validation_epoch : int64 arrays, shape (check,)
        Epoch 0 is before training.
    validation_terms : dict of str to float64 array, shape (check,)
    validation_loss, score : float64 arrays, shape (check,)
    score_name : str
        Empty when the validation part has no score.
    unread : int
        Lines of the log that could not be read.
    inner : dict of str to dict of str to float64 array, shape (line,)
        Each term of each inner optimisation of the objective, such as that of an augmenter.
    diagnostics : dict of str to float64 array, shape (line,)
        What the objective logs besides its terms, such as how much a mask keeps.
    representations : list of dict
        Numbers on representations at each validation that has any, with its ``epoch``; see
        :class:`tsrep.training.diagnostics.Diagnostics`.
    """

    step: Ints
    terms: dict[str, Floats]
    loss: Floats
    lr: Floats
    validation_step: Ints
    validation_epoch: Ints
    validation_terms: dict[str, Floats]
    validation_loss: Floats
    score: Floats
    score_name: str = ""
    unread: int = 0
    inner: dict[str, dict[str, Floats]] = field(default_factory=dict)
    diagnostics: dict[str, Floats] = field(default_factory=dict)
    representations: list[dict[str, Any]] = field(default_factory=list)

    @property
    def shown_score(self) -> tuple[str, Floats]:
        """Name and values of the score as a reader wants them: what is minus an error as the error."""
        name, sign = as_error(self.score_name)
        return name.replace("_", " "), sign * self.score

    def kept_epoch(self, rule: str = "last") -> int | None:
        """The epoch whose weights were kept; never epoch 0, and of equally good ones the first.

        Parameters
        ----------
        rule : {"last", "probe", "score", "loss"}
            ``training.keep`` of the configuration. Without scores the last is kept.
        """
        trained = self.validation_epoch > 0
        scored = rule in ("probe", "score") and np.isfinite(self.score[trained]).any()
        values = self.score if scored else self.validation_epoch.astype(np.float64)
        if rule == "loss":
            values = -self.validation_loss
        values = np.where(trained & np.isfinite(values), values, -np.inf)
        return int(self.validation_epoch[values.argmax()]) if np.isfinite(values).any() else None


def read_curves(path: Path) -> Curves:
    """Read ``metrics.jsonl``.

    A run that was killed may end in half a line, and a resumed run repeats steps: half lines are
    counted in ``unread``, and of a repeated step the last line counts.

    Raises
    ------
    RunError
        When the file is missing or holds no readable line.
    """
    if not path.is_file():
        raise RunError(f"{path} is missing; a run folder made by `tsrep fit` has it")
    with readable(path, "a metric log", "restore it, or train the run again"):
        return _curves(path, *read_lines(path))


def _curves(path: Path, entries: list[dict[str, Any]], unread: int) -> Curves:
    train: dict[int, dict[str, Any]] = {}
    checks: dict[int, dict[str, Any]] = {}
    for entry in entries:
        try:
            (train if entry["kind"] == "train" else checks)[int(entry["step"])] = entry
        except (ValueError, KeyError, TypeError):
            unread += 1
    if not train and not checks:
        raise RunError(f"{path} holds no readable line; train with `tsrep fit` first")
    lines, points = ([entries[step] for step in sorted(entries)] for entries in (train, checks))
    inner = [line.get("inner") or {} for line in lines]
    return Curves(
        step=_ints(lines, "step"),
        terms=_named(lines, "terms"),
        validation_step=_ints(points, "step"),
        validation_epoch=_ints(points, "epoch"),
        validation_terms=_named(points, "terms"),
        validation_loss=_floats(points, "loss"),
        score=_floats(points, "score"),
        score_name=next((str(point["score_name"]) for point in points if point.get("score_name")), ""),
        unread=unread,
        inner={name: _named(inner, name) for name in _keys(lines, "inner")},
        diagnostics=_named(lines, "diagnostics"),
        representations=[
            {"epoch": int(point["epoch"]), **point["diagnostics"]}
            for point in points
            if point.get("diagnostics")
        ],
        loss=_floats(lines, "loss"),
        lr=_floats(lines, "lr"),
    )


def smooth(values: Floats, width: int) -> Floats:
    """Centred running mean over ``width`` values that passes over NaN; the ends use what there is."""
    finite = np.isfinite(values)
    kernel = np.ones(max(1, min(width, len(values))))
    total = np.convolve(np.where(finite, values, 0.0), kernel, mode="same")
    count = np.convolve(finite.astype(np.float64), kernel, mode="same")
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan))


def _ints(entries: list[dict[str, Any]], key: str) -> Ints:
    return np.array([int(e.get(key, 0)) for e in entries], dtype=np.int64)


def _floats(entries: list[dict[str, Any]], key: str) -> Floats:
    return np.array([np.nan if e.get(key) is None else float(e[key]) for e in entries], dtype=np.float64)


def _keys(entries: list[dict[str, Any]], key: str) -> list[str]:
    return list(dict.fromkeys(name for entry in entries for name in entry.get(key) or {}))


def _named(entries: list[dict[str, Any]], key: str) -> dict[str, Floats]:
    rows = [entry.get(key) or {} for entry in entries]
    return {name: _floats(rows, name) for name in _keys(entries, key)}
